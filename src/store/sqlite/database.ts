// Opens the SQLite database: sets it up, migrates it, and sets a damaged file aside
import { existsSync, renameSync, statSync } from 'node:fs'
import { whyRefused } from '../../disk/whyRefused.ts'
import { BridgeError } from '../../errors.ts'
import { LATEST_VERSION } from '../migrations/migrations.ts'
import { type Driver, loadDriver } from './driver.ts'
import { isBusy, isSqliteError, translate } from './errors.ts'
import { migrateUp, schemaVersion } from './migrate.ts'

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
  /** Opens the file that has taken the place of this one; never within a transaction. Left out: this one is kept. */
  follow?(): void
  close(): void
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

/**
 * The -wal and -shm files are renamed too: they belong to the damaged file and would corrupt the new one.
 * @throws BridgeError database_unreachable where one of them is in use; then all have their names again
 */
export function setAside(file: string, rename = renameSync): string {
  const aside = `${file}.corrupt-${new Date().toISOString().replace(/[:.]/g, '-')}`
  const moved: string[] = []
  try {
    for (const end of ['', '-wal', '-shm']) {
      if (!existsSync(file + end)) continue
      rename(file + end, aside + end)
      moved.push(end)
    }
  } catch (cause) {
    for (const end of moved) rename(aside + end, file + end)
    throw new BridgeError('database_unreachable', {
      message: `The database ${file} is damaged and cannot be set aside: ${whyRefused(cause)}.`,
      hint: 'Quit the hosts that run mcp-oauth-bridge, then try again.',
      cause,
    })
  }
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

/** Writes what is only in the -wal file into the file itself, as far as nobody reads what was there before. */
export const checkpoint = (database: Database): void => void database.get('PRAGMA wal_checkpoint(PASSIVE)')

/** Opens `file`, whose schema must be this program's. @throws BridgeError schema_missing */
export function openChecked(file: string): Database {
  const database = openUnmigrated(file)
  try {
    const version = schemaVersion(database)
    if (version >= LATEST_VERSION) return database
    throw new BridgeError('schema_missing', {
      message: `The database has schema version ${version}; this program works with ${LATEST_VERSION}.`,
    })
  } catch (thrown) {
    database.close()
    throw thrown
  }
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

/** For the `catch` of a transaction. After some errors, such as a full disk, SQLite has ended it by itself: then there is none any more. */
export function rollBack(database: Pick<Database, 'exec'>): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // What failed first is what a person has to read.
  }
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
      rollBack(database)
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
