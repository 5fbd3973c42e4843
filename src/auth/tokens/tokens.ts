// The token set of one server and profile: reuse it, else refresh it, else request a sign-in if a browser may open for this cause.
import { BridgeError } from '../../errors.ts'
import type { Cause, Clock, MaybePromise, TokenStore } from '../../ports.ts'
import type { Challenge, TokenKey, TokenRecord, TokenSet } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { type CoordinatedRefreshOptions, createCoordinatedRefresh } from './coordinatedRefresh.ts'
import { covers, union } from './scopes.ts'
import { isExpired } from './tokenSet.ts'
import { createUnsaved } from './unsaved.ts'

export type LoginMode = 'auto' | 'on-call' | 'never'

export interface TokensOptions extends Omit<CoordinatedRefreshOptions, 'store' | 'reload' | 'unsaved'> {
  readonly store: TokenStore
  /** Resolves when somebody has signed in. `cause` decides whether a tab may open, `isOver` tells whether somebody has in the meantime. */
  readonly requestSignIn: (challenge: Challenge, cause: Cause, isOver: () => Promise<boolean>) => Promise<void>
  readonly mode: LoginMode
}

export interface Tokens {
  /** The token set to send now. An expired one is refreshed first, one that expires soon in the background. */
  current(): MaybePromise<TokenSet | undefined>
  /**
   * After `rejected` was refused: resolves when `current` gives another token, or a program the same one that it got again.
   * @throws BridgeError why it cannot
   */
  renew(rejected: string | undefined, challenge: Challenge, cause: Cause): Promise<void>
  /**
   * After a token was refused for its scope: asks once for what was asked for before and `scope` together. Resolves when another
   * token may do. @throws BridgeError insufficient_scope when all of it was asked for before, or this cause may not ask
   */
  stepUp(refused: string | undefined, scope: string, challenge: Challenge, cause: Cause): Promise<void>
  /** The MCP server refused this new token too: for a while, no other one is requested automatically. 'ended': it had expired on its way. */
  refused(accessToken: string | undefined): Promise<'ended' | undefined>
  /** The stored token set, unchanged. */
  stored(): Promise<TokenSet | undefined>
  /** Refreshes now, whatever the expiry. undefined: the refresh token is missing or was refused. */
  refreshNow(): Promise<TokenSet | undefined>
  /** Before this process ends: resolves when no refresh runs and what the last one brought is stored, or after so many ms. */
  idle(ms: number): Promise<void>
}

/** Share of a token's life after which it is refreshed in the background. */
const DUE = 0.8
/** If the server refuses new tokens: the time until the next refresh, and the time until the next sign-in, in ms. */
const REFRESH_AGAIN_MS = 30_000
const ASK_AGAIN_MS = 5 * 60_000

export function createTokens(options: TokensOptions): Tokens {
  const { key, store, clientCredentials, clock, log, mode } = options
  /** Spreads the refreshes of many processes over 5 % of the life. */
  const jitter = Math.random() * 0.05
  let known: TokenRecord | undefined

  const unsaved = createUnsaved({ key, store, clock, log })
  const reload = async () => {
    known = await unsaved.over(() => store.load(key))
    return known
  }

  const refresh = createCoordinatedRefresh({ ...options, unsaved, reload })
  const stepUpLimit = createStepUpLimit(clock)

  const isDue = (record: TokenRecord) => clock.now() >= dueAt(record, DUE + jitter)

  /** The MCP server refused this generation a short while ago. */
  const wasRefused = (record: TokenRecord, within: number) => isRecent(record.refusedAt, within, clock.now())

  /** The stored tokens, perhaps of another process, refreshed if due. */
  const reloadAndRefresh = async () => {
    const record = await reload()
    const { tokens } = record
    if (!tokens || !refresh.isPossible(record) || !isDue(record)) return tokens
    const refreshed = refresh.run(record)
    if (isExpired(tokens, clock.now())) return (await refreshed).tokens
    refreshed.catch((thrown: BridgeError) => log.warn('oauth:refresh', { outcome: 'postponed', code: thrown.code }))
    return tokens
  }

  const requestOnce = createSignIns(options.requestSignIn)
  const signIn: TokensOptions['requestSignIn'] = async (challenge, cause, isOver) => {
    await requestOnce(challenge, cause, isOver)
    await reload()
  }

  return {
    current() {
      const tokens = known?.tokens
      // After a sign-out, or another sign-in, the next message is sent without these.
      const isGood = known && tokens && !isDue(known) && store.unchanged(key, known.generation)
      return isGood ? tokens : reloadAndRefresh()
    },

    async renew(rejected, challenge, cause) {
      let record = await reload()
      if (isAnother(record, rejected)) return
      // Who asks to sign in goes past what was refused.
      const isAskedAnew = cause === 'signIn' && wasRefused(record, ASK_AGAIN_MS)
      const mayRefresh = refresh.isPossible(record) || (cause !== 'background' && refresh.mayAskOnceMore(record))
      if (mayRefresh && !isAskedAnew) {
        const isTooSoon = isRecent(refresh.obtainedAt, REFRESH_AGAIN_MS, clock.now())
        if (isTooSoon && wasRefused(record, REFRESH_AGAIN_MS)) throw refusedAnew()
        record = await refresh.run(record, challenge, cause === 'background' ? 'unknown' : 'refused')
        // Some servers give a program the token that still lives: the MCP server is then asked once more with that.
        if (isAnother(record, clientCredentials ? undefined : rejected)) return
      }
      if (cause !== 'background') await noteEnd(store, key, record)
      if (clientCredentials || !maySignIn(mode, cause, record)) throw notSignedIn(record)
      if (wasRefused(record, ASK_AGAIN_MS) && !isAskedAnew) throw refusedAnew()
      const { scope } = challenge
      const wanted = scope === undefined ? challenge : withScope(challenge, requestedOf(record), scope)
      await signIn(wanted, cause, async () => isAnother(await reload(), rejected))
    },

    async stepUp(refused, scope, challenge, cause) {
      // A pending sign-in may have been for another scope; then a sign-in for both is requested.
      const isCovered = (record: TokenRecord) => covers(requestedOf(record), scope)
      const isAnother = (record: TokenRecord) =>
        isCovered(record) && record.tokens !== undefined && record.tokens.accessToken !== refused
      for (let record = await reload(); ; record = await reload()) {
        if (isAnother(record)) return
        if (isCovered(record) || !mayStepUp(options, cause)) throw insufficient(scope, requestedOf(record))
        const wanted = withScope(challenge, requestedOf(record), scope)
        if (!clientCredentials) await signIn(wanted, cause, async () => isAnother(await reload()))
        else if (stepUpLimit.take()) await refresh.run(record, wanted)
        else throw insufficient(scope, requestedOf(record))
      }
    },

    async refused(accessToken) {
      const { generation, tokens } = await reload()
      // One that has expired on its way, such as a short-lived one on a slow network, was refused for that.
      if (tokens?.accessToken !== accessToken || !tokens) return undefined
      if (isExpired(tokens, clock.now())) return 'ended'
      await store.refuse(key, generation)
      return undefined
    },

    async stored() {
      return known?.tokens && store.unchanged(key, known.generation) ? known.tokens : (await reload()).tokens
    },

    refreshNow: async () => refresh.onRequest(await reload()),
    idle: refresh.idle,
  }
}

