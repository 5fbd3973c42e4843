// Assertion keys (table signing_keys): the private half is sealed together with the public one, so neither can be changed alone.
import { BridgeError } from '../../errors.ts'
import type { SigningKey, SigningKeyStore } from '../../gateway/ports.ts'
import type { Seal } from '../sealing/seal.ts'
import type { Database, Row } from '../sql.ts'
import { insertInto, optionalTime, textOf, timeOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'
import { objectOf } from './columns.ts'

export function createSigningKeyStore(database: Database, seal: Seal): SigningKeyStore {
  const place = (kid: string, publicJwk: string) => ['signing_keys', kid, publicJwk, 'private_jwk'] as const
  /** undefined: somebody else wrote it, so nothing that it signs is ours. */
  const keyOf = (row: Row): SigningKey | undefined => {
    const [kid, publicJwk] = [textOf(row.kid), textOf(row.public_jwk)]
    try {
      const privateJwk = seal.open(textOf(row.private_jwk), place(kid, publicJwk))
      return {
        kid,
        publicJwk: objectOf(publicJwk),
        privateJwk: objectOf(privateJwk),
        activeFrom: timeOf(row.active_from),
        retiredAt: optionalTime(row.retired_at),
      }
    } catch (thrown) {
      if (thrown instanceof BridgeError && thrown.code === 'seal_broken') return undefined
      throw thrown
    }
  }
  return {
    async all() {
      const rows = await database.all('SELECT * FROM signing_keys ORDER BY active_from, kid')
      return rows.map(keyOf).filter((key) => key !== undefined)
    },

    async add({ kid, publicJwk, privateJwk, activeFrom, retiredAt }) {
      const shown = JSON.stringify(publicJwk)
      const row = {
        kid,
        public_jwk: shown,
        private_jwk: seal.seal(JSON.stringify(privateJwk), place(kid, shown)),
        active_from: sqlTime(activeFrom),
        retired_at: retiredAt === undefined ? null : sqlTime(retiredAt),
      }
      await database.run(insertInto('signing_keys', row), row)
    },

    async retire(kid, at) {
      await database.run('UPDATE signing_keys SET retired_at = :at WHERE kid = :kid', { kid, at: sqlTime(at) })
    },

    async remove(kid) {
      await database.run('DELETE FROM signing_keys WHERE kid = :kid', { kid })
    },
  }
}
