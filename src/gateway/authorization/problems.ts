// What is said of a request that the engine refuses: on a page where it cannot be answered at the client's redirect URI, to the client, and in the log
import type { Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { Problem } from './engine.ts'

const RECONNECT = 'In your MCP client, sign out of this server or remove it, then connect again.'

/** `error` as in RFC 6749 section 4.1.2.1, and as the engine names what it does not redirect. */
export function problemOf(error: string, description: string | undefined): Problem {
  switch (error) {
    case 'invalid_client':
      return {
        title: 'Unknown client',
        text: 'The MCP client that sent you here is not registered with this gateway. Its registration may have ended because it was not used for a long time.',
        advice: `${RECONNECT} It then registers again.`,
      }
    case 'invalid_redirect_uri':
      return {
        title: 'Redirect URI not allowed',
        text: 'The MCP client wants the answer sent to an address that it has not registered, or that this gateway does not allow.',
        advice: RECONNECT,
      }
    case 'temporarily_unavailable':
    case 'server_error':
      return {
        title: 'The sign-in is not possible right now',
        text: 'Something failed in this gateway, or too many sign-ins were started at once.',
        advice: 'Wait a minute, then connect again in your MCP client.',
      }
    case 'invalid_request':
      if (/session|expired|cookie/.test(description ?? ''))
        return {
          title: 'This sign-in is over',
          text: 'It was completed, took too long, or was started in another browser.',
          advice: 'Connect again in your MCP client.',
        }
      return {
        title: 'This sign-in cannot begin',
        text: `The MCP client sent a request that is not valid in OAuth: ${quote(description ?? error)}.`,
        advice: 'Connect again in your MCP client. If it keeps failing, show this page to the developer of the client.',
      }
    default:
      return {
        title: 'This sign-in cannot begin',
        text: `The authorization server refused it: ${quote(description ?? error)}.`,
        advice: 'Connect again in your MCP client.',
      }
  }
}

/** In place of what the engine says: that does not name the value, nor what to send instead. RFC 7636 section 4.3: without a method it is plain. */
const PKCE_WORDS: Readonly<Record<string, (method: string) => string>> = {
  'Authorization Server policy requires PKCE to be used for this request': () =>
    'PKCE is required for this client: send code_challenge, and code_challenge_method=S256',
  'not supported value of code_challenge_method': (method) =>
    `code_challenge_method '${method}' is not supported: send S256`,
  'code_challenge_method must be provided': () =>
    "code_challenge_method 'plain' is not supported, which is what none means: send S256",
}

/** The address at which a client is told of a refusal, with the description in words that say what to do; all else of it stays as it is. */
export function refusalInWords(location: string, method: unknown): string {
  return location.replace(/(?<=[?&#]error_description=)[^&#]*/, (written) => {
    const words = PKCE_WORDS[new URLSearchParams(`it=${written}`).get('it') ?? '']
    return words === undefined ? written : encodeURIComponent(words(shownMethod(method)))
  })
}

/** Of one request, at most a word of it (RFC 6749 section 4.1.2.1: no quotes or backslashes). */
const shownMethod = (method: unknown) => (/^[\w.~+-]{1,20}$/.test(String(method)) ? String(method) : '...')

/** What the engine gives with an error event. */
export interface Refusal {
  readonly error?: unknown
  readonly error_description?: unknown
  /** For the log; the client is told only what is wrong with its verifier. */
  readonly error_detail?: unknown
}

/** `answer`: what the client is sent. */
export function noteRefusal(log: Logger, answer: { body?: unknown }, refusal: Refusal): void {
  const { error, error_description: description, error_detail: detail } = refusal
  const said = [description, detail].filter((text) => typeof text === 'string')
  log.info('authorization:refused', { code: String(error), message: said.join(': ') })
  if (typeof detail === 'string' && detail.startsWith('code_verifier '))
    answer.body = { ...(answer.body as object), error_description: detail }
}
