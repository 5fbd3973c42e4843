// The refresh grant (RFC 6749 section 6): a new token set, or 'rejected' when the grant is dead; throws what may pass.
import { BridgeError } from '../errors.ts'
import type { Clock, Logger, RegisteredClient, TokenSet } from '../ports.ts'
import type { Clients } from './clients.ts'
import type { TokenResponse } from './oauthClient.ts'

export interface RefreshOptions {
  readonly clients: Pick<Clients, 'connect' | 'ofTokens' | 'replacement' | 'restore'>
  readonly clock: Clock
  readonly log: Logger
}

type Refreshable = TokenSet & { refreshToken: string }
export type Refresh = (tokens: Refreshable) => Promise<TokenSet | 'rejected'>

/** Waits between tries, in ms; a longer Retry-After ends the trying. */
const WAITS_MS = [300, 1_200]
const LONGEST_WAIT_MS = 5_000
/** No other try begins later than this: the host waits meanwhile. */
const BUDGET_MS = 10_000
/** After the machine woke the network may need this long; until then it is waited for. */
const WAKING_MS = 30_000
/** The clocks of a machine that slept this much differ by it. */
const SLEPT_MS = 5_000

export function createRefresh({ clients, clock, log }: RefreshOptions): Refresh {
  /** How far the wall clock is ahead of the time awake; it grows by each sleep. */
  const lag = () => clock.now() - clock.awake()
  let seenLag = lag()

  /** Clients that this process has replaced: each once, whatever the server answers to the next one. */
  const replaced = new Set<string>()

  /** Tries again what may pass by itself, within bounds. */
  const patiently = async (tokens: Refreshable, client: RegisteredClient) => {
    const slept = lag() - seenLag > SLEPT_MS
    seenLag = lag()
    const patientUntil = slept ? clock.now() + WAKING_MS : 0
    const givesUpAt = clock.now() + BUDGET_MS
    for (let attempt = 0; ; attempt++) {
      try {
        const oauth = await clients.connect(tokens.issuer, client)
        const answer = await oauth.refresh(tokens.refreshToken, { resource: tokens.resource, scope: undefined })
        log.info('oauth:refresh', { outcome: answer === 'rejected' ? 'rejected' : 'refreshed', issuer: tokens.issuer })
        return answer === 'rejected' ? answer : { ...renewed(tokens, answer, clock.now()), clientId: client.clientId }
      } catch (thrown) {
        const waking = clock.now() < patientUntil
        const late = clock.now() > givesUpAt && !waking
        const wait = late ? undefined : pause(thrown as BridgeError, attempt, waking)
        log.warn('oauth:refresh', { outcome: 'failed', code: (thrown as BridgeError).code, again: wait !== undefined })
        if (wait === undefined) throw thrown
        await clock.sleep(wait)
      }
    }
  }

  /** The server does not know the client any more: one new registration, and one new try with it. */
  const asAnother = async (tokens: Refreshable, refused: RegisteredClient | undefined, why: BridgeError) => {
    if (replaced.has(tokens.clientId)) throw why
    replaced.add(tokens.clientId)
    const client = await clients.replacement(tokens.issuer, tokens.redirectUri, tokens.clientId)
    if (!client) throw why
    return patiently(tokens, client).catch(async (thrown: unknown) => {
      // It was not the client: what was registered before goes back, for whoever still uses it.
      if (isUnknownClient(thrown) && refused) await clients.restore(tokens.issuer, tokens.redirectUri, refused)
      throw thrown
    })
  }

  return async (tokens) => {
    let client: RegisteredClient | undefined
    try {
      client = await clients.ofTokens(tokens.issuer, tokens.clientId, tokens.redirectUri)
      return await patiently(tokens, client)
    } catch (thrown) {
      if (!isUnknownClient(thrown)) throw thrown
      return await asAnother(tokens, client, thrown)
    }
  }
}

const isUnknownClient = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError && thrown.code === 'invalid_client'

/** What the answer leaves out stays as it was (RFC 6749 sections 5.1 and 6); without expires_in the expiry is unknown. */
function renewed(tokens: TokenSet, { expiresIn, user: _user, ...given }: TokenResponse, now: number): TokenSet {
  const { expiresAt: _expired, ...kept } = tokens
  return {
    ...kept,
    ...given,
    obtainedAt: now,
    ...(expiresIn === undefined ? {} : { expiresAt: now + expiresIn * 1000 }),
  }
}

/** ms to wait before the next try; undefined: give up. Only what may pass by itself is tried again. */
function pause({ code, details }: BridgeError, attempt: number, waking: boolean): number | undefined {
  if (code !== 'authorization_server_error' && code !== 'authorization_server_unreachable') return undefined
  const patience = waking && code === 'authorization_server_unreachable'
  const planned = WAITS_MS[attempt] ?? (patience ? WAITS_MS.at(-1) : undefined)
  if (planned === undefined) return undefined
  const asked = Number(details.retryAfterMs ?? 0)
  return asked > LONGEST_WAIT_MS ? undefined : Math.max(asked, planned * (0.75 + Math.random() / 2))
}
