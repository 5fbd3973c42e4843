// Between the columns of the gateway's tables and its types. Whoever can write to the database may have written anything there.
import { moment } from '../../bounds.ts'
import type { Row } from '../sql.ts'

type Column = Row[string] | undefined

export const textOf = (column: Column): string => String(column)

export const optionalText = (column: Column): string | undefined =>
  column === null || column === undefined ? undefined : String(column)

/** ms since the epoch; a text that is no time counts as long past. */
export const timeOf = (column: Column): number => moment(Date.parse(`${String(column).replace(' ', 'T')}Z`))

export const optionalTime = (column: Column): number | undefined =>
  column === null || column === undefined ? undefined : timeOf(column)

/** A time as a parameter, of any number. */
export const sqlTime = (ms: number): Date => new Date(moment(ms))

/** The members of a JSON object; none where it is not one. */
export function objectOf(column: Column): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(String(column))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}

/** The statement that adds a row whose values are given by name. */
export function insertInto(table: string, row: object): string {
  const names = Object.keys(row)
  return `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `:${name}`).join(', ')})`
}

/** Below what an entry of a PostgreSQL index may take. */
const LONGEST_KEY_BYTES = 1_000

/**
 * Whether both engines store this text as it is, and find it again: PostgreSQL takes no NUL and no long keys, and in UTF-8 all lone
 * surrogates are alike.
 */
export const isKeyText = (text: string): boolean =>
  !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) <= LONGEST_KEY_BYTES

/** A text that is shown or compared but finds no row by itself: what cannot be stored is null. */
export const plainText = (value: unknown): string | null =>
  typeof value === 'string' && isKeyText(value) ? value : null
