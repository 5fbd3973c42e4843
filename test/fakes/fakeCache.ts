// A Cache and a ClientStore in memory; the suites of test/contract hold them to what the real ones do.
import type { Cache, ClientStore } from '../../src/ports.ts'
import type { RegisteredClient } from '../../src/records.ts'

export function createFakeCache(): Cache {
  /** The value as JSON, as the real one writes it. */
  const entries = new Map<string, { json: string; expiresAt: number }>()
  return {
    async get(name, now) {
      const entry = entries.get(name)
      return entry && entry.expiresAt > now ? JSON.parse(entry.json) : undefined
    },
    put: async (name, value, expiresAt) => void entries.set(name, { json: JSON.stringify(value), expiresAt }),
  }
}

export function createFakeClientStore(): ClientStore & { readonly clients: Map<string, RegisteredClient> } {
  const clients = new Map<string, RegisteredClient>()
  const nameOf = (issuer: string, redirectUri: string) => JSON.stringify([issuer, redirectUri])
  return {
    clients,
    load: async (issuer, redirectUri) => clients.get(nameOf(issuer, redirectUri)),
    async save(issuer, redirectUri, client) {
      // What a person configured is not written: neither that it is their own nor its key.
      const { own: _own, privateKey: _key, ...registered } = client
      clients.set(nameOf(issuer, redirectUri), registered)
    },
    removeAll: async () => clients.clear(),
    remove: async (issuer, redirectUri) => void clients.delete(nameOf(issuer, redirectUri)),
  }
}
