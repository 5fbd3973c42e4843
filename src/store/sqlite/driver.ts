// Loads the SQLite driver: better-sqlite3 or, where that cannot load, Node's own node:sqlite.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { valueCheck } from '../values/parameters.ts'
import type { Database, Values } from './database.ts'
import { isSqliteError, unreachable } from './errors.ts'

export interface Driver {
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

/**
 * better-sqlite3, an optional package; where it is missing or cannot load, Node's own.
 * @throws BridgeError database_unreachable where neither works, or the file cannot be opened
 */
export function loadDriver(file: string): { driver: Driver; name: Database['driver'] } {
  let missing: string
  try {
    const require = createRequire(import.meta.url)
    const { version } = require('better-sqlite3/package.json') as { version: string }
    // From 13 on it needs Node-API 10, and crashes the process without it: WiseLibs/better-sqlite3#1514.
    if (Number.parseInt(version, 10) >= 13 && Number(process.versions.napi) < 10) {
      missing = `better-sqlite3 ${version} needs Node 22.14`
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
    missing = whyMissing(thrown)
  }
  try {
    const { DatabaseSync } = quietly(() => process.getBuiltinModule('node:sqlite')) as unknown as {
      DatabaseSync: new (file: string) => Driver
    }
    return { driver: withValues(new DatabaseSync(file)), name: 'node:sqlite' }
  } catch (thrown) {
    if (isSqliteError(thrown)) throw unreachable(thrown)
    throw new BridgeError('database_unreachable', {
      message: `No SQLite driver works: ${missing}, and Node ${process.versions.node} has none of its own.`,
      hint: 'Run the bridge with Node 22.14 or later. To keep this Node, install the bridge again with it, where npm may run the install script of better-sqlite3 and finds its download, or Python and a C++ compiler.',
      cause: thrown,
    })
  }
}

/** Node's own takes NULL for a value that is missing: a statement that lost one would read or write something else. */
function withValues(driver: Driver): Driver {
  return {
    exec: (sql) => driver.exec(sql),
    prepare(sql) {
      const statement = driver.prepare(sql)
      const check = valueCheck(sql)
      if (!check) return statement
      return {
        run(...values) {
          check(values)
          return statement.run(...values)
        },
        get(...values) {
          check(values)
          return statement.get(...values)
        },
        all(...values) {
          check(values)
          return statement.all(...values)
        },
      }
    },
    close: () => driver.close(),
  }
}

/** What npm did not do, or what another Node did. */
function whyMissing(thrown: unknown): string {
  const { code, message = String(thrown) } = (thrown ?? {}) as { code?: string; message?: string }
  if (code === 'MODULE_NOT_FOUND' && message.includes('better-sqlite3/package.json'))
    return 'the optional package better-sqlite3 is not installed'
  if (message.startsWith('Could not locate the bindings file'))
    return 'better-sqlite3 was installed without its native part'
  if (message.includes('NODE_MODULE_VERSION')) return 'better-sqlite3 was installed by another version of Node'
  return `better-sqlite3 cannot load (${message.split('\n')[0]})`
}

/** @throws BridgeError database_unreachable where no driver works on this machine */
export const checkDriver = (): void => void loadDriver(':memory:').driver.close()

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
