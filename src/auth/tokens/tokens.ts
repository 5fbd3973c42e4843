// The token set of one server and profile: reuse it, else refresh it, else request a sign-in; coordinated with all other processes.
import { BridgeError } from '../../errors.ts'
import type { Cause, Clock, Leases, Logger, MaybePromise, TokenStore } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import type { Refresh } from './refresh.ts'
import { covers, union } from './scopes.ts'

export type RefreshStrategy = 'auto' | 'none' | 'reauthorize'
export type LoginMode = 'auto' | 'on-call' | 'never'

export interface TokensOptions {
  readonly key: TokenKey
  readonly store: TokenStore
  readonly leases: Leases
  readonly refresh: () => Promise<Refresh>
  /** Requests tokens for the program itself; undefined: a person signs in. */
  readonly clientCredentials?:
    | ((last: TokenSet | undefined, challenge: Challenge | undefined) => Promise<TokenSet>)
    | undefined
  /** Resolves when somebody has signed in. */
  readonly askForLogin: (challenge: Challenge) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
  readonly strategy: RefreshStrategy
  readonly mode: LoginMode
}

export interface Tokens {
  /** The token set to send now. An expired one is refreshed first, one that expires soon in the background. */
  current(): MaybePromise<TokenSet | undefined>
  /** After `rejected` was refused: resolves when `current` gives another token. @throws BridgeError why it cannot */
  renew(rejected: string | undefined, challenge: Challenge, cause: Cause): Promise<void>
  /**
   * After a token was refused for its scope: asks once for what was asked for before and `scope` together. Resolves when another
   * token may do. @throws BridgeError insufficient_scope when all of it was asked for before, or this cause may not ask
   */
  stepUp(refused: string | undefined, scope: string, challenge: Challenge, cause: Cause): Promise<void>
  /** The MCP server refused this new token too: for a while, no other one is requested automatically. */
  refused(accessToken: string | undefined): Promise<void>
  /** The stored token set, unchanged. */
  stored(): Promise<TokenSet | undefined>
  /** Refreshes now, whatever the expiry. undefined: the refresh token is missing or was refused. */
  refreshNow(): Promise<TokenSet | undefined>
}

/** If a holder dies, another process takes over after this time. */
export const TOKEN_LEASE_MS = 4_000
/** Held by the process that uses or revokes the tokens of this key at the authorization server. */
export const tokenLease = (key: TokenKey) => `tokens:${key.server} ${key.profile}`
/** Share of a token's life after which it is refreshed in the background. */
const DUE = 0.8
const SAVE_TRIES = 5
/** If the server refuses new tokens: the time until the next refresh, and the time until the next sign-in, in ms. */
const REFRESH_AGAIN_MS = 30_000
const ASK_AGAIN_MS = 5 * 60_000
/** How often per hour a program requests more scopes; the limit for sign-ins of a person is in signin/request.ts. */
const MOST_STEP_UPS = 3
const STEP_UPS_MS = 60 * 60_000
const CUT_OFF =
  'An earlier refresh was interrupted before its new tokens were stored, so the server refused the old refresh token. Sign in again.'

