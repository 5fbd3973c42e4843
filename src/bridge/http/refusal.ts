// What a response refuses, whatever its status: the token, its scope, or the session; and how a redirect to a login page is known.
import { BridgeError, reworded } from '../../errors.ts'
import type { HttpResponse, MaybePromise } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { isSessionRefused } from '../session/lost.ts'
import { mediaType, readStart } from './response.ts'

/** 'token': another one may do. 'scope': this one holds too little. 'session': a new session may do. */
export type About = 'token' | 'scope' | 'session'

export interface Judged {
  readonly response: HttpResponse
  /** undefined: it refuses none of them. */
  readonly about: About | undefined
}

/** `sessionId`: what the request named. The body of a refusal may be read; the response returned has it still. */
export function judge(response: HttpResponse, method: string, sessionId: string | undefined): MaybePromise<Judged> {
  const { status } = response
  if (status < 300) return { response, about: undefined }
  const challenge = String(response.headers['www-authenticate'] ?? '')
  const about = aboutOf(status, challenge)
  if (method !== 'POST' || status < 400 || status >= 500) return { response, about }
  const inWords =
    about === undefined && mediaType(response) === 'application/json' && (status === 400 || status === 403)
  return inWords || (about !== undefined && sessionId !== undefined)
    ? read(response, about, sessionId, challenge)
    : { response, about }
}

/** RFC 6750 section 3.1 wants 401 for invalid_token. A 403 without a challenge is the server’s last word. */
function aboutOf(status: number, challenge: string): About | undefined {
  if (status === 401 || (status >= 400 && INVALID_TOKEN.test(challenge))) return 'token'
  return status === 403 && challenge !== '' ? 'scope' : undefined
}

const INVALID_TOKEN = /\berror\s*=\s*"?(invalid_token|token_expired|expired_token)\b/i

async function read(
  response: HttpResponse,
  about: About | undefined,
  sessionId: string | undefined,
  challenge: string,
): Promise<Judged> {
  const { status, headers } = response
  const start = await readStart(response)
  response.discard()
  const again = { status, headers, body: once(start), discard: () => undefined }
  if (sessionId !== undefined && about !== undefined && isSessionRefused(start, descriptionIn(challenge)))
    return { response: again, about: 'session' }
  return { response: again, about: about ?? (saysInvalidToken(start) ? 'token' : undefined) }
}

/** The body that RFC 6750 servers send beside their challenge, or in its place. */
function saysInvalidToken(start: Buffer): boolean {
  try {
    const { error } = JSON.parse(start.toString('utf8')) as { error?: unknown }
    return error === 'invalid_token'
  } catch {
    return false
  }
}

/**
 * The server’s own words in a refusal, unquoted: `error_description` of its challenge, else those of its body; '' where it has none. A page
 * has none. `body` left out: it is not read. Never throws.
 */
export async function wordsIn({ headers }: HttpResponse, body?: () => MaybePromise<HttpResponse>): Promise<string> {
  const described = descriptionIn([headers['www-authenticate'] ?? []].flat().join(', '))
  if (described !== '' || !body) return described
  try {
    return wordsOfBody(await readStart(await body()))
  } catch {
    return ''
  }
}

/** `error_description` of a challenge, unquoted; '' where it has none. */
function descriptionIn(challenge: string): string {
  const [, quoted, token = ''] = DESCRIPTION.exec(challenge) ?? []
  return (quoted?.replace(/\\(.)/gs, '$1') ?? token).trim()
}

const DESCRIPTION = /\berror_description\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/is

/** A sentence where the body has one among its members, as OAuth, JSON-RPC and frameworks name it. */
function wordsOfBody(start: Buffer): string {
  const text = start.toString('utf8').trim()
  try {
    const { error, error_description: description, message, detail } = Object(JSON.parse(text)) as Members
    const inner = (Object(error) as Members).message
    return [description, inner, message, detail, error].find(isSentence)?.trim() ?? text
  } catch {
    return text.startsWith('<') ? '' : text
  }
}

type Members = Readonly<Record<string, unknown>>
const isSentence = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''

/** The same error, which names the server and quotes what it said. */
export function withWords(error: BridgeError, { origin }: URL, status: number, words: string): BridgeError {
  const said = words === '' ? `answered ${status}` : `says ${quote(words, 160)}`
  return reworded(error, { message: `${error.message} ${origin} ${said}.` })
}

/** Not how a sign-in ended that the answer led to. */
export const isAboutAnswer = (thrown: unknown, words: string): thrown is BridgeError =>
  thrown instanceof BridgeError &&
  ((thrown.code === 'not_signed_in' && words !== '') ||
    thrown.code === 'forbidden' ||
    thrown.code === 'insufficient_scope' ||
    thrown.details.reason === 'refused_anew')

export const isRefusedStatus = (status: number): boolean => status === 401 || status === 403

/** What a stream waits after: the server does not give it to this token. */
export const isRefusal = (thrown: unknown): boolean =>
  thrown instanceof BridgeError && ['unauthorized', 'forbidden', 'insufficient_scope'].includes(thrown.code)

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes
}

/**
 * Whether a redirect may be how a server refuses an expired token. 'no': it says that the server has moved (301, 308) or that the result is elsewhere (303), or it is none.
 * 'perhaps': it is temporary.
 */
export function leadsToLogin({ status, headers }: HttpResponse, from: URL): 'yes' | 'perhaps' | 'no' {
  const { location } = headers
  if (![302, 303, 307].includes(status) || typeof location !== 'string' || !URL.canParse(location, from.href))
    return 'no'
  const { origin, hostname, pathname } = new URL(location, from.href)
  const own = from.pathname.replace(/\/$/, '')
  // A server under /auth that adds a slash does not lead there.
  const added =
    origin !== from.origin ? `${hostname}${pathname}` : pathname.startsWith(own) ? pathname.slice(own.length) : pathname
  if (LOGIN_PAGE.test(added)) return 'yes'
  // 303 says that the result is elsewhere, so the message may have been carried out.
  return status === 303 ? 'no' : 'perhaps'
}

const LOGIN_PAGE = /(^|[/._-])(log[-_]?(in|on)|sign[-_]?(in|on)|auth|oauth2?|authorize|authn|sso|saml2?|idp)([/._-]|$)/i
