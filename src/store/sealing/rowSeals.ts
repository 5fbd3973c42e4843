// Authenticates whole rows (table seals): a row that somebody else wrote, changed or moved is not used.
import { replaceInto } from '../sqlite/columns.ts'
import type { Database, Value } from '../sqlite/database.ts'
import type { Seal } from './seal.ts'

export type Row = Record<string, Value>
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
export const keyOf = (table: SealedTable, row: Row) => JSON.stringify(BOUND[table].key.map((name) => row[name] ?? null))

const contents = (table: SealedTable, row: Row) => [
  table,
  ...[...BOUND[table].key, ...BOUND[table].columns].map((name) => [name, row[name] ?? null]),
]

/**
 * Call it in the transaction that writes the row, with the intended values: we do not vouch for changes in the file, such as those of
 * somebody else's trigger. Gives the row's seal.
 */
export function sealRow(database: Database, seal: Seal, table: SealedTable, row: Row): string {
  const mark = seal.mark(contents(table, row))
  const written = { table_name: table, row_key: keyOf(table, row), seal: mark }
  database.run(replaceInto('seals', written), written)
  return mark
}

/** A row with its seal, both of one moment: another process may write both before the key is here. */
export interface MarkedRow {
  readonly row: Row
  readonly mark: Value | undefined
}

/** What `read` finds, with its seal. */
export const readMarked = (
  database: Database,
  table: SealedTable,
  read: () => Row | undefined,
): MarkedRow | undefined =>
  database.snapshot(() => {
    const row = read()
    if (!row) return undefined
    const named = { table, key: keyOf(table, row) }
    const found = database.get('SELECT seal FROM seals WHERE table_name = :table AND row_key = :key', named)
    return { row, mark: found?.seal }
  })

/** Whether the row is as this program wrote it. */
export const isSealed = (seal: Seal, table: SealedTable, { row, mark }: MarkedRow): boolean =>
  seal.unmarked === 'believed' || (typeof mark === 'string' && seal.isMark(mark, contents(table, row)))
