// A Cache and a ClientStore in memory.
import type { Cache, ClientStore } from '../../src/ports.ts'
import type { RegisteredClient } from '../../src/records.ts'

export function createFakeCache(): Cache {
  const entries = new Map<string, { value: unknown; expiresAt: number }>()
  return {
    async get(name, now) {
      const entry = entries.get(name)
      return entry && entry.expiresAt > now ? entry.value : undefined
    },
    put: async (name, value, expiresAt) => void entries.set(name, { value, expiresAt }),
  }
}

export function createFakeClientStore(): ClientStore & { readonly clients: Map<string, RegisteredClient> } {
  const clients = new Map<string, RegisteredClient>()
  const name = (issuer: string, redirectUri: string) => JSON.stringify([issuer, redirectUri])
  return {
    clients,
    load: async (issuer, redirectUri) => clients.get(name(issuer, redirectUri)),
    save: async (issuer, redirectUri, client) => void clients.set(name(issuer, redirectUri), client),
    removeAll: async () => clients.clear(),
    remove: async (issuer, redirectUri) => void clients.delete(name(issuer, redirectUri)),
  }
}
