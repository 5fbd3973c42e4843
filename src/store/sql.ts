// The one interface between the stores and a database engine: SQL that SQLite and PostgreSQL both understand.

/** `Date` only as a parameter: a time is read as UTC text, `YYYY-MM-DD HH:MM:SS.mmm`, from both engines. */
export type Value = string | number | null | Date

/** Values by position (`?`), or one object with the values of `:name` parameters: each of them, and no other. */
export type Values = Value[] | [Readonly<Record<string, Value>>]

/** One row: what a column holds, by its name. Times are UTC text, booleans 0 or 1. */
export type Row = Readonly<Record<string, string | number | null>>

export interface Sql {
  /** The first row. */
  get(sql: string, ...values: Values): Promise<Row | undefined>
  all(sql: string, ...values: Values): Promise<Row[]>
  /** Number of changed rows. */
  run(sql: string, ...values: Values): Promise<number>
}

/** @throws BridgeError database_unreachable, database_locked, schema_missing, from every method */
export interface Database extends Sql {
  readonly kind: 'sqlite' | 'postgres'
  /**
   * Runs `work` in one transaction; nothing but `sql` may be awaited in it. SQLite keeps all other writers away. PostgreSQL keeps them
   * from the rows that it has changed, not from those that it has read: a change names in its WHERE what it depends on.
   * On PostgreSQL it may run again after a deadlock or a serialization failure, so it changes nothing outside the database.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** Runs `work`, which only reads, on the data of one moment; nothing but `sql` may be awaited in it. */
  snapshot<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  /** As `run`, for what nobody misses: a failure of the power may undo it, as long as no `run` came after it. */
  runUnsynced: Sql['run']
  /** Only of an engine in this process. */
  readonly atOnce?: AtOnce
  close(): Promise<void>
}

/** What an engine in this process answers without a wait: every message of a bridge asks. */
export interface AtOnce {
  /** A number that changes when another connection has changed something. */
  version(): number
  /** The first row. While a transaction runs, it may tell what that has not committed yet. */
  get(sql: string, ...values: Values): Row | undefined
}
