// ms since the epoch ↔ SQLite's own UTC text, so that datetime('now') compares with what we store.

/** `YYYY-MM-DD HH:MM:SS.mmm` in UTC; sorts and compares with `datetime('now')`. */
export function toSqlTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
}

/** ms since the epoch of what `toSqlTime` or SQLite's datetime() wrote. */
export function fromSqlTime(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}Z`)
}
