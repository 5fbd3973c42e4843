// Cached data about servers until it expires (table server_cache); authenticated where a sign-in uses it.
import type { Cache, Clock } from '../ports.ts'
import { isSealed, type Row, readMarked, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal } from './sealing/seal.ts'
import { replaceInto, textOf } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'

/** For data without influence on secrets: it needs no key. */
export function createCache(database: Database, clock: Clock): Cache {
  return {
    async get(name, now) {
      const row = database.get('SELECT value FROM server_cache WHERE name = :name AND expires_at > :now', {
        name,
        now: toSqlTime(now),
      })
      return row && parsed(row)
    },
    async put(name, value, expiresAt) {
      write(database, { name, value, expiresAt, now: clock.now() })
    },
  }
}

/** For data that decides where a secret is sent: an entry that somebody else wrote is ignored and fetched again. */
export function createSealedCache(database: Database, openSeal: OpenSeal, clock: Clock): Cache {
  const read = (name: string) =>
    readMarked(database, 'server_cache', () => database.get('SELECT * FROM server_cache WHERE name = :name', { name }))
  return {
    async get(name, now) {
      const found = read(name)
      if (!found || textOf(found.row.expires_at) <= toSqlTime(now)) return undefined
      return isSealed(await openSeal(), 'server_cache', found) ? parsed(found.row) : undefined
    },
    async put(name, value, expiresAt) {
      const seal = await openSeal()
      database.transaction(() => {
        const row = write(database, { name, value, expiresAt, now: clock.now() })
        sealRow(database, seal, 'server_cache', row)
      })
    },
  }
}

interface Entry {
  readonly name: string
  readonly value: unknown
  readonly expiresAt: number
  readonly now: number
}

/** Gives the row as it was written. */
function write(database: Database, { name, value, expiresAt, now }: Entry): Row {
  const row = {
    name,
    value: JSON.stringify(value),
    expires_at: toSqlTime(expiresAt),
    created_at: toSqlTime(now),
  }
  database.run(replaceInto('server_cache', row), row)
  return row
}

/** undefined: somebody has written something that is not JSON. */
function parsed(row: Row): unknown {
  try {
    return JSON.parse(textOf(row.value))
  } catch {
    return undefined
  }
}
