// Cached data about servers until it expires (table server_cache); authenticated where a sign-in uses it.
import type { Cache, Clock } from '../ports.ts'
import { isSealed, type Row, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal } from './sealing/seal.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'

/** For data without influence on secrets: it needs no key. */
export function createCache(database: Database, clock: Clock): Cache {
  return {
    async get(name, now) {
      const row = database.get('SELECT value FROM server_cache WHERE name = ? AND expires_at > ?', name, toSqlTime(now))
      return row && parsed(String(row.value))
    },
    async put(name, value, expiresAt) {
      write(database, clock, name, value, expiresAt)
    },
  }
}

/** For data that decides where a secret is sent: an entry that somebody else wrote is ignored and fetched again. */
export function createSealedCache(database: Database, openSeal: OpenSeal, clock: Clock): Cache {
  const readRow = (name: string) => database.get('SELECT * FROM server_cache WHERE name = ?', name)
  return {
    async get(name, now) {
      const row = readRow(name)
      if (!row || String(row.expires_at) <= toSqlTime(now)) return undefined
      return isSealed(database, await openSeal(), 'server_cache', row) ? parsed(String(row.value)) : undefined
    },
    async put(name, value, expiresAt) {
      const seal = await openSeal()
      database.transaction(() => {
        sealRow(database, seal, 'server_cache', write(database, clock, name, value, expiresAt))
      })
    },
  }
}

function write(database: Database, clock: Clock, name: string, value: unknown, expiresAt: number): Row {
  const [text, expires, now] = [JSON.stringify(value), toSqlTime(expiresAt), toSqlTime(clock.now())]
  database.run('INSERT OR REPLACE INTO server_cache VALUES (?, ?, ?, ?)', name, text, expires, now)
  return { name, value: text, expires_at: expires, created_at: now }
}

/** undefined: somebody has written what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
