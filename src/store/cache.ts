// What servers said about themselves, kept until it expires (table server_cache).
import type { Cache, Clock } from '../ports.ts'
import type { Database } from './database.ts'
import { toSqlTime } from './time.ts'

export function createCache(database: Database, clock: Clock): Cache {
  return {
    async get(name, now) {
      const row = database.get('SELECT value FROM server_cache WHERE name = ? AND expires_at > ?', name, toSqlTime(now))
      return row && JSON.parse(String(row.value))
    },
    async put(name, value, expiresAt) {
      database.run(
        'INSERT OR REPLACE INTO server_cache VALUES (?, ?, ?, ?)',
        ...[name, JSON.stringify(value), toSqlTime(expiresAt), toSqlTime(clock.now())],
      )
    },
  }
}
