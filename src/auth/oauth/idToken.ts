// An ID token that does not pass its checks, or does not come: an error where somebody needs it, otherwise the sign-in goes on without it.
import { BridgeError, reworded } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import type { IdTokenProblem } from '../tokens/tokenSet.ts'
import { reasonOf, translateOAuthError } from './errors.ts'
import type { Fetch } from './fetch.ts'

/**
 * 'required': it must come and pass. 'checked': it must pass if it comes. 'optional': nobody asked for what it says, so that one that
 * does not pass only costs the identity.
 */
export type IdTokenNeed = 'required' | 'checked' | 'optional'

export interface Wishes {
  /** Configured scopes. */
  readonly scopes: readonly string[] | undefined
  /** E-mail or subject that must sign in. */
  readonly account: string | undefined
  readonly bearer: 'access_token' | 'id_token'
}

export function idTokenNeed({ scopes, account, bearer }: Wishes): IdTokenNeed {
  if (bearer === 'id_token' || scopes?.includes('openid')) return 'required'
  return account === undefined ? 'optional' : 'checked'
}

/** A fetch that keeps the last tokens it gave. A code is good for one request, so a second look at the answer is a look at these. */
export function taped(fetch: Fetch) {
  let last: Readonly<Record<string, unknown>> | undefined
  return {
    fetch: async (...[url, options]: Parameters<Fetch>) => {
      // Tokens of an earlier request are not the answer to one that fails.
      if (options.method === 'POST') last = undefined
      const response = await fetch(url, options)
      if (options.method !== 'POST') return response
      const body: unknown = response.ok
        ? await response
            .clone()
            .json()
            .catch(() => undefined)
        : undefined
      last = (body as { access_token?: unknown } | undefined)?.access_token === undefined ? undefined : Object(body)
      return response
    },
    /** Gives the same tokens without their ID token; undefined: none came. */
    again: (): Fetch | undefined => {
      const kept = last
      return kept && (async () => Response.json({ ...kept, id_token: undefined }))
    },
    idToken: () => (typeof last?.id_token === 'string' ? last.id_token : undefined),
  }
}

/** One connection, and what its answer was: `again` gives the last tokens once more, without their ID token; undefined: none came. */
export interface Tokens<Config> {
  readonly config: Config
  readonly again: () => Promise<Config> | undefined
  /** The ID token that came last, unchecked. */
  readonly idToken: () => string | undefined
}

/**
 * The answer with its ID token, or the same answer without it if that does not pass and is not needed.
 * @throws what `ask` throws; BridgeError invalid_signature, id_token_missing
 */
export async function withIdToken<Config, Answer>(
  { config, again, idToken }: Tokens<Config>,
  ask: (config: Config) => Promise<Answer>,
  { need, issuer }: { need: IdTokenNeed; issuer: string },
): Promise<{ answer: Answer; idTokenProblem?: IdTokenProblem }> {
  try {
    return { answer: await ask(config) }
  } catch (thrown) {
    const repeating = await again()
    if (repeating === undefined) throw thrown
    const answer = await ask(repeating).catch(() => {
      throw thrown
    })
    const idTokenProblem = problemOf(idToken(), issuer, thrown)
    const isNeeded = need === 'required' || (need === 'checked' && idTokenProblem.outcome === 'refused')
    if (isNeeded) throw idTokenProblem.error
    return { answer, idTokenProblem }
  }
}

function problemOf(idToken: string | undefined, issuer: string, thrown: unknown): IdTokenProblem {
  const problem = withReason(idToken, thrown)
  return { ...problem, error: idTokenError(problem, issuer, thrown) }
}

function withReason(idToken: string | undefined, thrown: unknown): Omit<IdTokenProblem, 'error'> {
  if (idToken === undefined) return { outcome: 'missing', reason: 'The answer has no ID token.' }
  const algorithm = algorithmOf(idToken)
  const reason = quote(reasonOf(thrown))
  return { outcome: 'refused', reason: algorithm === undefined ? reason : `${reason} (algorithm ${quote(algorithm)})` }
}

/** A server that did not give its keys now may give them later: that stays what it is. The grant is spent in any case. */
function idTokenError({ outcome, reason }: Omit<IdTokenProblem, 'error'>, issuer: string, cause: unknown): BridgeError {
  const told = translateOAuthError(cause, issuer)
  if (!['login_failed', 'invalid_client', 'invalid_signature'].includes(told.code))
    return reworded(told, { details: { grantSpent: true } })
  if (outcome === 'refused')
    return new BridgeError('invalid_signature', {
      message: `The ID token of ${quote(issuer)} did not pass verification: ${reason}.`,
      cause,
    })
  return new BridgeError('id_token_missing', {
    message: `The authorization server ${quote(issuer)} did not send an ID token, although openid was requested.`,
    hint: 'Leave openid out of the scopes, or ask the owner of the server to send ID tokens.',
    cause,
  })
}

/** `alg` of its header (RFC 7515 section 4.1.1), whatever else is wrong with it. */
function algorithmOf(idToken: string): string | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(idToken.split('.')[0] ?? '', 'base64url').toString('utf8'))
    const { alg } = (header ?? {}) as { alg?: unknown }
    return typeof alg === 'string' ? alg : undefined
  } catch {
    return undefined
  }
}
