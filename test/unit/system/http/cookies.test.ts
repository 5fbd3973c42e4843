// Cookies of one origin: kept, sent where their path covers, and forgotten in time.
import { expect, test } from 'vitest'
import { createCookieJar } from '../../../../src/system/http/cookies.ts'

const URL_1 = new URL('https://mcp.example/a/mcp')

function jar() {
  let time = Date.parse('2026-01-01T00:00:00Z')
  const made = createCookieJar(() => time)
  return {
    ...made,
    at: (path: string) => made.header(new URL(path, URL_1)),
    pass: (ms: number) => {
      time += ms
    },
  }
}

test('an empty jar sends nothing', () => {
  expect(jar().header(URL_1)).toBeUndefined()
})

test('cookies are sent back unchanged, and a newer one of the same name replaces the older', () => {
  const { take, header } = jar()
  take(URL_1, ['lb="node-1=="; Path=/; HttpOnly', 'x=1; Path=/'])
  expect(header(URL_1)).toBe('lb="node-1=="; x=1')
  take(URL_1, 'lb=node-2; path=/')
  expect(header(URL_1)).toBe('x=1; lb=node-2')
})

test('a path limits where a cookie is sent, and without one it is the folder of the URL', () => {
  const { take, at } = jar()
  take(URL_1, ['narrow=1; Path=/a/mcp', 'folder=1', 'root=1; Path=/', 'odd=1; Path=relative'])
  expect(at('/a/mcp')).toBe('narrow=1; folder=1; odd=1; root=1')
  expect(at('/a/mcp/deeper')).toBe('narrow=1; folder=1; odd=1; root=1')
  expect(at('/a/mcpx')).toBe('folder=1; odd=1; root=1')
  expect(at('/b')).toBe('root=1')
})

test('Max-Age overrides Expires, and an expired cookie is forgotten', () => {
  const { take, header, pass } = jar()
  take(URL_1, [
    'short=1; Max-Age=10; Expires=Fri, 01 Jan 2100 00:00:00 GMT',
    'dated=1; Expires=Thu, 01 Jan 2026 00:01:00 GMT',
    'odd=1; Expires=whenever; Max-Age=x',
  ])
  expect(header(URL_1)).toBe('short=1; dated=1; odd=1')
  pass(10_000)
  expect(header(URL_1)).toBe('dated=1; odd=1')
  pass(50_000)
  expect(header(URL_1)).toBe('odd=1')
  take(URL_1, 'odd=; Max-Age=0')
  expect(header(URL_1)).toBeUndefined()
})

test('Secure is accepted over https only, and Domain does not widen where a cookie is sent', () => {
  const { take, header } = jar()
  take(new URL('http://127.0.0.1/'), 's=1; Secure; Path=/')
  expect(header(new URL('http://127.0.0.1/'))).toBeUndefined()
  take(URL_1, 's=1; Secure; Path=/; Domain=example')
  expect(header(URL_1)).toBe('s=1')
})

test.each(['', '=nameless', 'noequals', 'a=b\u0001', 'a=ü', 'sp ace=1', `big=${'x'.repeat(5_000)}`])(
  '%j is not a cookie',
  (text) => {
    const { take, header } = jar()
    take(URL_1, text)
    expect(header(URL_1)).toBeUndefined()
  },
)

test('a server cannot fill the memory with cookies', () => {
  const { take, header } = jar()
  take(
    URL_1,
    Array.from({ length: 500 }, (_, at) => `c${at}=1; Path=/`),
  )
  expect(header(URL_1)?.split('; ')).toHaveLength(50)
})
