// Opens the SQLite database, with better-sqlite3 or, if that cannot load, Node's own node:sqlite.
import { existsSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { isBusy, isSqliteError, translate, unreachable } from './errors.ts'
import { migrateUp } from './migrate.ts'

export type Value = string | number | null

/** Values by position, or one object with the values of `:name` parameters: each of them, and no other. */
export type Values = Value[] | [Readonly<Record<string, Value>>]

/** What the store needs of a SQLite driver; both drivers have it. All calls are synchronous. */
export interface Database {
  readonly driver: 'better-sqlite3' | 'node:sqlite'
  exec(sql: string): void
  /** Number of changed rows. */
  run(sql: string, ...values: Values): number
  get(sql: string, ...values: Values): Record<string, Value> | undefined
  all(sql: string, ...values: Values): Record<string, Value>[]
  /** Runs `work` in one `BEGIN IMMEDIATE` transaction; never hold it across an await. */
  transaction<T>(work: () => T): T
  /** Runs `work`, which only reads, on the data of one moment; never hold it across an await. */
  snapshot<T>(work: () => T): T
  /** A number that changes when another process has changed something. */
  version(): number
  close(): void
}

interface Driver {
  exec(sql: string): unknown
  prepare(sql: string): {
    run(...values: Values): { changes: number | bigint }
    get(...values: Values): unknown
    all(...values: Values): unknown[]
    /** Of better-sqlite3: from then on `get` gives the first column alone, which costs less. */
    pluck?(): unknown
  }
  close(): unknown
}

/** How long one statement may wait for another process, in ms. The wait blocks the event loop, so it is short. */
const BUSY_TIMEOUT_MS = 2_000

/**
 * Opens `file` and brings its schema up to date. A damaged file is renamed, never deleted;
 * `onSetAside` gets its new path.
 * @throws BridgeError database_unreachable, database_locked, schema_missing
 */
export function openDatabase(file: string, onSetAside: (path: string) => void = () => undefined): Database {
  const inode = inodeOf(file)
  try {
    return openMigrated(file)
  } catch (thrown) {
    if (!isCorrupt(thrown)) throw thrown
    // Another process may have just renamed it: then the file is now a new, valid one.
    if (inodeOf(file) === inode) onSetAside(setAside(file))
    return openMigrated(file)
  }
}

function openMigrated(file: string): Database {
  const database = openUnmigrated(file)
  try {
    migrateUp(database)
    return database
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** SQLite's SQLITE_CORRUPT and SQLITE_NOTADB. */
function isCorrupt(thrown: unknown): boolean {
  if (!(thrown instanceof BridgeError) || thrown.code !== 'database_unreachable') return false
  const { code, errcode } = thrown.cause as { code?: string; errcode?: number }
  return code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB' || errcode === 11 || errcode === 26
}

const inodeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.ino

/** The -wal and -shm files are renamed too: they belong to the damaged file and would corrupt the new one. */
function setAside(file: string): string {
  const aside = `${file}.corrupt-${new Date().toISOString().replace(/[:.]/g, '-')}`
  for (const end of ['', '-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, aside + end)
  return aside
}

/** Opens `file` without migrating it. */
export function openUnmigrated(file: string): Database {
  const database = connect(file)
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL',
    )
  } catch (thrown) {
    database.close()
    throw thrown
  }
  return database
}

/**
 * Opens an existing file read-only: `run` ignores changes.
 * @throws BridgeError database_locked when another program blocks all writers
 */
export function openReadOnly(file: string): Database {
  const database = connect(file)
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    // Only a write lock shows whether a bridge could write; it is released at once.
    database.exec('BEGIN IMMEDIATE; ROLLBACK; PRAGMA query_only = ON')
  } catch (thrown) {
    database.close()
    throw thrown
  }
  return { ...database, run: () => 0 }
}

function connect(file: string): Database {
  const { driver, name } = loadDriver(file)
  const statements = new Map<string, ReturnType<Driver['prepare']>>()
  const prepared = (sql: string) => {
    const known = statements.get(sql)
    if (known) return known
    const made = driver.prepare(sql)
    statements.set(sql, made)
    return made
  }
  let looking: (() => number) | undefined
  let seen = 0
  let isWithin = false
  const within = <T>(begin: string, work: () => T): T => {
    database.exec(begin)
    isWithin = true
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (thrown) {
      database.exec('ROLLBACK')
      throw thrown
    } finally {
      isWithin = false
    }
  }
  const database: Database = {
    driver: name,
    exec: (sql) => translate(() => void driver.exec(sql)),
    run: (sql, ...values) => translate(() => Number(prepared(sql).run(...values).changes)),
    get: (sql, ...values) => translate(() => prepared(sql).get(...values) as Record<string, Value> | undefined),
    all: (sql, ...values) => translate(() => prepared(sql).all(...values) as Record<string, Value>[]),
    transaction: (work) => within('BEGIN IMMEDIATE', work),
    snapshot: (work) => (isWithin ? work() : within('BEGIN', work)),
    version: () => {
      looking ??= createVersionReader(driver)
      try {
        seen = looking()
      } catch (thrown) {
        // A program that holds the lock has not changed anything yet.
        if (!isSqliteError(thrown) || !isBusy(thrown))
          translate(() => {
            throw thrown
          })
      }
      return seen
    },
    close: () => void driver.close(),
  }
  return database
}

/** SQLite's own counter of other connections' commits; every message asks for it. */
function createVersionReader(driver: Driver): () => number {
  const statement = driver.prepare('PRAGMA data_version')
  if (statement.pluck === undefined) return () => (statement.get() as { data_version: number }).data_version
  statement.pluck()
  return () => statement.get() as number
}

function loadDriver(file: string): { driver: Driver; name: Database['driver'] } {
  const failures: string[] = []
  try {
    const require = createRequire(import.meta.url)
    const { version } = require('better-sqlite3/package.json') as { version: string }
    // From 13 on it needs Node-API 10, and crashes the process without it: WiseLibs/better-sqlite3#1514.
    if (Number.parseInt(version, 10) >= 13 && Number(process.versions.napi) < 10) {
      failures.push(`better-sqlite3 ${version} needs Node 22.14`)
    } else {
      const BetterSqlite3 = require('better-sqlite3') as new (
        file: string,
        options: { nativeBinding?: string },
      ) => Driver
      // Version 12 searches a dozen folders for its native part, which takes longer than opening the database.
      const built = join(dirname(require.resolve('better-sqlite3/package.json')), 'build/Release/better_sqlite3.node')
      return {
        driver: new BetterSqlite3(file, existsSync(built) ? { nativeBinding: built } : {}),
        name: 'better-sqlite3',
      }
    }
  } catch (thrown) {
    if (isSqliteError(thrown)) throw unreachable(thrown)
    failures.push(thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown))
  }
  try {
    const { DatabaseSync } = quietly(() => process.getBuiltinModule('node:sqlite')) as unknown as {
      DatabaseSync: new (file: string) => Driver
    }
    return { driver: new DatabaseSync(file), name: 'node:sqlite' }
  } catch (thrown) {
    if (isSqliteError(thrown)) throw unreachable(thrown)
    throw new BridgeError('database_unreachable', {
      message: `No SQLite driver works: ${failures.join('; ')}; node:sqlite is not in Node ${process.versions.node}.`,
      hint: 'Reinstall with the Node version that runs the bridge, or use Node 22.14 or later.',
      cause: thrown,
    })
  }
}

/** Node 22 warns on stderr that its SQLite is experimental: the functions that we need have not changed, and hosts keep stderr. */
function quietly<T>(load: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => undefined
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}
