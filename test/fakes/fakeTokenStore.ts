// A TokenStore in memory that a sibling process can change behind one's back; test/contract/tokenStore.test.ts holds it to what the real one does.
import type { TokenStore } from '../../src/ports.ts'
import { present } from '../../src/present.ts'
import type { AccountSummary, TokenKey, TokenRecord, TokenSet } from '../../src/records.ts'

export interface FakeTokenStore extends TokenStore {
  readonly removals: readonly { generation: number; reason: string | undefined }[]
  readonly loads: number
  /** What a sibling process stores. */
  put(key: TokenKey, tokens: TokenSet | undefined): number
  /** The next calls of `replace` throw these. */
  failReplace(...errors: unknown[]): void
}

interface Row extends TokenRecord {
  readonly key: TokenKey
  /** The last token set, which the list still tells of when it is gone. */
  readonly last: TokenSet | undefined
  /** The refresh token of this generation was about to be spent. */
  readonly isSpent?: boolean
}

export function createFakeTokenStore(now = () => 0): FakeTokenStore {
  const rows = new Map<string, Row>()
  const removals: { generation: number; reason: string | undefined }[] = []
  const failures: unknown[] = []
  let loads = 0
  const nameOf = ({ server, profile }: TokenKey) => JSON.stringify([server, profile])
  const generationOf = (key: TokenKey) => rows.get(nameOf(key))?.generation ?? 0
  /** The row, while it is at this generation. */
  const rowAt = (key: TokenKey, generation: number) => {
    const row = rows.get(nameOf(key))
    return row?.generation === generation ? row : undefined
  }
  const write = ({ server, profile }: TokenKey, row: Omit<Row, 'key' | 'generation'>) => {
    const key = { server, profile }
    const generation = generationOf(key) + 1
    rows.set(nameOf(key), { key, generation, ...row })
    return generation
  }
  const put = (key: TokenKey, tokens: TokenSet | undefined) =>
    write(key, tokens ? { tokens, last: tokens } : { last: rows.get(nameOf(key))?.last })
  return {
    removals,
    get loads() {
      return loads
    },
    put,
    failReplace: (...errors) => void failures.push(...errors),
    async load(key) {
      loads++
      const {
        generation = 0,
        refusedAt,
        tokens,
        requestedScope,
        lastError,
        lastErrorCode,
      } = rows.get(nameOf(key)) ?? {}
      return { generation, ...present({ refusedAt, tokens, requestedScope, lastError, lastErrorCode }) }
    },
    async spend(key, generation) {
      const row = rowAt(key, generation)
      if (!row) return 'gone'
      rows.set(nameOf(key), { ...row, isSpent: true })
      return row.isSpent ? 'again' : 'first'
    },
    async unspend(key, generation) {
      const row = rowAt(key, generation)
      if (row) rows.set(nameOf(key), { ...row, isSpent: false })
    },
    async replace(key, next, expected) {
      if (failures.length > 0) throw failures.shift()
      if (generationOf(key) !== expected) return false
      put(key, next)
      return true
    },
    async remove(key, expected, reason, lastErrorCode) {
      const row = rowAt(key, expected)
      if (!row) return false
      removals.push({ generation: expected, reason })
      const { last, refusedAt } = row
      const requestedScope = row.tokens ? row.tokens.requestedScope : row.requestedScope
      write(key, {
        last,
        ...(reason === undefined ? {} : present({ refusedAt, requestedScope, lastError: reason, lastErrorCode })),
      })
      return true
    },
    list: async () =>
      [...rows.values()]
        .map(summaryOf)
        .sort((a, b) => (`${a.server} ${a.profile}` < `${b.server} ${b.profile}` ? -1 : 1)),
    unchanged: (key, generation) => rowAt(key, generation) !== undefined,
    async unrenewable(key, generation, lastError, lastErrorCode) {
      const row = rowAt(key, generation)
      if (row?.tokens) rows.set(nameOf(key), { ...row, isSpent: false, lastError, lastErrorCode })
    },
    async refuse(key, generation) {
      const row = rowAt(key, generation)
      if (row) rows.set(nameOf(key), { ...row, refusedAt: now() })
    },
  }
}

function summaryOf({ key, generation, last, lastError, lastErrorCode, tokens }: Row): AccountSummary {
  const { user } = last ?? {}
  const email = user?.claims.email
  return {
    ...key,
    generation,
    signedIn: tokens !== undefined,
    refreshable:
      lastErrorCode === undefined && (tokens?.refreshToken !== undefined || last?.grant === 'client_credentials'),
    ...present({
      issuer: last?.issuer,
      subject: user?.subject,
      email: typeof email === 'string' ? email : undefined,
      scope: last?.scope,
      expiresAt: tokens?.expiresAt,
      lastError,
      lastErrorCode,
    }),
  }
}
