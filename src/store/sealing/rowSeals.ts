// Authenticates whole rows (table seals): a row that somebody else wrote, changed or moved is not used.
import type { Row, Sql, Value } from '../sql.ts'
import { replaceInto } from '../values/columns.ts'
import { toSqlTime } from '../values/time.ts'
import type { Seal } from './seal.ts'

/** A row as it is written: a time in it stands for the text that is read. */
export type WrittenRow = Readonly<Record<string, Value>>
export type SealedTable = keyof typeof BOUND

/**
 * The columns that decide where a secret is sent or what is requested; `key` identifies the row. Other columns may be changed by
 * anyone who can write to the file: they decide when something is done and what is shown, never where a secret is sent.
 */
export const BOUND = {
  tokens: {
    key: ['server', 'profile'],
    // `subject` and `claims` are those of the row's user.
    columns: [
      'generation',
      'issuer',
      'client_id',
      'redirect_uri',
      'access_token',
      'refresh_token',
      'dpop_key',
      'grant_type',
      'scope',
      'requested_scope',
      'resource',
      'obtained_at',
      'subject',
      'claims',
    ],
  },
  sessions: { key: ['id'], columns: ['state', 'server', 'profile', 'challenge', 'plan', 'created_at', 'expires_at'] },
  clients: {
    key: ['issuer', 'redirect_uri'],
    columns: ['client_id', 'client_secret', 'auth_method', 'secret_expires_at', 'created_at'],
  },
  server_cache: { key: ['name'], columns: ['value', 'expires_at', 'created_at'] },
} as const

/** The row's name in the table `seals`. */
export const keyOf = (table: SealedTable, row: WrittenRow) =>
  JSON.stringify(BOUND[table].key.map((name) => row[name] ?? null))

const contents = (table: SealedTable, row: WrittenRow) => [
  table,
  ...[...BOUND[table].key, ...BOUND[table].columns].map((name) => [name, asRead(row[name])]),
]

const asRead = (value: Value | undefined) => (value instanceof Date ? toSqlTime(value.getTime()) : (value ?? null))

/** A row that was written, as it will be read. */
export const rowAsRead = (row: WrittenRow): Row =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asRead(value)]))

/**
 * Call it in the transaction that writes the row, with the intended values: we do not vouch for changes in the file, such as those of
 * somebody else's trigger. Gives the row's seal.
 */
export async function sealRow(sql: Sql, seal: Seal, table: SealedTable, row: WrittenRow): Promise<string> {
  const mark = seal.mark(contents(table, row))
  const written = { table_name: table, row_key: keyOf(table, row), seal: mark }
  await sql.run(replaceInto('seals', ['table_name', 'row_key'], written), written)
  return mark
}

/** A row with its seal, both of one moment: another process may write both before the key is here. */
export interface MarkedRow {
  readonly row: Row
  readonly mark: Row[string] | undefined
}

/** The column that gives the seal in the statement that reads the row, so that no other can come between; `key`: the row's name, in SQL. */
export const sealColumn = (table: SealedTable, key = ':row_key') =>
  `(SELECT seal FROM seals WHERE table_name = '${table}' AND row_key = ${key}) AS row_seal`

/** A row that was read with `sealColumn`. */
export const marked = (row: Row | undefined): MarkedRow | undefined => row && { row, mark: row.row_seal }

/** A row that the transaction of `sql` has written, and that nobody else can change now. */
export async function withMark(sql: Sql, table: SealedTable, row: Row): Promise<MarkedRow> {
  const named = { table, key: keyOf(table, row) }
  const found = await sql.get('SELECT seal FROM seals WHERE table_name = :table AND row_key = :key', named)
  return { row, mark: found?.seal }
}

/** Whether the row is as this program wrote it. */
export const isSealed = (seal: Seal, table: SealedTable, { row, mark }: MarkedRow): boolean =>
  seal.unmarked === 'believed' || (typeof mark === 'string' && seal.isMark(mark, contents(table, row)))