export function createTokens(options: TokensOptions): Tokens {
  const { key, store, leases, clock, log, strategy, mode } = options
  /** Spreads the refreshes of many processes over 5 % of the life. */
  const jitter = Math.random() * 0.05
  let known: TokenRecord | undefined
  let refreshing: Promise<TokenRecord> | undefined
  let asking: Promise<void> | undefined
  let stepUps: readonly number[] = []
  /** When this process got tokens without a person. */
  let fetchedAt = Number.NEGATIVE_INFINITY

  const reload = async () => {
    known = await store.load(key)
    return known
  }

  /** One refresh for every caller that saw the same generation, in all processes. */
  const refreshOnce = (seen: TokenRecord, challenge?: Challenge): Promise<TokenRecord> => {
    refreshing ??= leases
      .run(tokenLease(key), TOKEN_LEASE_MS, async () => {
        const { generation, tokens } = await reload()
        if (generation !== seen.generation) return undefined
        if (options.clientCredentials) return await save(await options.clientCredentials(tokens, challenge), generation)
        if (!isRefreshable(tokens)) return undefined
        const cutOff = await store.spend(key, generation)
        const outcome = await (await options.refresh())(tokens)
        if (outcome !== 'rejected') return await save(outcome, generation)
        const reason = cutOff ? CUT_OFF : 'The authorization server refused the refresh token.'
        log.warn('oauth:refresh', { outcome: 'rejected', message: reason })
        await store.remove(key, generation, reason)
      })
      .then(reload)
      .finally(() => {
        refreshing = undefined
      })
    return refreshing
  }

  /** The old refresh token is used up: a busy database must not lose the new one. */
  const save = async (tokens: TokenSet, generation: number) => {
    fetchedAt = clock.now()
    for (let tries = 1; ; tries++) {
      try {
        if (!(await store.replace(key, tokens, generation))) log.info('oauth:refresh', { outcome: 'superseded' })
        return
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'database_locked' || tries === SAVE_TRIES) throw thrown
      }
    }
  }

  const isRefreshable = (tokens: TokenSet | undefined): tokens is TokenSet & { refreshToken: string } =>
    tokens?.refreshToken !== undefined && strategy === 'auto'

  const isRenewable = (tokens: TokenSet | undefined) => options.clientCredentials !== undefined || isRefreshable(tokens)

  const isExpired = ({ expiresAt }: TokenSet) => expiresAt !== undefined && expiresAt <= clock.now()

  const isDue = ({ obtainedAt, expiresAt }: TokenSet) =>
    expiresAt !== undefined && clock.now() >= obtainedAt + (expiresAt - obtainedAt) * (DUE + jitter)

  /** A tab opens automatically once, if nobody was ever signed in; later only for a call. */
  const mayAsk = (cause: Cause, { generation }: TokenRecord) => {
    if (mode === 'never' || cause === 'background') return false
    return cause === 'call' || (mode === 'auto' && generation === 0)
  }

  /** Client credentials request more scopes without disturbing anybody. */
  const mayStepUp = (cause: Cause) =>
    options.clientCredentials ? cause !== 'background' : cause === 'call' && mode !== 'never'

  const stepUpAsProgram = async (record: TokenRecord, wanted: Challenge, scope: string) => {
    stepUps = stepUps.filter((time) => time > clock.now() - STEP_UPS_MS)
    if (stepUps.length >= MOST_STEP_UPS) throw insufficient(scope)
    stepUps = [...stepUps, clock.now()]
    await refreshOnce(record, wanted)
  }

  /** A clock that was set back must not block sign-ins. */
  const wasRefused = ({ refusedAt }: TokenRecord, within: number) =>
    refusedAt !== undefined && refusedAt <= clock.now() && clock.now() < refusedAt + within

  /** One sign-in at a time in this process; the store coordinates the others. */
  const ask = async (challenge: Challenge) => {
    asking ??= options.askForLogin(challenge).finally(() => {
      asking = undefined
    })
    await asking
    await reload()
  }

  /** The stored tokens, perhaps of another process, refreshed if due. */
  const renewed = async () => {
    const record = await reload()
    const { tokens } = record
    if (!tokens || !isRenewable(tokens) || !isDue(tokens)) return tokens
    const refreshed = refreshOnce(record)
    if (isExpired(tokens)) return (await refreshed).tokens
    refreshed.catch((thrown: BridgeError) => log.warn('oauth:refresh', { outcome: 'postponed', code: thrown.code }))
    return tokens
  }

  return {
    current() {
      const tokens = known?.tokens
      // After a sign-out, or another sign-in, the next message is sent without these.
      return known && tokens && !isDue(tokens) && store.unchanged(key, known.generation) ? tokens : renewed()
    },

    async renew(rejected, challenge, cause) {
      let record = await reload()
      if (record.tokens && record.tokens.accessToken !== rejected) return
      if (isRenewable(record.tokens)) {
        if (wasRefused(record, REFRESH_AGAIN_MS) && clock.now() < fetchedAt + REFRESH_AGAIN_MS) throw refusedAnew()
        record = await refreshOnce(record, challenge)
        if (record.tokens && record.tokens.accessToken !== rejected) return
      }
      if (options.clientCredentials || !mayAsk(cause, record)) throw notSignedIn(record)
      if (wasRefused(record, ASK_AGAIN_MS)) throw refusedAnew()
      await ask(challenge.scope === undefined ? challenge : withScope(challenge, requestedOf(record), challenge.scope))
    },

    async stepUp(refused, scope, challenge, cause) {
      // A pending sign-in may have been for another scope; then a sign-in for both is requested.
      for (let record = await reload(); ; record = await reload()) {
        const { tokens } = record
        if (tokens && tokens.accessToken !== refused && covers(requestedOf(record), scope)) return
        if (covers(requestedOf(record), scope) || !mayStepUp(cause)) throw insufficient(scope)
        const wanted = withScope(challenge, requestedOf(record), scope)
        if (options.clientCredentials) await stepUpAsProgram(record, wanted, scope)
        else await ask(wanted)
      }
    },

    async refused(accessToken) {
      const { generation, tokens } = await reload()
      if (tokens && tokens.accessToken === accessToken) await store.refuse(key, generation)
    },

    async stored() {
      return known?.tokens && store.unchanged(key, known.generation) ? known.tokens : (await reload()).tokens
    },

    async refreshNow() {
      const record = await reload()
      if (!isRenewable(record.tokens)) return undefined
      return (await refreshOnce(record)).tokens
    },
  }
}

/** The scopes that the sign-ins of this row requested, or at least those granted. */
const requestedOf = ({ tokens, requestedScope }: TokenRecord) =>
  tokens ? union(tokens.requestedScope, tokens.scope) : requestedScope

function withScope(challenge: Challenge, ...scopes: readonly (string | undefined)[]): Challenge {
  const scope = union(...scopes)
  return scope === undefined ? challenge : { ...challenge, scope }
}

const insufficient = (scope: string) =>
  new BridgeError('insufficient_scope', {
    message: `The server asks for a scope the token does not have: ${quote(scope)}.`,
  })

const refusedAnew = () =>
  new BridgeError('unauthorized', {
    message: 'The server refused the token and also the last new one, so no further token was requested.',
    hint: 'Run mcp-oauth-bridge doctor for this server to see the claims of the token, then login --force. The bridge tries again after five minutes.',
  })

const notSignedIn = ({ lastError }: TokenRecord) =>
  new BridgeError(
    'not_signed_in',
    lastError === undefined ? {} : { message: `Nobody is signed in to this server: ${lastError}` },
  )
