// ms since the epoch ↔ SQLite's own UTC text, so that datetime('now') compares with what we store.
import { isoTime, moment } from '../../bounds.ts'

/** `YYYY-MM-DD HH:MM:SS.mmm` in UTC; sorts and compares with `datetime('now')`. Never fails, whatever the number. */
export function toSqlTime(ms: number): string {
  return isoTime(ms).replace('T', ' ').replace('Z', '')
}

/** ms since the epoch of what `toSqlTime` or SQLite's datetime() wrote; any other text counts as long past. */
export function fromSqlTime(text: string): number {
  return moment(Date.parse(`${text.replace(' ', 'T')}Z`))
}

/** A time as a statement takes it, in every engine: a `Date` within the bounds of `toSqlTime`. */
export const sqlTime = (ms: number): Date => new Date(moment(ms))
