// Records, outside the database, which sealing keys were used with it, so that nobody who writes to the database can choose another.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile, whileInUse } from '../../disk/replaceFile.ts'
import { makePrivate, withPrivateUmask } from '../files/private.ts'
import { refused } from './refused.ts'

/** Keys are created rarely: after a reset, or when one was lost. */
const MOST = 20

/** One file for each database; contains the fingerprints of the keys. */
export const keyPinFile = (folder: string, database: string): string =>
  join(folder, `sealing-key-of-${createHash('sha256').update(database).digest('hex').slice(0, 12)}.pin`)

export function createKeyPin(folder: string, database: string) {
  const path = keyPinFile(folder, database)
  const file = `${path}, which says which sealing keys were used,`
  const known = (): string[] | undefined => {
    makePrivate(path, 0o600)
    try {
      return whileInUse(() => readFileSync(path, 'utf8'))
        .split('\n')
        .filter(Boolean)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      // Taken for missing, it would let the database choose its key.
      throw refused(file, 'read', thrown)
    }
  }
  return {
    path,
    known,
    add(fingerprint: string): void {
      const others = (known() ?? []).filter((one) => one !== fingerprint)
      const text = [...others, fingerprint].slice(-MOST).join('\n')
      try {
        withPrivateUmask(path, () => replaceFile(path, `${text}\n`, 0o600))
      } catch (thrown) {
        throw refused(file, 'written', thrown)
      }
    },
  }
}
