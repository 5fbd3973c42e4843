// The refresh under its lease: marks the refresh token before it is sent, keeps what the server answered, and records why it refused.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Clock, Lease, Logger, TokenStore } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import { leaveToFormer } from './formerHolder.ts'
import type { Refresh } from './refresh.ts'
import { isExpired } from './tokenSet.ts'
import type { Unsaved } from './unsaved.ts'

export type RefreshStrategy = 'auto' | 'none' | 'reauthorize'

export interface LeasedRefreshOptions {
  readonly key: TokenKey
  readonly store: Pick<TokenStore, 'spend' | 'unspend' | 'remove' | 'unrenewable'>
  readonly unsaved: Unsaved
  /** What is stored now, or what is still to be stored. */
  readonly reload: () => Promise<TokenRecord>
  readonly refresh: () => Promise<Refresh>
  /** Requests tokens for the program itself; undefined: a person signs in. */
  readonly clientCredentials?:
    | ((last: TokenSet | undefined, challenge: Challenge | undefined) => Promise<TokenSet>)
    | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly strategy: RefreshStrategy
}

const CUT_OFF =
  'An earlier refresh was interrupted before its new tokens were stored, so the server refused the old refresh token. Sign in again.'

const REJECTED = 'The authorization server refused the refresh token.'

type Refreshable = TokenSet & { readonly refreshToken: string }

/** Whether the MCP server refused the access token; unknown for a request in the background, which it may refuse though calls work. */
export type AccessTokenIs = 'refused' | 'unknown'

export function createLeasedRefresh(options: LeasedRefreshOptions) {
  const { key, store, unsaved, reload, clientCredentials, clock, log, strategy } = options
  let obtainedAt = Number.NEGATIVE_INFINITY
  let refusedGeneration = -1
  let isEnding = false

  const isRefreshable = (tokens: TokenSet | undefined): tokens is Refreshable =>
    tokens?.refreshToken !== undefined && strategy === 'auto'

  /** Marks the refresh token as about to be spent. 'gone': another process has settled what becomes of it. A second use would count as theft. */
  const spend = async (lease: Lease, { generation, lastError }: TokenRecord) => {
    let spent = await store.spend(key, generation)
    if (spent !== 'again') return spent
    await leaveToFormer(lease, clock, async () => {
      spent = (await reload()).lastError === lastError ? await store.spend(key, generation) : 'gone'
      return spent !== 'again'
    })
    return spent
  }

  /** A process that ends asks for nothing more: the answer could come too late. @throws BridgeError cancelled */
  const refuseAtEnd = () => {
    if (isEnding) throw new BridgeError('cancelled', { message: 'The process ends, so no token was requested.' })
  }

  /** Under the lease: what was seen may be refreshed already. */
  const refreshSeen = async (
    lease: Lease,
    seen: TokenRecord,
    challenge: Challenge | undefined,
    accessToken: AccessTokenIs,
  ) => {
    refuseAtEnd()
    const found = await reload()
    const { generation, tokens, lastError, lastErrorCode } = found
    if (generation !== seen.generation && !isSeenBearer(tokens, seen)) return
    if (clientCredentials) return await save(await clientCredentials(tokens, challenge), generation)
    if (!isRefreshable(tokens)) return
    const isKnown = lastError !== undefined
    if (isKnown) refusedGeneration = generation
    if (isKnown && seen.lastError === undefined) return
    const refresh = await options.refresh()
    const spent = await spend(lease, found)
    if (spent === 'gone') return
    let stored = generation
    let wasSpent = spent === 'again'
    const keep = async (renewed: TokenSet) => {
      if (!(await unsaved.save(renewed, stored))) return
      stored += 1
      wasSpent = (await store.spend(key, stored)) === 'again'
    }
    const mayAsk = async () => {
      refuseAtEnd()
      return lease.renew()
    }
    const outcome = await refresh(tokens, keep, mayAsk).catch(async (thrown: unknown) => {
      // What an earlier refresh left open stays so.
      if (!wasSpent && saysUnspent(thrown)) await store.unspend(key, stored).catch(() => undefined)
      return refusalIn(thrown)
    })
    if (outcome === 'overtaken') return
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
    await unsaved.save(tokens, generation).catch((thrown: unknown) => {
      log.warn('oauth:refresh', { outcome: 'unsaved', code: asBridgeError(thrown).code })
    })
  }

  return {
    /** The process ends. */
    end() {
      isEnding = true
    },
    isRefreshable,
    refreshSeen,
    /** When this process got tokens without a person, in ms since the epoch. */
    get obtainedAt() {
      return obtainedAt
    },
    /** The generation whose refusal this process knows. */
    get refusedGeneration() {
      return refusedGeneration
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
