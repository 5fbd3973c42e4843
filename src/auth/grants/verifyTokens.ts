// Asks the MCP server with new tokens: a sign-in succeeds only if that accepts them.

import { asBridgeError, BridgeError } from '../../errors.ts'
import { isSessionId, mcpEndSession, mcpInitialize, mcpPing } from '../../mcp/requests.ts'
import type { Authorizer, Clock, HttpClient, Logger } from '../../ports.ts'
import type { TokenSet } from '../../records.ts'
import { registerRotatingSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import { type AuthorizerOptions, createAuthorizer, fixedTokens } from '../authorizer.ts'
import { describedIn, parseChallenge } from '../challenge.ts'
import { headOf } from '../discovery/deadline.ts'

export interface VerifyOptions {
  readonly http: HttpClient
  readonly url: URL
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly log: Logger
}

/** Longest time the MCP server has to answer, in ms. */
const LONGEST_MS = 5_000
/** A server whose clock is behind, or that accepts new tokens with a delay, is asked once more after this time, in ms. */
const PAUSE_MS = 1_000

/** Verifies tokens of one server, sent as the bridge will send them. */
export function createVerifier(
  http: HttpClient,
  options: Omit<AuthorizerOptions, 'tokens'>,
): (server: string, tokens: TokenSet) => Promise<void> {
  const { clock, log } = options
  return (server, tokens) => {
    const authorizer = createAuthorizer({ ...options, tokens: fixedTokens(tokens) })
    return verifyTokens({ http, url: new URL(server), authorizer, clock, log })
  }
}

/**
 * Any answer to a ping except 401 is a success. Where that is refused, `initialize` is asked, because some servers refuse everything else
 * outside a session; the session that it begins is deleted. An unreachable server says nothing about the tokens.
 * @throws BridgeError unauthorized when initialize is refused
 */
export async function verifyTokens(options: VerifyOptions): Promise<void> {
  const { clock, log } = options
  let words: string | undefined
  try {
    if ((await refusalOf(options, mcpPing)) === undefined) return
    if ((await refusalOf(options, mcpInitialize)) === undefined) return
    await clock.sleep(PAUSE_MS)
    words = await refusalOf(options, mcpInitialize)
    if (words === undefined) return
  } catch (thrown) {
    return log.info('oauth:first-request', { outcome: 'failed', code: asBridgeError(thrown).code })
  }
  throw new BridgeError('unauthorized', {
    message: `The sign-in brought a new token, but ${options.url.origin} refuses it (401).${words === '' ? '' : ` It says ${quote(words, 160)}.`}`,
    hint: 'The token may be for another audience or tenant. Run mcp-oauth-bridge doctor to see its claims, then check resource, audience and scopes in config.yaml.',
  })
}

type Asking = typeof mcpPing | typeof mcpInitialize

/** What the server says beside its refusal, '' for nothing; undefined: it takes the token. */
async function refusalOf(options: VerifyOptions, asking: Asking): Promise<string | undefined> {
  const first = await ask(options, asking)
  // RFC 9449 section 9: refused because the server's nonce was missing, which is known now.
  const { isRefused, words } = first.again ? await ask(options, asking) : first
  return isRefused ? words : undefined
}

async function ask(options: VerifyOptions, asking: Asking) {
  const { http, url, authorizer } = options
  const request = { ...asking(url, await authorizer.headers('POST', url), 'signed-in'), idleMs: LONGEST_MS }
  const late = () => new BridgeError('server_timeout')
  const response = await headOf(http, request, LONGEST_MS, late)
  const { status, headers } = response
  await endSession(options, headers['mcp-session-id'])
  const { error } = parseChallenge(status, headers['www-authenticate'])
  const isRefused = status === 401 || (status >= 400 && error === 'invalid_token')
  const words = describedIn(headers['www-authenticate'])
  return { isRefused, words, again: (await authorizer.onNonce(response)) === 'again' }
}

/** MCP Streamable HTTP, "Session Management". A server may refuse it. */
async function endSession({ http, url, authorizer, log }: VerifyOptions, id: string | string[] | undefined) {
  if (!isSessionId(id)) return
  registerRotatingSecret(id, 'session')
  const request = { ...mcpEndSession(url, await authorizer.headers('DELETE', url), id), idleMs: LONGEST_MS }
  const told = headOf(http, request, LONGEST_MS, () => new BridgeError('server_timeout'))
  await told.catch((thrown: unknown) => log.debug('oauth:first-request', { code: asBridgeError(thrown).code }))
}
