// One refresh for all who saw the same generation, in every process: under a lease, stored by compare-and-swap; removes tokens whose refresh was refused.
import { BridgeError } from '../../errors.ts'
import type { Clock, Leases, Logger, TokenStore } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import type { Refresh } from './refresh.ts'

export type RefreshStrategy = 'auto' | 'none' | 'reauthorize'

export interface CoordinatedRefreshOptions {
  readonly key: TokenKey
  readonly store: Pick<TokenStore, 'spend' | 'replace' | 'remove'>
  /** What is stored now. */
  readonly reload: () => Promise<TokenRecord>
  readonly leases: Leases
  readonly refresh: () => Promise<Refresh>
  /** Requests tokens for the program itself; undefined: a person signs in. */
  readonly clientCredentials?:
    | ((last: TokenSet | undefined, challenge: Challenge | undefined) => Promise<TokenSet>)
    | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly strategy: RefreshStrategy
}

export interface CoordinatedRefresh {
  /** Whether new tokens can be had without a person. */
  isPossible(tokens: TokenSet | undefined): boolean
  /** Resolves to what is stored when the generation that was `seen` is refreshed or dead, by whichever process. */
  run(seen: TokenRecord, challenge?: Challenge): Promise<TokenRecord>
  /** When this process got tokens without a person, in ms since the epoch. */
  readonly obtainedAt: number
}

/** If a holder dies, another process takes over after this time. */
export const TOKEN_LEASE_MS = 4_000
/** Held by the process that spends or revokes the tokens of this key at the authorization server. */
export const tokenLease = (key: TokenKey) => `tokens:${key.server} ${key.profile}`
const SAVE_TRIES = 5
const CUT_OFF =
  'An earlier refresh was interrupted before its new tokens were stored, so the server refused the old refresh token. Sign in again.'

type Refreshable = TokenSet & { readonly refreshToken: string }

export function createCoordinatedRefresh(options: CoordinatedRefreshOptions): CoordinatedRefresh {
  const { key, store, reload, leases, clientCredentials, clock, log, strategy } = options
  let running: Promise<TokenRecord> | undefined
  let obtainedAt = Number.NEGATIVE_INFINITY

  const isRefreshable = (tokens: TokenSet | undefined): tokens is Refreshable =>
    tokens?.refreshToken !== undefined && strategy === 'auto'

  /** Under the lease: what was seen may be refreshed already. */
  const refreshSeen = async (seen: TokenRecord, challenge: Challenge | undefined): Promise<void> => {
    const { generation, tokens } = await reload()
    if (generation !== seen.generation) return
    if (clientCredentials) return await save(await clientCredentials(tokens, challenge), generation)
    if (!isRefreshable(tokens)) return
    const cutOff = await store.spend(key, generation)
    const outcome = await (await options.refresh())(tokens)
    if (outcome !== 'rejected') return await save(outcome, generation)
    const reason = cutOff ? CUT_OFF : 'The authorization server refused the refresh token.'
    log.warn('oauth:refresh', { outcome: 'rejected', message: reason })
    await store.remove(key, generation, reason, 'token_expired')
  }

  /** The old refresh token is used up: a busy database must not lose the new one. */
  const save = async (tokens: TokenSet, generation: number): Promise<void> => {
    obtainedAt = clock.now()
    for (let tries = 1; ; tries++) {
      try {
        if (!(await store.replace(key, tokens, generation))) log.info('oauth:refresh', { outcome: 'superseded' })
        return
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'database_locked' || tries === SAVE_TRIES) throw thrown
      }
    }
  }

  return {
    isPossible: (tokens) => clientCredentials !== undefined || isRefreshable(tokens),
    run(seen, challenge) {
      running ??= leases
        .run(tokenLease(key), TOKEN_LEASE_MS, () => refreshSeen(seen, challenge))
        .then(reload)
        .finally(() => {
          running = undefined
        })
      return running
    },
    get obtainedAt() {
      return obtainedAt
    },
  }
}
