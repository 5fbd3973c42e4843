// A token response → the token set to store; members that are missing keep their requested or previous value.
import { moment } from '../../bounds.ts'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'
import type { ProviderRules } from '../../providerRules.ts'
import type { TokenSet, User } from '../../records.ts'
import { registerSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import { isDeep } from '../discovery/fetchJson.ts'

export interface TokenResponse {
  readonly accessToken: string
  /** Left out: bearer. */
  readonly tokenType?: 'dpop'
  readonly refreshToken?: string
  readonly scope?: string
  /** seconds */
  readonly expiresIn?: number
  /** The validated ID token and its expiry, in ms since the epoch. */
  readonly idToken?: { readonly token: string; readonly expiresAt: number }
  /** From the validated ID token, completed from userinfo. */
  readonly user?: User
  /** Why the ID token was left out. */
  readonly idTokenProblem?: IdTokenProblem
}

/** What was wrong with an ID token that was left out. */
export interface IdTokenProblem {
  /** 'missing': it did not come. */
  readonly outcome: 'refused' | 'missing'
  /** Quoted, with the algorithm. */
  readonly reason: string
  /** What it is where the ID token is needed. */
  readonly error: BridgeError
}

/** The answer as openid-client gives it, checked. */
export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  readonly refresh_token?: string
  readonly scope?: string
  readonly expires_in?: number
  readonly id_token?: string
  /** Of the validated ID token. */
  claims(): { readonly exp: number } | undefined
}

/** @throws BridgeError malformed_token */
export function toTokenResponse(
  answer: TokenAnswer,
  issuer: string,
  rules: ProviderRules | undefined,
  user?: User,
): TokenResponse {
  const idToken = answer.id_token
  const usable = (token: string) => usableToken(token, issuer)
  return {
    accessToken: usable(answer.access_token),
    ...present({
      tokenType: answer.token_type === 'dpop' ? ('dpop' as const) : undefined,
      refreshToken: answer.refresh_token === undefined ? undefined : usable(answer.refresh_token),
      scope: answer.scope?.replaceAll(rules?.scopeSeparator ?? ' ', ' '),
      expiresIn: answer.expires_in,
      idToken:
        idToken === undefined
          ? undefined
          : { token: usable(idToken), expiresAt: moment((answer.claims()?.exp ?? 0) * 1000) },
      user,
    }),
  }
}

export function toUser(issuer: string, claims: User['claims']): User | undefined {
  if (typeof claims.sub !== 'string') return undefined
  const kept = Object.entries(claims).filter(([, value]) => !isDeep(value))
  return { issuer, subject: claims.sub, claims: Object.fromEntries(kept) }
}

/** Which token is sent to the MCP server. */
export type BearerSource = 'access_token' | 'id_token'

export type AskedFor = Pick<
  TokenSet,
  'issuer' | 'clientId' | 'redirectUri' | 'scope' | 'resource' | 'dpopKey' | 'grant'
>

/** The token set of a new grant. @throws BridgeError id_token_missing */
export function newTokenSet(asked: AskedFor, answer: TokenResponse, now: number, bearer: BearerSource): TokenSet {
  const { dpopKey, ...known } = asked
  const sent = bearerOf(answer, now, bearer)
  if (!sent) throw new BridgeError('id_token_missing')
  // A token that the server calls Bearer is not bound to the key (RFC 9449 section 5).
  const key = answer.tokenType === 'dpop' ? dpopKey : undefined
  const { user } = answer
  const own = present({ requestedScope: known.scope, dpopKey: key })
  return { ...known, ...own, ...membersOf(answer, sent, now), ...present({ user }) }
}

/** `withheld`: why only the refresh token is new. The one before is spent, so that the new one counts in any case. */
export interface Renewed<Tokens extends TokenSet> {
  readonly tokens: Tokens
  readonly withheld?: BridgeError
}

/** After a refresh (RFC 6749 section 6); without expires_in the expiry is unknown. */
export function renewedTokenSet<Tokens extends TokenSet>(
  tokens: Tokens,
  answer: TokenResponse,
  now: number,
  bearer: BearerSource,
): Renewed<Tokens> {
  const sent = bearerOf(answer, now, bearer)
  if (!sent) {
    const withheld = answer.idTokenProblem?.error ?? notRenewed(tokens.issuer)
    return { tokens: { ...tokens, ...present({ refreshToken: answer.refreshToken }) }, withheld }
  }
  const { expiresAt: _expired, ...before } = tokens
  return { tokens: { ...before, ...membersOf(answer, sent, now) } as Tokens }
}

/** A server may leave it out (OpenID Connect Core section 12.2), and would the next time: only a sign-in brings another. */
const notRenewed = (issuer: string) =>
  new BridgeError('id_token_missing', {
    message: `The authorization server ${quote(issuer)} sent no ID token with the refresh, and bearer: id_token is set for its provider.`,
    hint: 'Sign in again when the ID token has ended, or remove bearer: id_token if the server takes access tokens.',
    details: { refused: true },
  })

interface Bearer {
  readonly token: string
  readonly expiresAt: number | undefined
}

/** undefined: it is the ID token, and that is not there. */
function bearerOf(answer: TokenResponse, now: number, bearer: BearerSource): Bearer | undefined {
  const { accessToken, expiresIn, idToken } = answer
  if (bearer === 'id_token') return idToken
  return { token: accessToken, expiresAt: expiresIn === undefined ? undefined : now + expiresIn * 1000 }
}

const membersOf = ({ refreshToken, scope }: TokenResponse, { token, expiresAt }: Bearer, now: number) => ({
  accessToken: token,
  obtainedAt: now,
  ...present({ refreshToken, scope, expiresAt }),
})

/** A token goes into a header and a row: printable ASCII (RFC 6750 section 2.1), at most 64 KiB. */
function usableToken(token: string, issuer: string): string {
  registerSecret([token], 'token')
  if (/^[\x21-\x7e]{1,65536}$/.test(token)) return token
  throw new BridgeError('malformed_token', {
    message: `The authorization server ${quote(issuer)} sent a token of ${token.length} characters that cannot be used.`,
  })
}

export const isExpired = ({ expiresAt }: TokenSet, now: number) => expiresAt !== undefined && expiresAt <= now
