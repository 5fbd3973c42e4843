// PostgreSQL behind the interface of the stores, through `pg`: nothing lives in a session, so it works behind PgBouncer in transaction mode
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Database, Row, Sql, Values } from '../sql.ts'
import { toSqlTime } from '../values/time.ts'
import { EndingStorage } from './endingStorage.ts'
import { isUnanswered, shouldRepeat, translated } from './errors.ts'
import { createConnections } from './pool.ts'
import { createStatements, type Statements } from './statements.ts'
import { splitTls, type Tls } from './tls.ts'

export interface PostgresOptions {
  /** With the password; it is never shown. */
  readonly url: string
  /** Host, port and database, for people. */
  readonly shown: string
  /** Connections at once; preset: 10. */
  readonly connections?: number
  readonly log: Logger
  /** How long a connection may take, and a statement, in ms; preset: 5,000 each. */
  readonly connectMs?: number
  readonly statementMs?: number
}

/** A migration may have to wait for another one, in ms. */
const TRANSACTION_MS = 60_000
/** A process that stands still in a transaction loses it, and what it holds, after so many ms. */
const IDLE_MS = 10_000
/** How long `close` waits for connections in use, in ms. */
const CLOSE_MS = 5_000
/** How often a transaction runs that others keep from its end. */
const MOST_RUNS = 5

/** Whatever the database's own settings: a statement that waited for a row sees it as it is then. */
const READ_WRITE = 'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE'
const READ_ONLY = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

/** Connects with the first statement. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, shown, connections = 10, log, connectMs = 5_000, statementMs = 5_000 } = options
  const { url: connectionString, isDirect, tls } = splitTls(url, shown)
  const pool = new pg.Pool({
    connectionString,
    ...(isDirect ? { sslnegotiation: 'direct' as const } : {}),
    max: connections,
    connectionTimeoutMillis: connectMs,
    query_timeout: TRANSACTION_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: 'mcp-oauth-bridge',
    types: { getTypeParser },
    Client: plainClient(tls),
  })
  // Of connections that nobody uses now; the next statement opens another one.
  pool.on('error', ({ message }) => log.debug('store:postgres', { message }))
  const limits = `SET LOCAL statement_timeout = ${statementMs}; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MS}`
  const statements = createStatements()
  const current = new EndingStorage<Scope>()
  const work = <T>(run: () => Promise<T>) => {
    // It would wait for a second connection, and perhaps for rows that its own transaction holds.
    if (current.getStore()?.isOver === false)
      return Promise.reject(new Error('A transaction awaited something other than its statements.'))
    return translated(() => repeated(run), shown)
  }

  const connected = createConnections(pool)
  const within = <T>(begin: string, body: (sql: Sql) => Promise<T>): Promise<T> =>
    connected(async (client, leave) => {
      const scope: Scope = { isOver: false }
      try {
        await client.query(`${begin}; ${limits}`)
        const result = await current.runToEnd(scope, () => body(sqlOn(client, statements, { scope })))
        scope.isOver = true
        const { command } = await client.query('COMMIT')
        // What PostgreSQL makes of it after a statement that failed, although `body` went on.
        if (command !== 'COMMIT') throw new Error('A statement of the transaction failed, so nothing of it was kept.')
        return result
      } catch (thrown) {
        scope.isOver = true
        // A statement that has no answer yet would keep the next one waiting.
        if (isUnanswered(thrown)) leave(thrown as Error)
        else await client.query('ROLLBACK').catch(leave)
        throw thrown
      }
    })
  const alone = <T>(run: (sql: Sql) => Promise<T>): Promise<T> =>
    work(() =>
      connected((client, leave) =>
        run(sqlOn(client, statements, { timeoutMs: statementMs })).catch((thrown) => {
          leave(thrown)
          throw thrown
        }),
      ),
    )
  let closing: Promise<void> | undefined
  return {
    kind: 'postgres',
    get: (text, ...values) => alone((sql) => sql.get(text, ...values)),
    all: (text, ...values) => alone((sql) => sql.all(text, ...values)),
    run: (text, ...values) => alone((sql) => sql.run(text, ...values)),
    runUnsynced: (text, ...values) => alone((sql) => sql.run(text, ...values)),
    transaction: (body) => work(() => within(READ_WRITE, body)),
    snapshot: (body) => work(() => within(READ_ONLY, body)),
    close() {
      closing ??= ended(pool)
      return closing
    },
  }
}

/** A transaction, and whether it is over. */
interface Scope {
  isOver: boolean
}