/** One sign-in at a time in this process, and one for a person who asks: that may open a tab where the other may not. */
function createSignIns(request: TokensOptions['requestSignIn']): TokensOptions['requestSignIn'] {
  const pending = new Map<boolean, Promise<void>>()
  return (challenge, cause, isOver) => {
    const isAskedFor = cause === 'signIn'
    const asking =
      pending.get(isAskedFor) ?? request(challenge, cause, isOver).finally(() => pending.delete(isAskedFor))
    pending.set(isAskedFor, asking)
    return asking
  }
}

/** A clock that was set back must not block sign-ins, nor a refresh. */
const isRecent = (time: number | undefined, within: number, now: number) =>
  time !== undefined && time <= now && now < time + within

/** A tab opens automatically once, if nobody was ever signed in; later only for a call. */
function maySignIn(mode: LoginMode, cause: Cause, { generation }: TokenRecord): boolean {
  if (mode === 'never' || cause === 'background') return false
  return isByPerson(cause) || (mode === 'auto' && generation === 0)
}

/** Client credentials request more scopes without disturbing anybody. */
const mayStepUp = ({ clientCredentials, mode }: TokensOptions, cause: Cause) =>
  clientCredentials ? cause !== 'background' : isByPerson(cause) && mode !== 'never'

/** When this share of its life is over; never for one whose end is unknown, or that cannot be renewed. */
const dueAt = ({ tokens, lastError }: TokenRecord, share: number) =>
  tokens?.expiresAt === undefined || lastError !== undefined
    ? Number.POSITIVE_INFINITY
    : tokens.obtainedAt + (tokens.expiresAt - tokens.obtainedAt) * share

const isAnother = ({ tokens }: TokenRecord, rejected: string | undefined) =>
  tokens !== undefined && tokens.accessToken !== rejected

/** The server refused the access token of a sign-in that cannot be renewed: `status` and `login` count it as ended. */
async function noteEnd(store: TokenStore, key: TokenKey, record: TokenRecord): Promise<void> {
  const { generation, tokens, lastError, lastErrorCode } = record
  if (tokens && lastError !== undefined && lastErrorCode === 'refresh_token_missing')
    await store.unrenewable(key, generation, lastError, 'token_expired')
}

const isByPerson = (cause: Cause) => cause === 'call' || cause === 'signIn'

/** How often per hour a program requests more scopes; the limit for sign-ins of a person is in signin/attempt/request.ts. */
const MOST_STEP_UPS = 3
const STEP_UPS_MS = 60 * 60_000

function createStepUpLimit(clock: Clock) {
  let times: readonly number[] = []
  return {
    /** False: there were too many already. */
    take(): boolean {
      times = times.filter((time) => Math.abs(clock.now() - time) < STEP_UPS_MS)
      if (times.length >= MOST_STEP_UPS) return false
      times = [...times, clock.now()]
      return true
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

/** The command has all scopes where a shell takes each as it is. */
const insufficient = (scope: string, before: string | undefined) => {
  const all = union(before, scope) ?? ''
  return new BridgeError('insufficient_scope', {
    message: `The server asks for a scope the token does not have: ${quote(scope)}.`,
    ...(/^[\w.:/ -]{1,500}$/.test(all)
      ? { hint: `Sign in again with the scope the server names: mcp-oauth-bridge login --scope "${all}" --force.` }
      : {}),
  })
}

const refusedAnew = () =>
  new BridgeError('unauthorized', {
    message: 'The server refused the token and also the last new one, so no further token was requested.',
    details: { reason: 'refused_anew' },
    hint: 'Call the tool sign_in if your host has it, or wait five minutes and repeat the call. At a terminal, run mcp-oauth-bridge doctor to see the claims of the token, then mcp-oauth-bridge login --force.',
  })

const notSignedIn = ({ lastError }: TokenRecord) =>
  new BridgeError(
    'not_signed_in',
    lastError === undefined ? {} : { message: `Nobody is signed in to this server: ${lastError}` },
  )
