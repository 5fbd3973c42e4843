// A PostgreSQL server of its own in a temporary folder, and PgBouncer in front of it: from Debian's packages, or the server that MCP_TEST_POSTGRES names
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Certificate } from './certificates.ts'
import { freePort } from './freePort.ts'
import { until } from './until.ts'

const USER = 'oauth_user'
/** In no message, log or error. */
export const PASSWORD = 'oauth_pass'
/** Far from UTC, so that nothing depends on where a server thinks that it is; a deadlock is found at once. */
const SETTINGS = ['timezone=Asia/Kolkata', 'deadlock_timeout=100ms', 'fsync=off', 'autovacuum=off']

/** Where Debian keeps the server's programs. */
function programs(): string | undefined {
  const root = '/usr/lib/postgresql'
  const version = existsSync(root) ? readdirSync(root).sort().at(-1) : undefined
  const folder = version === undefined ? undefined : join(root, version, 'bin')
  return folder !== undefined && existsSync(join(folder, 'initdb')) ? folder : undefined
}

/** Undefined: it can be started, or is there. */
export const whyNoPostgres = (): string | undefined =>
  process.env.MCP_TEST_POSTGRES || programs() ? undefined : 'postgresql is not installed'

export const whyNoPgBouncer = (): string | undefined =>
  programs() && existsSync('/usr/sbin/pgbouncer') ? undefined : 'pgbouncer is not installed'

/** Both servers refuse to run as root. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const [, , uid, gid] = (/^postgres:.*$/m.exec(readFileSync('/etc/passwd', 'utf8'))?.[0] ?? '').split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

export interface PostgresTls {
  readonly certificate: Certificate
  /** Preset: connections without TLS are accepted too. */
  readonly demands?: 'TLS' | 'a client certificate'
  /** File of the authority of client certificates. */
  readonly authority?: string
}

export interface Postgres {
  readonly port: number
  /** The folder of its sockets. */
  readonly sockets: string
  /** `postgresql://…` of a new, empty database. */
  fresh(): Promise<string>
  /** For programs such as psql: where it is, and who may. */
  environment(url: string): Record<string, string>
  /** For new connections from now on; undefined: no TLS, as at the start. Only at a cluster of its own. */
  useTls(tls?: PostgresTls): Promise<void>
  stop(): Promise<void>
  /** Again, with what was in it. */
  start(): Promise<void>
  /** A standby that follows it and only reads; only of a cluster of its own. Gives its port. */
  standby(): Promise<number>
  /** PgBouncer in transaction mode in front of it; gives a URL of the same database through it. */
  bouncer(): Promise<(url: string) => string>
  close(): Promise<void>
}