/** The database and its roles may have other settings; these two a connection may begin with also at PgBouncer. */
const plainClient = (tls: () => Tls) =>
  class extends pg.Client {
    /** Of the files of TLS. The pool makes clients also in callbacks, where nobody would catch it. */
    readonly #fault: Error | undefined

    constructor(config?: pg.ClientConfig) {
      const { ssl, fault } = tried(tls)
      super({ ...config, ...present({ ssl }) })
      this.#fault = fault
    }

    override connect(): Promise<this>
    override connect(callback: (error: Error) => void): void
    override connect(callback?: (error: Error) => void): unknown {
      const fault = this.#fault
      if (!fault) return callback ? super.connect(callback) : super.connect()
      return callback ? process.nextTick(callback, fault) : Promise.reject(fault)
    }

    getStartupConf(): object {
      const inherited = Reflect.get(pg.Client.prototype, 'getStartupConf') as () => object
      return { ...inherited.call(this), DateStyle: 'ISO, MDY', TimeZone: 'UTC' }
    }
  }

function tried(tls: () => Tls): { readonly ssl?: Tls; readonly fault?: Error } {
  try {
    return { ssl: tls() }
  } catch (thrown) {
    return { fault: thrown as Error }
  }
}

async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let run = 1; ; run++) {
    try {
      return await work()
    } catch (thrown) {
      if (run === MOST_RUNS || !shouldRepeat(thrown)) throw thrown
      // Whoever was waited for comes first; two that begin again at once would meet again.
      await sleep(run * (20 + Math.random() * 80))
    }
  }
}

/** A server that has gone does not keep the process from its end. */
async function ended(pool: pg.Pool): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_MS)
  })
  await Promise.race([pool.end(), late])
  clearTimeout(timer)
}

interface Bounds {
  readonly scope?: Scope
  readonly timeoutMs?: number
}

function sqlOn(connection: pg.PoolClient, { prepared }: Statements, { scope, timeoutMs }: Bounds): Sql {
  const query = async (sql: string, values: Values) => {
    // The connection may be somebody else's now.
    if (scope?.isOver) throw new Error('A statement came after its transaction was over.')
    const { text, order } = prepared(sql)
    const statement = { text, ...present({ values: order(values), query_timeout: timeoutMs }) }
    const answer = await connection.query<Row>(statement)
    // Several statements in one text have an answer each.
    return Array.isArray(answer) ? ((answer as unknown as pg.QueryResult<Row>[]).at(-1) as pg.QueryResult<Row>) : answer
  }
  return {
    get: async (sql, ...values) => (await query(sql, values)).rows[0],
    all: async (sql, ...values) => (await query(sql, values)).rows,
    run: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
  }
}

const [BOOLEAN, TIMESTAMPTZ, TIMESTAMP] = [16, 1184, 1114]
/** int8, int2, int4, oid, float4, float8, numeric */
const NUMBERS = [20, 21, 23, 26, 700, 701, 1700]

/** As the stores read values: times as UTC text, booleans as 0 and 1, numbers where they are exact, and text. */
function getTypeParser(oid: number): (value: string) => unknown {
  if (oid === BOOLEAN) return (value) => (value === 't' ? 1 : 0)
  if (NUMBERS.includes(oid)) return numberOf
  const moment = pg.types.getTypeParser(TIMESTAMPTZ) as (value: string) => unknown
  if (oid === TIMESTAMPTZ) return (value) => toSqlTime(Number(moment(value)))
  if (oid === TIMESTAMP) return (value) => toSqlTime(Number(moment(`${value}+00`)))
  return (value) => value
}

/** A whole number beyond 2^53 stays text. */
function numberOf(value: string): number | string {
  const number = Number(value)
  return /^-?\d+$/.test(value) && !Number.isSafeInteger(number) ? value : number
}
