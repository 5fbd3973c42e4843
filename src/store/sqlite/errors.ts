// What an SQLite driver throws → BridgeError
import { BridgeError } from '../../errors.ts'

/** @throws BridgeError database_locked, schema_missing, database_unreachable */
export function translate<T>(work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    if (!isSqliteError(thrown)) throw thrown
    if (isBusy(thrown)) throw new BridgeError('database_locked', { cause: thrown })
    const lacking = { message: `The database lacks a table or column: ${thrown.message}.`, cause: thrown }
    // SQLite has one code, SQLITE_ERROR, for all that is wrong with a statement; its words have been these since version 3.
    if (/no such (table|column)/.test(thrown.message)) throw new BridgeError('schema_missing', lacking)
    throw unreachable(thrown)
  }
}

export const unreachable = (cause: Error) =>
  new BridgeError('database_unreachable', { message: `The database cannot be used: ${cause.message}.`, cause })

export function isSqliteError(thrown: unknown): thrown is Error & { code: string } {
  if (!(thrown instanceof Error)) return false
  // better-sqlite3 has its own message, and no code, for a missing folder.
  if (thrown instanceof TypeError && /director/.test(thrown.message)) return true
  return 'code' in thrown && (thrown.name === 'SqliteError' || thrown.code === 'ERR_SQLITE_ERROR')
}

/** SQLITE_BUSY and SQLITE_LOCKED: better-sqlite3 names the code, node:sqlite gives its number. */
export function isBusy(error: Error & { code: string; errcode?: number }): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? '') || [5, 6].includes((error.errcode ?? 0) & 0xff)
}
