// The fallback for the OS keychain: one file with 0600 per secret, in a private folder.

import { randomUUID } from 'node:crypto'
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { SecretStore } from '../../ports.ts'
import { ensurePrivateFolder, makePrivate } from '../files/private.ts'

export function createKeyFile(folder: string): SecretStore {
  const pathOf = (name: string) => join(folder, `${name}.key`)
  return {
    async get(name) {
      const path = pathOf(name)
      makePrivate(path, 0o600)
      try {
        return readFileSync(path, 'utf8').trim()
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw thrown
      }
    },
    async set(name, secret) {
      ensurePrivateFolder(folder)
      const path = pathOf(name)
      const draft = `${path}.${randomUUID()}`
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0)
      const file = openSync(draft, flags, 0o600)
      try {
        writeSync(file, `${secret}\n`)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(draft, path)
    },
    async delete(name) {
      rmSync(pathOf(name), { force: true })
    },
  }
}

/** The key given as an environment variable; it cannot be written. */
export function createEnvKey(value: string | undefined, refuse: () => never): SecretStore {
  return { get: async () => value, set: async () => refuse(), delete: async () => undefined }
}
