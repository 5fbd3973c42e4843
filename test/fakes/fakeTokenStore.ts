// A TokenStore in memory that a sibling process can change behind one's back.
import type { TokenStore } from '../../src/ports.ts'
import type { TokenKey, TokenRecord, TokenSet } from '../../src/records.ts'

export interface FakeTokenStore extends TokenStore {
  readonly removals: readonly { generation: number; reason: string | undefined }[]
  readonly loads: number
  /** What a sibling process stores. */
  put(key: TokenKey, tokens: TokenSet | undefined): number
  /** The next calls of `replace` throw these. */
  failReplace(...errors: unknown[]): void
}

export function createFakeTokenStore(now = () => 0): FakeTokenStore {
  const records = new Map<string, TokenRecord>()
  const removals: { generation: number; reason: string | undefined }[] = []
  const failures: unknown[] = []
  const spent = new Set<string>()
  let loads = 0
  const name = ({ server, profile }: TokenKey) => JSON.stringify([server, profile])
  const read = (key: TokenKey): TokenRecord => records.get(name(key)) ?? { generation: 0 }
  const put = (key: TokenKey, tokens: TokenSet | undefined) => {
    const generation = read(key).generation + 1
    records.set(name(key), tokens ? { generation, tokens } : { generation })
    return generation
  }
  return {
    removals,
    get loads() {
      return loads
    },
    put,
    failReplace: (...errors) => void failures.push(...errors),
    async load(key) {
      loads++
      return read(key)
    },
    async spend(key, generation) {
      const refreshToken = `${name(key)} ${generation}`
      const before = spent.has(refreshToken)
      spent.add(refreshToken)
      return before
    },
    async replace(key, next, expected) {
      if (failures.length > 0) throw failures.shift()
      if (read(key).generation !== expected) return false
      put(key, next)
      return true
    },
    async remove(key, expected, reason) {
      if (read(key).generation !== expected) return false
      removals.push({ generation: expected, reason })
      const requestedScope = read(key).tokens?.requestedScope
      const { refusedAt } = read(key)
      const refused = refusedAt === undefined ? {} : { refusedAt }
      const generation = put(key, undefined)
      const kept = requestedScope === undefined ? {} : { requestedScope }
      if (reason !== undefined) records.set(name(key), { generation, lastError: reason, ...kept, ...refused })
      return true
    },
    list: async () => [],
    unchanged: (key, generation) => read(key).generation === generation,
    async refuse(key, generation) {
      if (read(key).generation === generation) records.set(name(key), { ...read(key), refusedAt: now() })
    },
  }
}
