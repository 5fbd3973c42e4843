// The URL of a PostgreSQL database, as people write it.
import { expect, test } from 'vitest'
import { isPostgres, parsePostgresUrl, postgresFault } from '../../../../src/config/file/postgresUrl.ts'

test('the guide’s URL is shown as host, port and database, without its password', () => {
  const found = parsePostgresUrl('postgresql://oauth_user:oauth_pass@localhost:5432/oauth_db')
  expect(found).toEqual({
    url: 'postgresql://oauth_user:oauth_pass@localhost:5432/oauth_db',
    password: 'oauth_pass',
    shown: 'localhost:5432/oauth_db',
  })
})

test.each(['p@ss', 'a/b', 'a#b', 'a?b', '100%', 'a:b', 'p@h:1/x', 'ü ß', '%zz', '[x]', 'a b'])(
  'a password %j need not be percent-encoded',
  (password) => {
    const found = parsePostgresUrl(`postgres://u:${password}@db.example:6000/name?sslmode=require`)
    expect(found).toMatchObject({ password, shown: 'db.example:6000/name' })
    const url = new URL(found?.url ?? '')
    expect([url.hostname, url.port, url.pathname, url.search]).toEqual([
      'db.example',
      '6000',
      '/name',
      '?sslmode=require',
    ])
    expect(decodeURIComponent(url.password)).toBe(password)
  },
)

test('a password that is percent-encoded is decoded once', () => {
  expect(parsePostgresUrl('postgresql://u:p%40ss%2F@h/d')).toMatchObject({
    password: 'p@ss/',
    url: 'postgresql://u:p%40ss%2F@h:5432/d',
  })
})

test.each([
  ['postgresql://h/d', 'h:5432/d'],
  ['postgresql://u@[::1]:5433/d', '[::1]:5433/d'],
  ['postgresql:///d?host=/run/postgresql', '/run/postgresql:5432/d'],
])('%s is one too', (text, shown) => {
  expect(parsePostgresUrl(text)).toMatchObject({ shown, password: undefined })
})

test.each([
  'postgresql:',
  'postgresql://',
  'postgresql://h',
  'postgresql://h/',
  'postgresql:///d',
  'postgresql://h:99999/d',
  'postgresql://h:x/d',
  'postgresql://u:p@/d',
  'postgresql://h/d#x',
  'postgresql://h/d\nx',
  'postgresql://h/a/b',
])('%j is none', (text) => {
  expect(isPostgres(text)).toBe(true)
  expect(parsePostgresUrl(text)).toBeUndefined()
})

test.each([
  ['', undefined],
  ['?sslmode=verify-full&sslrootcert=/etc/ca.pem', undefined],
  ['?sslmode=no-verify', undefined],
  ['?sslmode=', undefined],
  ['?sslmode=verify_full', /^must have one of these as sslmode: disable, .* verify-full, no-verify$/],
  ['?application_name=x&sslmode=on', /sslmode/],
])('of the query %j a wrong sslmode is told, and nothing of the URL repeated', (query, words) => {
  for (const text of [`postgresql://u:canary?sslmode=x@h/d${query}`, `postgres://h/d${query}`]) {
    const fault = postgresFault(text)
    expect(fault).toEqual(words && expect.stringMatching(words))
    expect(fault ?? '').not.toMatch(/canary|verify_full/)
  }
})
