// Seals the rows of a version without row seals once, when a database is first opened.
import type { Database, Row } from '../sql.ts'
import { keyOf, type SealedTable, sealRow } from './rowSeals.ts'
import type { Seal } from './seal.ts'

const ROWS: Readonly<Record<SealedTable, string>> = {
  tokens: `SELECT tokens.*, users.subject, users.claims FROM tokens LEFT JOIN users ON users.id = tokens.user_id`,
  sessions: "SELECT * FROM sessions WHERE status IN ('requested', 'waiting', 'redeeming')",
  clients: 'SELECT * FROM clients',
  server_cache: "SELECT * FROM server_cache WHERE name LIKE 'bound:%'",
}

/** Metadata is not adopted but fetched again. A row that has a seal keeps it, valid or not. */
export async function adoptRows(database: Database, seal: Seal): Promise<void> {
  await database.transaction(async (sql) => {
    const seals = await sql.all('SELECT table_name, row_key FROM seals')
    const sealed = new Set(seals.map((row) => `${row.table_name} ${row.row_key}`))
    const isNew = (table: SealedTable, row: Row) => !sealed.has(`${table} ${keyOf(table, row)}`)
    for (const table of Object.keys(ROWS) as SealedTable[])
      for (const row of await sql.all(ROWS[table])) if (isNew(table, row)) await sealRow(sql, seal, table, row)
  })
}
