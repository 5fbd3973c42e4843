// Registered clients by issuer and redirect URI; their secrets sealed.
import { BridgeError } from '../errors.ts'
import type { ClientStore, Clock } from '../ports.ts'
import type { Database } from './database.ts'
import type { OpenSeal } from './seal.ts'
import { fromSqlTime, toSqlTime } from './time.ts'

export function createClientStore(database: Database, openSeal: OpenSeal, clock: Clock): ClientStore {
  const place = (issuer: string, redirectUri: string) => ['clients', issuer, redirectUri, 'client_secret'] as const
  return {
    async load(issuer, redirectUri) {
      const row = database.get('SELECT * FROM clients WHERE issuer = ? AND redirect_uri = ?', issuer, redirectUri)
      if (!row) return undefined
      const client = {
        clientId: String(row.client_id),
        authMethod: String(row.auth_method),
        ...(row.secret_expires_at === null ? {} : { secretExpiresAt: fromSqlTime(String(row.secret_expires_at)) }),
      }
      if (row.client_secret === null) return client
      const seal = await openSeal()
      try {
        return { ...client, clientSecret: seal.open(String(row.client_secret), place(issuer, redirectUri)) }
      } catch (thrown) {
        // A secret that was altered or moved is no client any more: one is registered anew.
        if (thrown instanceof BridgeError && thrown.code === 'seal_broken') return undefined
        throw thrown
      }
    },

    async save(issuer, redirectUri, client) {
      const secret = client.clientSecret
      const sealed = secret === undefined ? null : (await openSeal()).seal(secret, place(issuer, redirectUri))
      const expires = client.secretExpiresAt === undefined ? null : toSqlTime(client.secretExpiresAt)
      database.run(
        'INSERT OR REPLACE INTO clients VALUES (?, ?, ?, ?, ?, ?, ?)',
        ...[issuer, redirectUri, client.clientId, sealed, client.authMethod, expires, toSqlTime(clock.now())],
      )
    },

    async removeAll() {
      database.run('DELETE FROM clients')
    },

    async remove(issuer, redirectUri) {
      database.run('DELETE FROM clients WHERE issuer = ? AND redirect_uri = ?', issuer, redirectUri)
    },
  }
}
