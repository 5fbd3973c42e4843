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
  /** Why the ID token was left out, for the log. */
  readonly idTokenProblem?: IdTokenProblem
}

/** What was wrong with an ID token that was left out. */
export interface IdTokenProblem {
  /** 'missing': it did not come. */
  readonly outcome: 'refused' | 'missing'
  /** Quoted, with the algorithm. */
  readonly reason: string
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
  const { user, ...rest } = membersOf(answer, now, bearer)
  // A token that the server calls Bearer is not bound to the key (RFC 9449 section 5).
  const key = answer.tokenType === 'dpop' ? dpopKey : undefined
  return { ...known, ...present({ requestedScope: known.scope, dpopKey: key }), ...rest, ...present({ user }) }
}

/** After a refresh (RFC 6749 section 6); without expires_in the expiry is unknown. @throws BridgeError id_token_missing */
export function renewedTokenSet(tokens: TokenSet, answer: TokenResponse, now: number, bearer: BearerSource): TokenSet {
  const { expiresAt: _expired, ...before } = tokens
  const { user: _user, ...rest } = membersOf(answer, now, bearer)
  return { ...before, ...rest }
}

function membersOf({ refreshToken, scope, user, ...answer }: TokenResponse, now: number, bearer: BearerSource) {
  const { token, expiresAt } = bearerOf(answer, now, bearer)
  return {
    accessToken: token,
    obtainedAt: now,
    ...present({ refreshToken, scope, expiresAt, user }),
  }
}

function bearerOf({ accessToken, expiresIn, idToken }: TokenResponse, now: number, bearer: BearerSource) {
  if (bearer === 'access_token')
    return { token: accessToken, expiresAt: expiresIn === undefined ? undefined : now + expiresIn * 1000 }
  if (idToken) return idToken
  throw new BridgeError('id_token_missing')
}

/** A token goes into a header and a row: printable ASCII (RFC 6750 section 2.1), at most 64 KiB. */
function usableToken(token: string, issuer: string): string {
  registerSecret([token], 'token')
  if (/^[\x21-\x7e]{1,65536}$/.test(token)) return token
  throw new BridgeError('malformed_token', {
    message: `The authorization server ${quote(issuer)} sent a token of ${token.length} characters that cannot be used.`,
  })
}
