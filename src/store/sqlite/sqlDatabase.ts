// A SQLite database behind the interface of the stores: the driver is synchronous, so a transaction is a queue of one connection
import type { Database, Row, Sql, Values } from '../sql.ts'
import type { Database as Connection, Values as Plain } from './database.ts'
import { toSqlTime } from './time.ts'

export function createSqlDatabase(connection: Connection): Database {
  /** Settles when the transaction that runs now is over. */
  let running: Promise<void> | undefined

  const free = async () => {
    while (running !== undefined) await running
  }
  const within = async <T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: (sql: Sql) => Promise<T>): Promise<T> => {
    // Without a pause between the look and the turn: of several that waited, one goes on.
    while (running !== undefined) await running
    let done = () => {}
    running = new Promise((resolve) => {
      done = resolve
    })
    try {
      return await atOnce(connection, begin, work)
    } finally {
      running = undefined
      done()
    }
  }
  const plain = sqlOf(connection)
  return {
    kind: 'sqlite',
    async get(sql, ...values) {
      if (running !== undefined) await free()
      return plain.get(sql, ...values)
    },
    async all(sql, ...values) {
      if (running !== undefined) await free()
      return plain.all(sql, ...values)
    },
    async run(sql, ...values) {
      if (running !== undefined) await free()
      return plain.run(sql, ...values)
    },
    transaction: (work) => within('BEGIN IMMEDIATE', work),
    snapshot: (work) => within('BEGIN', work),
    close: async () => connection.close(),
  }
}

/** Every statement answers before the next macrotask: work that is not done then has awaited something else, and holds everybody up. */
async function atOnce<T>(connection: Connection, begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  connection.exec(begin)
  let isOver = false
  const sql = sqlOf(connection)
  const open = (): Sql => {
    if (isOver) throw new Error('A statement came after its transaction was over.')
    return sql
  }
  const guarded: Sql = {
    get: async (text, ...values) => open().get(text, ...values),
    all: async (text, ...values) => open().all(text, ...values),
    run: async (text, ...values) => open().run(text, ...values),
  }
  let stall: NodeJS.Immediate | undefined
  const stalled = new Promise<never>((_resolve, reject) => {
    stall = setImmediate(() => reject(new Error('A transaction awaited something other than its statements.')))
  })
  try {
    const result = await Promise.race([work(guarded), stalled])
    isOver = true
    connection.exec('COMMIT')
    return result
  } catch (thrown) {
    isOver = true
    connection.exec('ROLLBACK')
    throw thrown
  } finally {
    clearImmediate(stall)
  }
}

const sqlOf = (connection: Connection): Sql => ({
  get: async (sql, ...values) => connection.get(sql, ...plainValues(values)) as Row | undefined,
  all: async (sql, ...values) => connection.all(sql, ...plainValues(values)) as Row[],
  run: async (sql, ...values) => connection.run(sql, ...plainValues(values)),
})

function plainValues(values: Values): Plain {
  const one = (value: unknown) => (value instanceof Date ? toSqlTime(value.getTime()) : value)
  return values.map((value) =>
    typeof value === 'object' && value !== null && !(value instanceof Date)
      ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, one(member)]))
      : one(value),
  ) as Plain
}
