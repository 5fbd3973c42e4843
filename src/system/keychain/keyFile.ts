// The fallback for the OS keychain: one file with 0600 per secret, in a private folder.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile, whileInUse } from '../../disk/replaceFile.ts'
import { BridgeError } from '../../errors.ts'
import type { SecretStore } from '../../ports.ts'
import { ensurePrivateFolder, makePrivate } from '../files/private.ts'
import { refused } from './refused.ts'

export function createKeyFile(folder: string): SecretStore {
  const pathOf = (name: string) => join(folder, `${name}.key`)
  return {
    async get(name) {
      const path = pathOf(name)
      makePrivate(path, 0o600)
      try {
        return whileInUse(() => readFileSync(path, 'utf8')).trim()
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw refused(`The key file ${path}`, 'read', thrown)
      }
    },
    async set(name, secret) {
      ensurePrivateFolder(folder)
      try {
        replaceFile(pathOf(name), `${secret}\n`, 0o600)
      } catch (thrown) {
        throw refused(`The key file ${pathOf(name)}`, 'written', thrown)
      }
    },
    async delete(name) {
      try {
        whileInUse(() => rmSync(pathOf(name), { force: true }))
      } catch (thrown) {
        throw refused(`The key file ${pathOf(name)}`, 'removed', thrown)
      }
    },
  }
}

/** The key given as MCP_OAUTH_BRIDGE_KEY; it cannot be written. */
export function createEnvKey(value: string | undefined): SecretStore {
  const refuse = async () => {
    throw new BridgeError('key_missing', {
      message: 'MCP_OAUTH_BRIDGE_KEY is not set.',
      hint: 'Set it to 32 bytes in base64: openssl rand -base64 32.',
    })
  }
  return { get: async () => value, set: refuse, delete: async () => undefined }
}
