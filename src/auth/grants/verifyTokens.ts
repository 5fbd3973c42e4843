// Sends one request with new tokens: a sign-in succeeds only if the MCP server accepts them.

import { asBridgeError, BridgeError } from '../../errors.ts'
import { mcpPing } from '../../mcpPing.ts'
import type { Authorizer, Clock, HttpClient, Logger } from '../../ports.ts'
import type { TokenSet } from '../../records.ts'
import { type AuthorizerOptions, createAuthorizer, fixedTokens } from '../authorizer.ts'
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
 * Any answer except 401 is a success; an unreachable server says nothing about the tokens.
 * @throws BridgeError unauthorized
 */
export async function verifyTokens(options: VerifyOptions): Promise<void> {
  const { clock, log } = options
  try {
    if (await isTaken(options)) return
    await clock.sleep(PAUSE_MS)
    if (await isTaken(options)) return
  } catch (thrown) {
    return log.info('oauth:first-request', { outcome: 'failed', code: asBridgeError(thrown).code })
  }
  throw new BridgeError('unauthorized', {
    message: `The sign-in brought a new token, but ${options.url.origin} refuses it (401).`,
    hint: 'The token may be for another audience or tenant. Run mcp-oauth-bridge doctor to see its claims, then check resource, audience and scopes in config.yaml.',
  })
}

async function isTaken(options: VerifyOptions): Promise<boolean> {
  const first = await ask(options)
  // RFC 9449 section 9: refused because the server's nonce was missing, which is known now.
  const { status } = first.again ? await ask(options) : first
  return status !== 401
}

async function ask({ http, url, authorizer }: VerifyOptions) {
  const request = { ...mcpPing(url, await authorizer.headers('POST', url), 'signed-in'), idleMs: LONGEST_MS }
  const late = () => new BridgeError('server_timeout')
  const response = await headOf(http, request, LONGEST_MS, late)
  return { status: response.status, again: (await authorizer.onNonce(response)) === 'again' }
}
