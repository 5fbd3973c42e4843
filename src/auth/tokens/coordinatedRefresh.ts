// One refresh for all who saw the same generation, in every process: under a lease, which is held until the new tokens are stored.
import type { Lease, Leases } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import { type AccessTokenIs, createLeasedRefresh, type LeasedRefreshOptions } from './leasedRefresh.ts'

export interface CoordinatedRefreshOptions extends LeasedRefreshOptions {
  readonly leases: Leases
}

export interface CoordinatedRefresh {
  /** Whether new tokens can be had without a person. */
  isPossible(record: TokenRecord): boolean
  /** The refresh was refused, perhaps in another process; this one has not asked for this generation, and a refusal may pass. */
  mayAskOnceMore(record: TokenRecord): boolean
  /**
   * Resolves to what is stored when the generation that was `seen` is refreshed, dead, or recorded as one that cannot be renewed, by
   * whichever process; or to new tokens that this one could not store yet.
   */
  run(seen: TokenRecord, challenge?: Challenge, accessToken?: AccessTokenIs): Promise<TokenRecord>
  /** A person asks for it, whatever was refused before. undefined: the refresh token is missing or refused. */
  onRequest(seen: TokenRecord): Promise<TokenSet | undefined>
  /** From now on nothing is asked for. Resolves when nothing runs and what it brought is stored, or after so many ms. */
  idle(ms: number): Promise<void>
  /** When this process got tokens without a person, in ms since the epoch. */
  readonly obtainedAt: number
}

/** If a holder dies, another process takes over after this time. */
export const TOKEN_LEASE_MS = 4_000
/** Held by the process that spends or revokes the tokens of this key at the authorization server. */
export const tokenLease = (key: TokenKey) => `tokens:${key.server} ${key.profile}`

export function createCoordinatedRefresh(options: CoordinatedRefreshOptions): CoordinatedRefresh {
  const { key, unsaved, reload, leases, clientCredentials, clock } = options
  const leased = createLeasedRefresh(options)
  const { isRefreshable } = leased
  /** What goes on under the lease. */
  const open = new Set<Promise<unknown>>()
  let running: Promise<TokenRecord> | undefined

  const isPossible: CoordinatedRefresh['isPossible'] = ({ tokens, lastError }) =>
    clientCredentials !== undefined || (isRefreshable(tokens) && lastError === undefined)

  /** The lease is held until the new tokens are stored; who waits for them gets them before. */
  const start = (...seen: [TokenRecord, Challenge | undefined, AccessTokenIs]) =>
    new Promise<TokenRecord>((resolve, reject) => {
      const work = async (lease: Lease) => {
        await leased.refreshSeen(lease, ...seen).catch((thrown: unknown) => {
          if (!unsaved.tokens) throw thrown
          reject(thrown)
        })
        if (unsaved.tokens) reload().then(resolve, reject)
        await unsaved.end()
      }
      leases
        .run(tokenLease(key), TOKEN_LEASE_MS, async (lease) => {
          const working = work(lease)
          open.add(working)
          await working.finally(() => open.delete(working))
        })
        .then(reload)
        .then(resolve, reject)
    })

  const run: CoordinatedRefresh['run'] = async (seen, challenge, accessToken = 'unknown') => {
    const isUnsaved = unsaved.tokens !== undefined && unsaved.tokens === seen.tokens
    await unsaved.again()
    const known = isUnsaved ? await reload() : seen
    running ??= start(known, challenge, accessToken).finally(() => {
      running = undefined
    })
    return running
  }

  return {
    isPossible,
    mayAskOnceMore: ({ tokens, lastError, generation }) =>
      isRefreshable(tokens) && lastError !== undefined && generation !== leased.refusedGeneration,
    run,
    async onRequest(seen) {
      if (!isPossible(seen) && !isRefreshable(seen.tokens)) return undefined
      const { tokens, lastError } = await run(seen)
      await unsaved.again()
      return lastError === undefined ? tokens : undefined
    },
    async idle(ms) {
      leased.end()
      if (open.size === 0) return
      const over = new AbortController()
      const late = clock.sleep(ms, over.signal).catch(() => undefined)
      await Promise.race([Promise.allSettled([unsaved.again(), ...open]), late])
      over.abort()
    },
    get obtainedAt() {
      return leased.obtainedAt
    },
  }
}
