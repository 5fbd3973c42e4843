// Cached data about servers until it expires (table server_cache); authenticated where a sign-in uses it.
import type { Cache, Clock } from '../ports.ts'
import { isSealed, keyOf, marked, sealColumn, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal } from './sealing/seal.ts'
import type { Database, Row, Sql } from './sql.ts'
import { replaceInto, textOf } from './values/columns.ts'
import { sqlTime, toSqlTime } from './values/time.ts'

/** For data without influence on secrets: it needs no key. */
export function createCache(database: Database, clock: Clock): Cache {
  return {
    async get(name, now) {
      const row = await database.get('SELECT value FROM server_cache WHERE name = :name AND expires_at > :now', {
        name,
        now: sqlTime(now),
      })
      return row && parsed(row)
    },
    async put(name, value, expiresAt) {
      await write(database, { name, value, expiresAt, now: clock.now() })
    },
  }
}

/** For data that decides where a secret is sent: an entry that somebody else wrote is ignored and fetched again. */
export function createSealedCache(database: Database, openSeal: OpenSeal, clock: Clock): Cache {
  const read = async (name: string) => {
    const row_key = keyOf('server_cache', { name })
    return marked(
      await database.get(`SELECT server_cache.*, ${SEAL} FROM server_cache WHERE name = :name`, { name, row_key }),
    )
  }
  return {
    async get(name, now) {
      const found = await read(name)
      if (!found || textOf(found.row.expires_at) <= toSqlTime(now)) return undefined
      return isSealed(await openSeal(), 'server_cache', found) ? parsed(found.row) : undefined
    },
    async put(name, value, expiresAt) {
      const seal = await openSeal()
      await database.transaction(async (sql) => {
        const row = await write(sql, { name, value, expiresAt, now: clock.now() })
        await sealRow(sql, seal, 'server_cache', row)
      })
    },
  }
}

const SEAL = sealColumn('server_cache')

interface Entry {
  readonly name: string
  readonly value: unknown
  readonly expiresAt: number
  readonly now: number
}

/** Gives the row as it was written. */
async function write(sql: Sql, { name, value, expiresAt, now }: Entry) {
  const row = {
    name,
    value: JSON.stringify(value),
    expires_at: sqlTime(expiresAt),
    created_at: sqlTime(now),
  }
  await sql.run(replaceInto('server_cache', ['name'], row), row)
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
