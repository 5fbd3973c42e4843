// Registered clients by issuer and redirect URI; their rows are authenticated, their secrets sealed.
import { BridgeError } from '../errors.ts'
import type { ClientStore, Clock } from '../ports.ts'
import { present } from '../present.ts'
import { isSealed, keyOf, marked, sealColumn, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal, Seal } from './sealing/seal.ts'
import type { Database, Row } from './sql.ts'
import { optionalTime, replaceInto, textOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

export function createClientStore(database: Database, openSeal: OpenSeal, clock: Clock): ClientStore {
  const place = (issuer: string, redirectUri: string) => ['clients', issuer, redirectUri, 'client_secret'] as const
  const read = async (issuer: string, redirect_uri: string) => {
    const row_key = keyOf('clients', { issuer, redirect_uri })
    const where = 'WHERE issuer = :issuer AND redirect_uri = :redirect_uri'
    return marked(
      await database.get(`SELECT clients.*, ${sealColumn('clients')} FROM clients ${where}`, {
        issuer,
        redirect_uri,
        row_key,
      }),
    )
  }
  /** A public client has no secret: without the key its row is read unchecked, and no secret can be lost by it. */
  const sealFor = async (secret: Row[string] | undefined): Promise<Seal | undefined> =>
    openSeal().catch((thrown: unknown) => {
      if (secret !== undefined && secret !== null) throw thrown
      return undefined
    })
  return {
    async load(issuer, redirectUri) {
      const found = await read(issuer, redirectUri)
      if (!found) return undefined
      const { row } = found
      const seal = await sealFor(row.client_secret)
      // A client that was altered or moved is not used: a new one is registered.
      if (seal && !isSealed(seal, 'clients', found)) return undefined
      const client = {
        clientId: textOf(row.client_id),
        authMethod: textOf(row.auth_method),
        ...present({ secretExpiresAt: optionalTime(row.secret_expires_at) }),
      }
      if (!seal || row.client_secret === null) return client
      try {
        return { ...client, clientSecret: seal.open(textOf(row.client_secret), place(issuer, redirectUri)) }
      } catch (thrown) {
        if (thrown instanceof BridgeError && thrown.code === 'seal_broken') return undefined
        throw thrown
      }
    },

    async save(issuer, redirectUri, client) {
      const secret = client.clientSecret
      const seal = await sealFor(secret)
      const sealed = secret === undefined || !seal ? null : seal.seal(secret, place(issuer, redirectUri))
      const row = {
        issuer,
        redirect_uri: redirectUri,
        client_id: client.clientId,
        client_secret: sealed,
        auth_method: client.authMethod,
        secret_expires_at: client.secretExpiresAt === undefined ? null : sqlTime(client.secretExpiresAt),
        created_at: sqlTime(clock.now()),
      }
      await database.transaction(async (sql) => {
        await sql.run(replaceInto('clients', ['issuer', 'redirect_uri'], row), row)
        if (seal) await sealRow(sql, seal, 'clients', row)
      })
    },

    async removeAll() {
      await database.run('DELETE FROM clients')
    },

    async remove(issuer, redirectUri) {
      await database.run('DELETE FROM clients WHERE issuer = :issuer AND redirect_uri = :redirectUri', {
        issuer,
        redirectUri,
      })
    },
  }
}
