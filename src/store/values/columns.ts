// Between the columns of a row and the store's own types. Whoever can write to the file may have written anything there.
import { withoutControls } from '../../redaction/text.ts'
import type { Row } from '../sql.ts'
import { fromSqlTime } from './time.ts'

type Column = Row[string] | undefined

export const textOf = (column: Column): string => String(column)

export const optionalText = (column: Column): string | undefined =>
  column === null || column === undefined ? undefined : String(column)

export const timeOf = (column: Column): number => fromSqlTime(String(column))

export const optionalTime = (column: Column): number | undefined =>
  column === null || column === undefined ? undefined : timeOf(column)

/** A text that is only shown: no control characters, and not many others. */
export const shownText = (column: Column): string | undefined => {
  const text = optionalText(column)
  return text === undefined ? undefined : withoutControls(text).slice(0, 2_000)
}

/** The statement that adds a row whose values are given by name. */
export const insertInto = (table: string, row: object) => `INSERT INTO ${valuesByName(table, row)}`

/** The same, or the values in the place of those of the row with this key. */
export function replaceInto(table: string, key: readonly string[], row: object): string {
  const others = Object.keys(row).filter((name) => !key.includes(name))
  const updates = others.map((name) => `${name} = excluded.${name}`)
  return `${insertInto(table, row)} ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${updates.join(', ')}`
}

function valuesByName(table: string, row: object): string {
  const names = Object.keys(row)
  return `${table} (${names.join(', ')}) VALUES (${names.map((name) => `:${name}`).join(', ')})`
}
