// One refresh for all who saw the same generation, in every process: under a lease, stored by compare-and-swap; records a refused one.
import { BridgeError } from '../../errors.ts'
import type { Clock, Leases, Logger, TokenStore } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import type { Refresh } from './refresh.ts'

export type RefreshStrategy = 'auto' | 'none' | 'reauthorize'

export interface CoordinatedRefreshOptions {
  readonly key: TokenKey
  readonly store: Pick<TokenStore, 'spend' | 'unspend' | 'replace' | 'remove' | 'unrenewable'>
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

/** Whether the MCP server refused the access token; unknown for a request in the background, which it may refuse though calls work. */
export type AccessTokenIs = 'refused' | 'unknown'

export interface CoordinatedRefresh {
  /** Whether new tokens can be had without a person. */
  isPossible(record: TokenRecord): boolean
  /** The refresh was refused, perhaps in another process; this one has not asked for this generation, and a refusal may pass. */
  mayAskOnceMore(record: TokenRecord): boolean
  /**
   * Resolves to what is stored when the generation that was `seen` is refreshed, dead, or recorded as one that cannot be renewed, by
   * whichever process.
   */
  run(seen: TokenRecord, challenge?: Challenge, accessToken?: AccessTokenIs): Promise<TokenRecord>
  /** A person asks for it, whatever was refused before. undefined: the refresh token is missing or refused. */
  onRequest(seen: TokenRecord): Promise<TokenSet | undefined>
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

const REJECTED = 'The authorization server refused the refresh token.'

type Refreshable = TokenSet & { readonly refreshToken: string }

export function createCoordinatedRefresh(options: CoordinatedRefreshOptions): CoordinatedRefresh {
  const { key, store, reload, leases, clientCredentials, clock, log, strategy } = options
  let running: Promise<TokenRecord> | undefined
  let obtainedAt = Number.NEGATIVE_INFINITY
  /** The generation whose refusal this process knows. */
  let refusedGeneration = -1

  const isRefreshable = (tokens: TokenSet | undefined): tokens is Refreshable =>
    tokens?.refreshToken !== undefined && strategy === 'auto'

  /** Under the lease: what was seen may be refreshed already. */
  const refreshSeen = async (seen: TokenRecord, challenge: Challenge | undefined, accessToken: AccessTokenIs) => {
    const { generation, tokens, lastError, lastErrorCode } = await reload()
    if (generation !== seen.generation && !isSeenBearer(tokens, seen)) return
    if (clientCredentials) return await save(await clientCredentials(tokens, challenge), generation)
    if (!isRefreshable(tokens)) return
    const isKnown = lastError !== undefined
    if (isKnown) refusedGeneration = generation
    if (isKnown && seen.lastError === undefined) return
    const refresh = await options.refresh()
    let stored = generation
    let wasSpent = await store.spend(key, stored)
    const keep = async (renewed: TokenSet) => {
      if (!(await write(renewed, stored))) return
      stored += 1
      wasSpent = await store.spend(key, stored)
    }
    const outcome = await refresh(tokens, keep).catch(async (thrown: unknown) => {
      // What an earlier refresh left open stays so.
      if (!wasSpent && saysUnspent(thrown)) await store.unspend(key, stored).catch(() => undefined)
      return refusalIn(thrown)
    })
    if (typeof outcome !== 'string' && !(outcome instanceof BridgeError)) return await save(outcome, stored)
    refusedGeneration = stored
    const cutOff = outcome === 'interrupted' || (wasSpent && !isKnown)
    const reason = outcome instanceof BridgeError ? reasonOf(outcome) : cutOff ? CUT_OFF : REJECTED
    log.warn('oauth:refresh', { outcome: 'rejected', message: reason })
    const isDead = accessToken === 'refused' || lastErrorCode === 'token_expired' || isExpired(tokens, clock.now())
    if (typeof outcome === 'string' && isDead) await store.remove(key, stored, reason, 'token_expired')
    else await store.unrenewable(key, stored, reason, isDead ? 'token_expired' : 'refresh_token_missing')
  }

  const save = async (tokens: TokenSet, generation: number): Promise<void> => {
    obtainedAt = clock.now()
    await write(tokens, generation)
  }

  /** The old refresh token is used up: a busy database must not lose the new one. False: somebody else has stored something. */
  const write = async (tokens: TokenSet, generation: number): Promise<boolean> => {
    for (let tries = 1; ; tries++) {
      try {
        const isReplaced = await store.replace(key, tokens, generation)
        if (!isReplaced) log.info('oauth:refresh', { outcome: 'superseded' })
        return isReplaced
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'database_locked' || tries === SAVE_TRIES) throw thrown
      }
    }
  }

  const isPossible: CoordinatedRefresh['isPossible'] = ({ tokens, lastError }) =>
    clientCredentials !== undefined || (isRefreshable(tokens) && lastError === undefined)

  const run: CoordinatedRefresh['run'] = (seen, challenge, accessToken = 'unknown') => {
    running ??= leases
      .run(tokenLease(key), TOKEN_LEASE_MS, () => refreshSeen(seen, challenge, accessToken))
      .then(reload)
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    isPossible,
    mayAskOnceMore: ({ tokens, lastError, generation }) =>
      isRefreshable(tokens) && lastError !== undefined && generation !== refusedGeneration,
    run,
    async onRequest(seen) {
      if (!isPossible(seen) && !isRefreshable(seen.tokens)) return undefined
      const { tokens, lastError } = await run(seen)
      return lastError === undefined ? tokens : undefined
    },
    get obtainedAt() {
      return obtainedAt
    },
  }
}

/**
 * Another process has refreshed it, but got the next refresh token only: the bearer is still to come. One that the server gave again
 * has come, with a time of its own.
 */
const isSeenBearer = (tokens: TokenSet | undefined, seen: TokenRecord) =>
  tokens?.refreshToken !== undefined &&
  tokens.accessToken === seen.tokens?.accessToken &&
  tokens.obtainedAt === seen.tokens.obtainedAt &&
  tokens.refreshToken !== seen.tokens.refreshToken

/** An ID token that does not come is not the refusal of a refresh token, and has another remedy. */
const reasonOf = ({ code, message, hint }: BridgeError) =>
  code === 'id_token_missing' ? `${message} ${hint}` : `The refresh token was refused. ${message}`

export const isExpired = ({ expiresAt }: TokenSet, now: number) => expiresAt !== undefined && expiresAt <= now

/** A refusal as a value. @throws every other failure: it says nothing about the tokens */
function refusalIn(thrown: unknown): BridgeError {
  if (isRefusedForGood(thrown)) return thrown
  throw thrown
}

/** What `Refresh` says of all its tries. */
const saysUnspent = (thrown: unknown) => thrown instanceof BridgeError && thrown.details.mayBeSpent === false

/** The same request would be refused again, or the client that may send it is gone: only a sign-in brings new tokens. */
export const isRefusedForGood = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError && (thrown.details.refused === true || thrown.code === 'invalid_client')
