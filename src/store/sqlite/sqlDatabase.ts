// A SQLite database behind the interface of the stores: its driver is synchronous, and one transaction runs at a time in this process
import type { AtOnce, Database, Sql, Value, Values } from '../sql.ts'
import { toSqlTime } from '../values/time.ts'
import { type Database as Connection, type Values as Plain, rollBack } from './database.ts'

/**
 * Settles when the last transaction of this process is over; undefined: none runs. One queue for all connections: a statement that meets the
 * lock of another connection waits without giving way, and would keep the holder in the same process from its end.
 */
let last: Promise<void> | undefined

/** One connection has one of these: what it does is queued here. */
export function createSqlDatabase(connection: Connection): Database {
  const followed = <T>(statement: () => T): T => {
    connection.follow?.()
    return statement()
  }
  const inTurn = async <T>(statement: () => T): Promise<T> =>
    last === undefined ? followed(statement) : queued(async () => followed(statement))
  const sql = sqlOf(connection, inTurn)
  const unsynced = sqlOf(connection, (statement) => inTurn(() => withoutSync(connection, statement)))
  return {
    kind: 'sqlite',
    ...sql,
    runUnsynced: unsynced.run,
    transaction: (work) => queued(() => followed(() => atOnce(connection, 'BEGIN IMMEDIATE', work))),
    snapshot: (work) => queued(() => followed(() => atOnce(connection, 'BEGIN', work))),
    atOnce: withoutWait(connection),
    close: () => queued(async () => connection.close()),
  }
}

/** In a WAL, the next commit that is synced takes with it what came before. */
function withoutSync<T>(connection: Connection, statement: () => T): T {
  connection.exec('PRAGMA synchronous = NORMAL')
  try {
    return statement()
  } finally {
    connection.exec('PRAGMA synchronous = FULL')
  }
}

async function queued<T>(work: () => Promise<T>): Promise<T> {
  const before = last
  let done = () => {}
  const mine = new Promise<void>((resolve) => {
    done = resolve
  })
  last = mine
  if (before !== undefined) await before
  try {
    return await work()
  } finally {
    if (last === mine) last = undefined
    done()
  }
}

/** Every statement answers before the next macrotask: work that is not done then has awaited something else, and holds everybody up. */
async function atOnce<T>(connection: Connection, begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  connection.exec(begin)
  let isOver = false
  const sql = sqlOf(connection, async (statement) => {
    if (isOver) throw new Error('A statement came after its transaction was over.')
    return statement()
  })
  let stall: NodeJS.Immediate | undefined
  const stalled = new Promise<never>((_resolve, reject) => {
    stall = setImmediate(() => reject(new Error('A transaction awaited something other than its statements.')))
  })
  try {
    const result = await Promise.race([work(sql), stalled])
    isOver = true
    connection.exec('COMMIT')
    return result
  } catch (thrown) {
    isOver = true
    rollBack(connection)
    throw thrown
  } finally {
    clearImmediate(stall)
  }
}

/** `runs` makes a statement when its turn has come. */
function sqlOf(connection: Connection, runs: <T>(statement: () => T) => Promise<T>): Sql {
  return {
    get: (sql, ...values) => runs(() => connection.get(sql, ...plainValues(values))),
    all: (sql, ...values) => runs(() => connection.all(sql, ...plainValues(values))),
    run: (sql, ...values) => runs(() => connection.run(sql, ...plainValues(values))),
  }
}

/** A file that was replaced is never opened while a transaction runs on the old one. */
function withoutWait(connection: Connection): AtOnce {
  let seen = 0
  return {
    version() {
      if (last === undefined) seen = connection.version()
      return seen
    },
    get: (sql, ...values) => connection.get(sql, ...plainValues(values)),
  }
}

function plainValues(values: Values): Plain {
  const [named] = values
  if (isNamed(named))
    return [Object.fromEntries(Object.entries(named).map(([name, member]) => [name, plainValue(member)]))]
  return (values as Value[]).map(plainValue)
}

const isNamed = (value: Values[number] | undefined): value is Readonly<Record<string, Value>> =>
  typeof value === 'object' && value !== null && !(value instanceof Date)

const plainValue = (value: Value) => (value instanceof Date ? toSqlTime(value.getTime()) : value)
