// A SecretStore in memory that can be locked, forgetful or emptied.
import { BridgeError } from '../../src/errors.ts'
import type { SecretStore } from '../../src/ports.ts'

export interface FakeSecretStore extends SecretStore {
  readonly secrets: Map<string, string>
  /** While true every call throws keychain_unavailable. */
  locked: boolean
  /** While true `set` keeps nothing. */
  forgetful: boolean
}

export function createFakeSecretStore(): FakeSecretStore {
  const secrets = new Map<string, string>()
  const store: FakeSecretStore = {
    secrets,
    locked: false,
    forgetful: false,
    async get(name) {
      await open()
      return secrets.get(name)
    },
    async set(name, secret) {
      await open()
      if (!store.forgetful) secrets.set(name, secret)
    },
    async delete(name) {
      await open()
      secrets.delete(name)
    },
  }
  /** Every call takes a turn, as a real keychain does. */
  const open = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    if (store.locked) throw new BridgeError('keychain_unavailable', { message: 'It is locked.' })
  }
  return store
}