export async function startPostgres(): Promise<Postgres> {
  const given = process.env.MCP_TEST_POSTGRES
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-postgres-'))
  const who = unprivileged()
  if (who.uid !== undefined) chownSync(folder, who.uid, who.gid ?? who.uid)
  chmodSync(folder, 0o755)
  const ends: (() => Promise<void>)[] = []
  const port = given ? Number(new URL(given).port || 5432) : await freePort()
  const admin = given ?? `postgresql://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`
  const bin = programs() ?? ''
  const data = join(folder, 'data')

  const startAt = (cluster: string, at: number) => {
    const log = `${cluster}.log`
    const settings = [...SETTINGS, 'listen_addresses=127.0.0.1', 'max_connections=300']
    const options = `-p ${at} -k ${folder} ${settings.map((setting) => `-c ${setting}`).join(' ')}`
    // Its processes are not ours: what pg_ctl started goes on by itself.
    const { status: code, stderr } = spawnSync(
      join(bin, 'pg_ctl'),
      ['-D', cluster, '-o', options, '-l', log, '-w', 'start'],
      { ...who, cwd: folder, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
    )
    if (code !== 0) throw new Error(`PostgreSQL does not start: ${stderr} ${readFileSync(log, 'utf8')}`)
  }
  const haltAt = (cluster: string) =>
    spawnSync(join(bin, 'pg_ctl'), ['-D', cluster, '-m', 'immediate', '-w', 'stop'], {
      ...who,
      cwd: folder,
      stdio: 'ignore',
    })
  const start = async () => startAt(data, port)
  const halt = () => haltAt(data)
  const stop = async () => void halt()
  if (!given) {
    const secret = join(folder, 'password')
    writeFileSync(secret, `${PASSWORD}\n`)
    if (who.uid !== undefined) chownSync(secret, who.uid, who.gid ?? who.uid)
    execFileSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', USER, '-A', 'scram-sha-256', '--pwfile', secret, '-E', 'UTF8', '--locale=C', '-N'],
      { ...who, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
    )
    await start()
    // A test run that is cut off leaves no server behind.
    process.once('exit', halt)
    ends.push(stop)
  }

  return {
    port,
    sockets: folder,
    start,
    stop,
    async fresh() {
      const name = `oauth_${randomBytes(6).toString('hex')}`
      const client = new pg.Client({ connectionString: admin })
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      const url = new URL(admin)
      url.pathname = `/${name}`
      return url.href
    },
    environment(url) {
      const { hostname, port: at, username, password, pathname } = new URL(url)
      return { PGHOST: hostname, PGPORT: at, PGUSER: username, PGPASSWORD: password, PGDATABASE: pathname.slice(1) }
    },
    async useTls(tls) {
      const mine = (name: string, text: string) => {
        const path = join(data, name)
        rmSync(path, { force: true })
        writeFileSync(path, text, { mode: 0o600 })
        if (who.uid !== undefined) chownSync(path, who.uid, who.gid ?? who.uid)
      }
      const kind = tls?.demands === undefined ? 'host' : 'hostssl'
      const options = tls?.demands === 'a client certificate' ? ' clientcert=verify-ca' : ''
      mine('pg_hba.conf', `local all all scram-sha-256\n${kind} all all all scram-sha-256${options}\n`)
      if (tls) {
        mine('server.crt', readFileSync(tls.certificate.cert, 'utf8'))
        mine('server.key', readFileSync(tls.certificate.key, 'utf8'))
        mine('root.crt', tls.authority === undefined ? '' : readFileSync(tls.authority, 'utf8'))
      }
      // The socket lets in whoever knows the password, whatever the network has to do.
      const asked = async (...statements: string[]) => {
        const client = new pg.Client({ host: folder, port, user: USER, password: PASSWORD, database: 'postgres' })
        await client.connect()
        let row: Record<string, unknown> = {}
        for (const statement of statements) row = (await client.query(statement)).rows[0] ?? {}
        await client.end()
        return String(row.at)
      }
      const loaded = 'SELECT pg_conf_load_time()::text AS at'
      const before = await asked(loaded)
      await asked(
        `ALTER SYSTEM SET ssl = ${tls ? 'on' : 'off'}`,
        `ALTER SYSTEM SET ssl_ca_file = '${tls?.authority === undefined ? '' : 'root.crt'}'`,
        'SELECT pg_reload_conf()',
      )
      await until('PostgreSQL to read its settings again', async () => (await asked(loaded)) !== before)
    },
    async standby() {
      const at = await freePort()
      const copy = join(folder, 'standby')
      execFileSync(
        join(bin, 'pg_basebackup'),
        ['-D', copy, '-R', '-c', 'fast', '-d', `postgresql://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`],
        { ...who, cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] },
      )
      startAt(copy, at)
      const haltCopy = () => haltAt(copy)
      process.once('exit', haltCopy)
      ends.unshift(async () => {
        process.off('exit', haltCopy)
        haltCopy()
      })
      return at
    },
    async bouncer() {
      const at = await freePort()
      const users = join(folder, 'users.txt')
      writeFileSync(users, `"${USER}" "${PASSWORD}"\n`)
      const config = join(folder, 'pgbouncer.ini')
      writeFileSync(
        config,
        `[databases]\n* = host=127.0.0.1 port=${port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${at}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = ${users}\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\nserver_login_retry = 1\n`,
      )
      const child = spawn('/usr/sbin/pgbouncer', [config], { ...who, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
      let said = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          said += chunk
        })
      ends.unshift(async () => {
        const gone = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        await gone
      })
      await until(
        'PgBouncer to listen',
        () => takesConnections(at),
        () => said,
      )
      return (url) => {
        const through = new URL(url)
        through.port = String(at)
        return through.href
      }
    },
    async close() {
      process.off('exit', halt)
      for (const end of ends) await end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const takesConnections = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
