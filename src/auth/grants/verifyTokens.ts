// Asks the MCP server with new tokens: a sign-in succeeds only if that accepts them. The answer also tells which revisions it speaks.
import type { EraMemory } from '../../eraMemory.ts'
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Discovered } from '../../mcp/eraVerdict.ts'
import { isSessionId, mcpDiscover, mcpEndSession, mcpInitialize, mcpPing } from '../../mcp/requests.ts'
import type { Authorizer, Clock, HttpClient, HttpResponse, Logger } from '../../ports.ts'
import type { TokenSet } from '../../records.ts'
import { registerRotatingSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import { type AuthorizerOptions, createAuthorizer, fixedTokens } from '../authorizer.ts'
import { describedIn, parseChallenge } from '../challenge.ts'
import { headOf } from '../discovery/deadline.ts'
import { serverDiscover } from '../discovery/serverDiscover.ts'

/** What is known of the server's revisions, and where they are remembered. */
export interface ServerRevisions {
  /** auto: the server is asked, and what it says is remembered. Otherwise a person has said it, and only a DiscoverResult is remembered. */
  readonly protocol: 'auto' | '2025' | '2026'
  readonly eras: Pick<EraMemory, 'save'>
}

export interface VerifyOptions extends ServerRevisions {
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
  options: Omit<AuthorizerOptions, 'tokens'> & ServerRevisions,
): (server: string, tokens: TokenSet) => Promise<void> {
  return (server, tokens) => {
    const authorizer = createAuthorizer({ ...options, tokens: fixedTokens(tokens) })
    return verifyTokens({ ...options, http, url: new URL(server), authorizer })
  }
}

/**
 * Any answer to the first request except 401 is a success: server/discover, or a ping where the server speaks revisions of 2025 only, or
 * is silent about what it does not know. Where that is refused, `initialize` is asked, because some servers refuse everything else
 * outside a session; the session that it begins is deleted. An unreachable server says nothing about the tokens.
 * @throws BridgeError unauthorized when initialize is refused
 */
export async function verifyTokens(options: VerifyOptions): Promise<void> {
  const { clock, log } = options
  let words: string
  try {
    const first = await askFirst(options)
    if (!first.isRefused) return await remember(options, first.found)
    const begun = await ask(options, mcpInitialize)
    if (!begun.isRefused) return await askAgain(options, begun.status)
    await clock.sleep(PAUSE_MS)
    const last = await ask(options, mcpInitialize)
    if (!last.isRefused) return await askAgain(options, last.status)
    words = last.words
  } catch (thrown) {
    return log.info('oauth:first-request', { outcome: 'failed', code: asBridgeError(thrown).code })
  }
  throw new BridgeError('unauthorized', {
    message: `The sign-in brought a new token, but ${options.url.origin} refuses it (401).${words === '' ? '' : ` It says ${quote(words, 160)}.`}`,
    hint: 'The token may be for another audience or tenant. Run mcp-oauth-bridge doctor to see its claims, then check resource, audience and scopes in config.yaml.',
  })
}

async function askFirst(options: VerifyOptions): Promise<Answer> {
  if (options.protocol === '2025') return ask(options, mcpPing)
  try {
    const answer = await ask(options, mcpDiscover)
    return answer.found?.verdict === 'askAgain' ? await ask(options, mcpDiscover) : answer
  } catch (thrown) {
    if (asBridgeError(thrown).code !== 'server_timeout') throw thrown
    return ask(options, mcpPing)
  }
}

/**
 * The token is taken now. A server that refuses it for server/discover still refuses everything outside a session, which no server of
 * 2026-07-28 has. `status`: the answer to initialize.
 */
async function askAgain(options: VerifyOptions, status: number): Promise<void> {
  if (options.protocol !== 'auto') return
  const { isRefused, found } = await ask(options, mcpDiscover)
  const begins = status >= 200 && status < 300
  await remember(options, isRefused && begins ? { verdict: '2025', revisions: [] } : found)
}

/** A store that cannot be written costs one more question at the next start. */
async function remember({ protocol, eras, log }: VerifyOptions, found: Discovered | undefined): Promise<void> {
  const era = found?.verdict
  if (era !== '2026' && (era !== '2025' || protocol !== 'auto')) return
  const saved = eras.save({ era, discover: found?.discover })
  await saved.catch((thrown: unknown) => log.info('oauth:first-request', { code: asBridgeError(thrown).code }))
}

interface Answer {
  readonly status: number
  readonly isRefused: boolean
  /** What the server says beside its refusal; '' for nothing. */
  readonly words: string
  /** What the answer to a server/discover says. */
  readonly found?: Discovered
}

type Asking = typeof mcpPing | typeof mcpDiscover | typeof mcpInitialize

async function ask(options: VerifyOptions, asking: Asking): Promise<Answer> {
  const first = await askOnce(options, asking)
  // RFC 9449 section 9: refused because the server's nonce was missing, which is known now.
  return first.again ? askOnce(options, asking) : first
}

async function askOnce(options: VerifyOptions, asking: Asking): Promise<Answer & { readonly again: boolean }> {
  const { http, url, authorizer } = options
  const request = { ...asking(url, await authorizer.headers('POST', url), 'signed-in'), idleMs: LONGEST_MS }
  const response: Heard =
    asking === mcpDiscover
      ? await serverDiscover(http, request, LONGEST_MS)
      : await headOf(http, request, LONGEST_MS, () => new BridgeError('server_timeout'))
  const { status, headers, found } = response
  // Servers of 2026-07-28 have no sessions, whatever they send.
  if (found?.verdict !== '2026') await endSession(options, headers['mcp-session-id'])
  const { error } = parseChallenge(status, headers['www-authenticate'])
  const isRefused = status === 401 || (status >= 400 && error === 'invalid_token')
  const words = describedIn(headers['www-authenticate'])
  const again = (await authorizer.onNonce(response)) === 'again'
  return { status, isRefused, words, again, ...(found && !isRefused && { found }) }
}

type Heard = Pick<HttpResponse, 'status' | 'headers'> & { readonly found?: Discovered }

/** MCP Streamable HTTP, "Session Management". A server may refuse it. */
async function endSession({ http, url, authorizer, log }: VerifyOptions, id: HttpResponse['headers'][string]) {
  if (!isSessionId(id)) return
  registerRotatingSecret(id, 'session')
  const request = { ...mcpEndSession(url, await authorizer.headers('DELETE', url), id), idleMs: LONGEST_MS }
  const told = headOf(http, request, LONGEST_MS, () => new BridgeError('server_timeout'))
  await told.catch((thrown: unknown) => log.debug('oauth:first-request', { code: asBridgeError(thrown).code }))
}
