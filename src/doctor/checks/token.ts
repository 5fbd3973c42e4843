// Checks the stored tokens: format, expiry, signature and audience, and whether they can be refreshed.
import { isoTime } from '../../bounds.ts'
import type { TokenSet } from '../../records.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, type Outcome, pass, skip, warn } from '../report/finding.ts'
import { readClaims, verifySignature } from '../report/jwt.ts'

const LOGIN_AGAIN = 'Sign in again: mcp-oauth-bridge login.'
const LOGIN = 'Sign in: mcp-oauth-bridge login.'

export const token: Check = {
  name: 'token',
  about: 'server',
  async run(context, findings, signal) {
    const { look, answer } = findings
    if (!look) return notSignedIn(answer?.status)
    if (findings.keyless) return skip('The sealing key cannot be read.')
    const record = await look.tokens.load(context.key())
    findings.record = record
    const { tokens } = record
    if (tokens) {
      const found = await examineToken(tokens, context, findings, signal)
      if (found.status === 'fail' || record.lastError === undefined) return found
      const isEnded = record.lastErrorCode === 'token_expired'
      const said = `${isEnded ? 'The server refused the access token, or it has expired' : 'The access token still works'}. ${record.lastError}`
      return fail('token_expired', said, LOGIN_AGAIN)
    }
    if (record.lastError === undefined) return notSignedIn(answer?.status)
    const { lastErrorCode = 'token_expired' } = record
    return fail(lastErrorCode, `Nobody is signed in: ${record.lastError}`, LOGIN_AGAIN)
  },
}

const notSignedIn = (status: number | undefined): Outcome =>
  status !== undefined && status < 300
    ? pass('Nobody is signed in, and the server does not require a sign-in.')
    : warn('Nobody is signed in to this server.', LOGIN, 'not_signed_in')

async function examineToken(
  tokens: TokenSet,
  context: CheckContext,
  findings: Findings,
  signal: AbortSignal,
): Promise<Outcome> {
  const { accessToken, expiresAt, scope } = tokens
  if (!/^[\x21-\x7e]+$/.test(accessToken))
    return fail(
      'malformed_token',
      'Malformed token: it has spaces, line breaks or other characters that are not allowed in a header.',
      'Sign in again: mcp-oauth-bridge login --force. If that does not help, only the provider can fix it.',
    )
  const left = expiresAt === undefined ? undefined : Math.round((expiresAt - context.clock.now()) / 1000)
  const until = left === undefined ? 'no known expiry' : left > 0 ? `valid for ${left} s` : `expired ${-left} s ago`
  const claims = readClaims(accessToken)
  if (claims === 'malformed')
    return fail(
      'malformed_token',
      'Malformed token: it looks like a JWT, but its parts cannot be read; it may be truncated.',
      'Sign in again: mcp-oauth-bridge login --force.',
    )
  const shape = claims ? `a JWT with ${claims.shown}` : `opaque, ${accessToken.length} characters`
  const text = `It is ${shape}; ${until}; scopes ${scope ?? 'unknown'}.`
  if (claims) {
    const wrong = await wrongInJwt(tokens, claims, context, findings, signal)
    if (wrong) return { ...wrong, detail: `${wrong.detail} ${text}` }
  }
  if (left !== undefined && left <= 0 && !isRefreshable(tokens, context))
    return fail('token_expired', `Token expired, and there is no refresh token. ${text}`, LOGIN)
  return pass(text)
}

async function wrongInJwt(
  { accessToken, resource }: TokenSet,
  { audience }: { audience: readonly string[] },
  { guarded }: CheckContext,
  { metadata }: Findings,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  if (typeof metadata?.jwks_uri === 'string') {
    const verdict = await verifySignature(await guarded(), accessToken, new URL(metadata.jwks_uri), signal)
    if (verdict === 'wrong')
      return fail(
        'invalid_signature',
        'Invalid token signature: no key of the authorization server matches it.',
        'Check that issuer names the server that issued the token, and that the clock is right. Then sign in again: mcp-oauth-bridge login --force.',
      )
  }
  if (resource !== undefined && audience.length > 0 && !audience.includes(resource))
    return warn(
      `It is for ${audience.join(', ')}, not for ${resource}.`,
      'If the server refuses the token, set audience or resource for its provider.',
      'unauthorized',
    )
  return undefined
}

const isRefreshable = ({ refreshToken }: TokenSet, { server }: CheckContext) =>
  refreshToken !== undefined && server?.refreshStrategy === 'auto'

export const refresh: Check = {
  name: 'refresh',
  about: 'server',
  async run({ server, clock }, { record, look }) {
    const tokens = record?.tokens
    if (!tokens || !look) return skip('Nobody is signed in.')
    if (server?.refreshStrategy !== 'auto')
      return pass(`refresh_strategy is ${server?.refreshStrategy}, so the token is never refreshed.`)
    const { refreshToken, expiresAt, issuer, clientId, redirectUri } = tokens
    if (record.lastError !== undefined) return warn(record.lastError, LOGIN_AGAIN, 'token_expired')
    if (refreshToken === undefined) {
      if (expiresAt === undefined) return pass('There is no refresh token, and the access token has no known expiry.')
      const remedy =
        'Sign in again with the scope offline_access if the provider supports it, or set refresh_strategy: none.'
      const text = `There is no refresh token; the next sign-in is due ${isoTime(expiresAt)}.`
      return expiresAt <= clock.now()
        ? fail('refresh_token_missing', text, remedy)
        : warn(text, remedy, 'refresh_token_missing')
    }
    const ours = [server.clientId, server.clientMetadataUrl].includes(clientId)
    const known = ours || (await look.clients.load(issuer, redirectUri))?.clientId === clientId
    if (known) return pass('There is a refresh token, and its client is known. (doctor did not use it.)')
    return fail(
      'invalid_client',
      'The client that obtained the tokens is no longer stored here, so they cannot be refreshed.',
      'Use the --client-id of that sign-in, or sign in again: mcp-oauth-bridge login --force.',
    )
  },
}
