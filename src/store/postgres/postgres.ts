// PostgreSQL behind the interface of the stores, through `pg`: nothing lives in a session, so it works behind PgBouncer in transaction mode
import pg from 'pg'
import type { Logger } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Database, Row, Sql, Values } from '../sql.ts'
import { toSqlTime } from '../values/time.ts'
import { isUnanswered, shouldRepeat, translated } from './errors.ts'
import { createStatements, type Statements } from './statements.ts'

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

/** A migration may have to wait for another one. */
const TRANSACTION_MS = 60_000
/** How often a transaction runs that others keep from its end. */
const MOST_RUNS = 4

/** Connects with the first statement. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, shown, connections = 10, log, connectMs = 5_000, statementMs = 5_000 } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectMs,
    query_timeout: TRANSACTION_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
    application_name: 'mcp-oauth-bridge',
    types: { getTypeParser },
  })
  // Of connections that nobody uses now; the next statement opens another one.
  pool.on('error', ({ message }) => log.debug('store:postgres', { message }))
  const statements = createStatements()
  const work = <T>(run: () => Promise<T>) => translated(run, shown)

  const within = async <T>(begin: string, body: (sql: Sql) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
    let broken: Error | undefined
    // Without it, a connection that breaks now would end the process.
    const note = (error: Error) => {
      broken = error
    }
    client.on('error', note)
    try {
      await client.query(`${begin}; SET LOCAL statement_timeout = ${statementMs}; SET LOCAL TIME ZONE 'UTC'`)
      const result = await body(sqlOn(client, statements, TRANSACTION_MS))
      const { command } = await client.query('COMMIT')
      // What PostgreSQL makes of it after a statement that failed, although `body` went on.
      if (command !== 'COMMIT') throw new Error('A statement of the transaction failed, so nothing of it was kept.')
      return result
    } catch (thrown) {
      // A statement that has no answer yet would keep the next one waiting.
      if (isUnanswered(thrown)) note(thrown as Error)
      else await client.query('ROLLBACK').catch(note)
      throw thrown
    } finally {
      client.off('error', note)
      client.release(broken)
    }
  }
  const repeated = async <T>(begin: string, body: (sql: Sql) => Promise<T>): Promise<T> => {
    for (let run = 1; ; run++) {
      try {
        return await within(begin, body)
      } catch (thrown) {
        if (run === MOST_RUNS || !shouldRepeat(thrown)) throw thrown
      }
    }
  }
  const sql = sqlOn(pool, statements, statementMs)
  return {
    kind: 'postgres',
    get: (text, ...values) => work(() => sql.get(text, ...values)),
    all: (text, ...values) => work(() => sql.all(text, ...values)),
    run: (text, ...values) => work(() => sql.run(text, ...values)),
    runUnsynced: (text, ...values) => work(() => sql.run(text, ...values)),
    transaction: (body) => work(() => repeated('BEGIN', body)),
    snapshot: (body) => work(() => repeated('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', body)),
    close: () => pool.end(),
  }
}

function sqlOn(connection: Pick<pg.Pool, 'query'> | pg.PoolClient, { prepared }: Statements, longestMs: number): Sql {
  const query = async (sql: string, values: Values) => {
    const { text, order } = prepared(sql)
    const answer = await (connection as pg.PoolClient).query<Row>({
      ...{ text, query_timeout: longestMs },
      ...present({ values: order(values) }),
    })
    // Several statements in one text have an answer each.
    return Array.isArray(answer) ? ((answer as unknown as pg.QueryResult<Row>[]).at(-1) as pg.QueryResult<Row>) : answer
  }
  return {
    get: async (sql, ...values) => (await query(sql, values)).rows[0],
    all: async (sql, ...values) => (await query(sql, values)).rows,
    run: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
  }
}

const [BOOLEAN, INT8, TIMESTAMPTZ, TIMESTAMP, NUMERIC] = [16, 20, 1184, 1114, 1700]

/** As the stores read values: times as UTC text, booleans as 0 and 1, counts as numbers. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === BOOLEAN) return (value) => (value === 't' ? 1 : 0)
  if (oid === INT8 || oid === NUMERIC) return Number
  const parser = pg.types.getTypeParser(oid, format ?? 'text') as (value: string) => unknown
  if (oid !== TIMESTAMPTZ && oid !== TIMESTAMP) return parser
  return (value) => toSqlTime(Number(parser(value)))
}
