// TLS to PostgreSQL with real certificates: each sslmode ends connected, or in words with a remedy and never the password
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parsePostgresUrl } from '../../src/config/file/postgresUrl.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import { createFakeLogger } from '../fakes/fakeLogger.ts'
import { createGate } from '../fakes/gate.ts'
import { errorOf } from '../fakes/thrown.ts'
import { type Certificate, makeAuthority, whyNoOpenssl } from '../servers/certificates.ts'
import { PASSWORD, type Postgres, startPostgres, whyNoPostgres } from '../servers/postgres.ts'

const isPossible = (whyNoPostgres() ?? whyNoOpenssl()) === undefined && !process.env.MCP_TEST_POSTGRES

describe.skipIf(!isPossible)('TLS to PostgreSQL', () => {
  let folder = ''
  let server: Postgres
  let url = ''
  const made = {} as Record<'good' | 'address' | 'other' | 'expired' | 'client', Certificate>

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-tls-'))
    const authority = makeAuthority(folder)
    makeAuthority(join(folder, 'elsewhere'))
    made.good = authority.sign('good', { names: ['DNS:localhost'] })
    made.address = authority.sign('address', { names: ['IP:127.0.0.1'] })
    made.other = authority.sign('other', { names: ['DNS:db.example.com'] })
    made.expired = authority.sign('expired', { names: ['DNS:localhost'], days: -1 })
    made.client = authority.sign('client', { names: ['DNS:client'] })
    execFileSync('openssl', ['ec', '-in', 'client.key', '-aes256', '-passout', 'pass:x', '-out', 'locked.key'], {
      cwd: folder,
      stdio: 'ignore',
    })
    writeFileSync(join(folder, 'prose.pem'), 'No certificate.\n')
    server = await startPostgres()
    url = await server.fresh()
  })
  afterAll(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** `{}` in `search` is the folder of the certificates. */
  const reach = async (host: string, search: string) => {
    const text = url.replace('127.0.0.1', host) + search.replaceAll('{}', folder)
    const { url: read = '', shown = '' } = parsePostgresUrl(text) ?? {}
    const log = createFakeLogger()
    const database = openPostgres({ url: read, shown, log })
    const get = () => database.get('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    try {
      return (await get())?.ssl === 1 ? 'with TLS' : 'without TLS'
    } catch {
      const errors = [await errorOf(get), await errorOf(() => database.transaction(async () => 1))]
      for (const error of errors) {
        expect(error.code).toBe('database_unreachable')
        expect(error.message).toContain(shown)
        expect(inspect([error, log.entries], { depth: 20, showHidden: true })).not.toContain(PASSWORD)
      }
      return `${errors[0]?.message} ${errors[0]?.hint}`
    } finally {
      await database.close()
    }
  }

  const CA = 'sslrootcert={}/ca.pem'
  const EXPIRED = /certificate has expired.*renew/i
  const NAME = /altnames.*(verify-ca|sslmode)/
  const UNKNOWN = /(self-signed|issuer|first) certificate.*sslrootcert/i
  const NO_TLS = /does not support SSL.*sslmode=disable/
  /** Certificate of the server, host, what the URL asks for, and the end. */
  const rows: readonly (readonly [keyof typeof made | undefined, string, string, RegExp | string])[] = [
    ['good', 'localhost', `?sslmode=verify-full&${CA}`, 'with TLS'],
    ['good', 'localhost', `?sslmode=verify-ca&${CA}`, 'with TLS'],
    ['good', 'localhost', `?sslmode=require&${CA}`, 'with TLS'],
    ['good', 'localhost', `?sslmode=prefer&${CA}`, 'with TLS'],
    ['good', 'localhost', `?${CA}`, 'with TLS'],
    ['good', 'localhost', `?ssl=true&${CA}`, 'with TLS'],
    ['good', 'localhost', '?sslmode=no-verify', 'with TLS'],
    ['good', 'localhost', '?sslmode=disable', 'without TLS'],
    ['good', 'localhost', `?sslmode=disable&${CA}`, 'without TLS'],
    ['good', 'localhost', '?ssl=false', 'without TLS'],
    ['good', 'localhost', '', 'without TLS'],
    ['good', '127.0.0.1', `?sslmode=verify-full&${CA}`, NAME],
    ['good', 'localhost', '?sslmode=require', UNKNOWN],
    ['good', 'localhost', '?sslmode=verify-ca', UNKNOWN],
    ['good', 'localhost', '?sslmode=verify-full', UNKNOWN],
    ['good', 'localhost', '?sslmode=verify-full&sslrootcert=system', UNKNOWN],
    ['good', 'localhost', '?sslmode=verify-full&sslrootcert={}/elsewhere/ca.pem', UNKNOWN],
    ['good', 'localhost', '?sslmode=verify-ca&sslrootcert={}/elsewhere/ca.pem', UNKNOWN],
    ['good', 'localhost', '?sslmode=require&sslrootcert={}/nowhere.pem', /ENOENT.*nowhere\.pem.*sslrootcert/],
    ['good', 'localhost', '?sslmode=require&sslrootcert={}', /EISDIR.*sslrootcert/],
    ['good', 'localhost', '?sslmode=require&sslrootcert={}/prose.pem', /prose\.pem.*no certificate.*sslrootcert/],
    ['address', '127.0.0.1', `?sslmode=verify-full&${CA}`, 'with TLS'],
    ['address', 'localhost', `?sslmode=verify-full&${CA}`, NAME],
    ['other', 'localhost', `?sslmode=verify-full&${CA}`, NAME],
    ['other', 'localhost', `?sslmode=require&${CA}`, NAME],
    ['other', 'localhost', `?sslmode=verify-ca&${CA}`, 'with TLS'],
    ['other', 'localhost', '?sslmode=no-verify', 'with TLS'],
    ['expired', 'localhost', `?sslmode=verify-full&${CA}`, EXPIRED],
    ['expired', 'localhost', `?sslmode=verify-ca&${CA}`, EXPIRED],
    ['expired', 'localhost', `?sslmode=require&${CA}`, EXPIRED],
    ['expired', 'localhost', '?sslmode=no-verify', 'with TLS'],
    [undefined, 'localhost', `?sslmode=require&${CA}`, NO_TLS],
    [undefined, 'localhost', `?sslmode=prefer`, NO_TLS],
    [undefined, 'localhost', '?sslmode=no-verify', NO_TLS],
    [undefined, 'localhost', '?sslmode=disable', 'without TLS'],
  ]

  describe.each(['good', 'address', 'other', 'expired', undefined] as const)('certificate %s', (name) => {
    beforeAll(() => server.useTls(name && { certificate: made[name] }))

    test.each(rows.filter(([certificate]) => certificate === name))('%s: %s%s is %s', async (_, host, search, end) => {
      expect(await reach(host, search)).toEqual(typeof end === 'string' ? end : expect.stringMatching(end))
    })
  })

  test('a folder of sockets is reached without TLS, whatever sslmode says', async () => {
    const query = `?host=${encodeURIComponent(server.sockets)}&port=${server.port}&sslmode=verify-full&${CA}`
    const { username, password, pathname } = new URL(url)
    const text = `postgresql://${username}:${password}@${pathname}${query.replace('{}', folder)}`
    const read = parsePostgresUrl(text)
    const database = openPostgres({ url: read?.url ?? '', shown: read?.shown ?? '', log: createFakeLogger() })
    expect(await database.get('SELECT 1 AS one')).toEqual({ one: 1 })
    await database.close()
  })

  test('a certificate that cannot be read any more fails what waits for a connection, and nothing else', async () => {
    await server.useTls({ certificate: made.good })
    const file = join(folder, 'moved.pem')
    copyFileSync(join(folder, 'ca.pem'), file)
    const text = `${url.replace('127.0.0.1', 'localhost')}?sslmode=verify-full&sslrootcert=${file}`
    const { shown = '' } = parsePostgresUrl(text) ?? {}
    const database = openPostgres({ url: text, shown, connections: 1, log: createFakeLogger() })
    const [begun, goOn] = [createGate(), createGate()]
    const first = database.transaction(async (sql) => {
      begun.open()
      await goOn.passed
      await sql.run('SELECT pg_terminate_backend(pg_backend_pid())')
    })
    await begun.passed
    const waiting = errorOf(() => database.get('SELECT 1'))
    rmSync(file)
    goOn.open()
    expect((await errorOf(first)).code).toBe('database_unreachable')
    expect((await waiting).message).toMatch(/sslrootcert cannot be used: ENOENT/)
    copyFileSync(join(folder, 'ca.pem'), file)
    expect(await database.get('SELECT 1 AS one')).toEqual({ one: 1 })
    await database.close()
  })

  test('a server that demands TLS says so, with the sslmode to write', async () => {
    await server.useTls({ certificate: made.good, demands: 'TLS' })
    for (const search of ['', '?sslmode=disable'])
      expect(await reach('localhost', search)).toMatch(/no encryption.*sslmode=verify-full/)
    expect(await reach('localhost', `?sslmode=verify-full&${CA}`)).toBe('with TLS')
  })

  test('a server that demands a certificate gets the one of sslcert and sslkey', async () => {
    await server.useTls({
      ...{ certificate: made.good, demands: 'a client certificate' },
      authority: join(folder, 'ca.pem'),
    })
    const full = `?sslmode=verify-full&${CA}`
    expect(await reach('localhost', full)).toMatch(/client certificate.*sslcert/)
    expect(await reach('localhost', `${full}&sslcert={}/client.pem&sslkey={}/client.key`)).toBe('with TLS')
    for (const [files, why] of [
      ['sslcert={}/client.pem&sslkey={}/other.key', /sslkey/],
      ['sslcert={}/client.pem&sslkey={}/locked.key', /sslkey/],
      ['sslcert={}/client.pem', /sslkey/],
      ['sslcert={}/nowhere.pem&sslkey={}/client.key', /ENOENT.*nowhere\.pem/],
    ] as const)
      expect(await reach('localhost', `${full}&${files}`)).toMatch(why)
  })
})
