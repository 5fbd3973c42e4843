// The two drivers of SQLite: whether better-sqlite3 is there, and a machine on which it cannot load.
import Module from 'node:module'
import { openDatabase } from '../../src/store/sqlite/database.ts'

/** A machine on which better-sqlite3 cannot load: node:sqlite opens what `work` opens. */
export function withoutBetterSqlite3<T>(work: () => T): T {
  const loader = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown }
  const load = loader._load
  loader._load = (request, ...rest) => {
    if (request.startsWith('better-sqlite3')) throw new Error('Could not locate the bindings file.')
    return load(request, ...rest)
  }
  try {
    return work()
  } finally {
    loader._load = load
  }
}

const opened = openDatabase(':memory:')
opened.close()

/** An optional package; without it, the other driver answers in its place. */
export const hasBetterSqlite3 = opened.driver === 'better-sqlite3'
export const hasNodeSqlite = process.getBuiltinModule('node:sqlite') !== undefined
