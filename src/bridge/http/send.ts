// One authorized request to the MCP server; a refused one is sent again after the authorizer has handled the refusal.
import { BridgeError } from '../../errors.ts'
import type { Authorizer, Cause, HttpClient, HttpRequest, HttpResponse } from '../../ports.ts'
import {
  type About,
  isAboutAnswer,
  isRefusal,
  isRefusedStatus,
  type Judged,
  judge,
  leadsToLogin,
  withWords,
  wordsIn,
} from './refusal.ts'
import { plain } from './response.ts'
import { type Authorization, createStanding, type Standing } from './standing.ts'

/** `url` left out: the server's own. Another one must have the same origin, because it gets the same bearer token. */
type SendRequest = Omit<HttpRequest, 'url' | 'idleMs'> & {
  url?: URL
  idleMs?: number
  /**
   * For an open stream: called when the sign-in that it was opened with has ended; for one that was refused with 401 or 403, when
   * another token is sent. The same function each time for one that is opened again; it is over when `signal` aborts.
   */
  whenOutlived?: () => void
  /** Some servers refuse whatever is outside a session, so that a refusal of a bearer says nothing: the answer is returned as it is. */
  isQuestion?: true
}
/** @throws BridgeError session_lost when the session is refused and not the token, unauthorized, insufficient_scope, redirect_refused, … */
export type Send = (request: SendRequest, cause: Cause) => Promise<HttpResponse>

interface Answer extends Judged {
  readonly authorization: Authorization
}

/** Whether a request is sent for the first time, or again with what a refusal led to. */
type Turn = 'first' | 'again'

interface AttemptOptions {
  readonly http: HttpClient
  readonly authorizer: Authorizer
  readonly url: URL
  readonly idleMs: number
  readonly standing: Standing
}

/** One request as it is authorized now, and what its answer refuses. */
function createAttempt({ http, authorizer, url, idleMs, standing }: AttemptOptions) {
  let merged: { of: object; own: object; headers: Record<string, string> } = { of: {}, own: {}, headers: {} }
  /** Both come as the same objects call after call, so that they are joined only when one has changed. */
  const join = (of: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>) => {
    if (merged.of !== of || merged.own !== own) merged = { of, own, headers: { ...without(of, own), ...own } }
    return merged.headers
  }

  /** The session that was answered last, and the bearer it was answered with. */
  let session: { id: string; bearer: string | undefined } | undefined
  /** What a redirect says: 'refusal' after a request that was answered without one, 'way' where the server always redirects. */
  let redirects: 'unknown' | 'refusal' | 'way' = 'unknown'

  const note = ({ status, headers }: HttpResponse, request: SendRequest, { authorization }: Authorization) => {
    if (status > 299 || request.method !== 'POST') return
    const id = request.headers['mcp-session-id'] ?? headers['mcp-session-id']
    if (typeof id !== 'string' || (session?.id === id && session.bearer === authorization)) return
    session = { id, bearer: authorization }
  }

  const isForeign = (about: About | undefined, request: SendRequest, { authorization }: Authorization) => {
    const id = request.headers['mcp-session-id']
    return about === 'token' && id !== undefined && session?.id === id && session.bearer !== authorization
  }

  /** A redirect may be how a server refuses an expired token. It decides before it is followed: no message is sent twice to ask. */
  const createWatch = (from: URL, turn: Turn) => {
    const seen: { redirect: 'none' | 'refusal' | 'way' } = { redirect: 'none' }
    const decide = (response: HttpResponse) => {
      const login = leadsToLogin(response, from)
      const mayBeRefusal = turn === 'first' && redirects !== 'way'
      const isRefusal = mayBeRefusal && (login === 'yes' || (login === 'perhaps' && redirects === 'refusal'))
      seen.redirect = isRefusal ? 'refusal' : 'way'
      if (!isRefusal) redirects = 'way'
      return isRefusal ? 'return' : 'follow'
    }
    return { seen, decide } as const
  }

  const judged = (response: HttpResponse, request: SendRequest, redirect: 'none' | 'refusal' | 'way' | undefined) => {
    if (redirect === 'refusal') return { response, about: 'token' } as const
    if (redirect === 'none' && response.status < 300) redirects = 'refusal'
    return judge(response, request.method, request.headers['mcp-session-id'])
  }

  /** Twice if only the server's nonce was missing (RFC 9449 section 9). */
  return async (request: SendRequest, turn: Turn): Promise<Answer> => {
    const target = request.url ?? url
    for (let tries = 1; ; tries++) {
      const soon = authorizer.headers(request.method, target)
      const authorization = soon instanceof Promise ? await soon : soon
      standing.sees(authorization)
      // Before the response: a server may send its headers only with the first event.
      if (request.whenOutlived) standing.add(request.whenOutlived, authorization, request.signal)
      const headers = join(authorization, request.headers)
      const isWatched = request.method === 'POST' && authorization.authorization !== undefined
      const watch = isWatched ? createWatch(target, turn) : undefined
      const redirect = watch?.decide ?? request.redirect
      const response = await http.request(complete(request, target, headers, request.idleMs ?? idleMs, redirect))
      const again = response.headers['dpop-nonce'] === undefined ? undefined : await authorizer.onNonce(response)
      if (again !== undefined && tries === 1) {
        drop(request, response)
        continue
      }
      const soonFound = judged(response, request, watch?.seen.redirect)
      const found = soonFound instanceof Promise ? await soonFound : soonFound
      // Begun before this sign-in, or for another account: the token has not been refused for itself.
      const about = isForeign(found.about, request, authorization) ? 'session' : found.about
      note(found.response, request, authorization)
      return { response: found.response, authorization, about }
    }
  }
}

/** Custom headers never override those of the protocol. `idleMs` is the default for requests that name none. */
export function createSend(http: HttpClient, authorizer: Authorizer, url: URL, idleMs: number): Send {
  const standing = createStanding(authorizer)
  const attempt = createAttempt({ http, authorizer, url, idleMs, standing })
  /** A request in the background was refused with a new token too: no other one is spent for those. */
  let isHopeless = false
  /** The bearer that was obtained for one of them: where several cross, its refusal is the same refusal. */
  let spent: string | undefined
  /** A bearer that was refused in a session begun with another one: a new session shows whether it is the bearer. */
  let doubtful: string | undefined

  /** Lets the authorizer handle a refusal; throws if the request cannot be sent again. */
  const settle = async (request: SendRequest, { response, authorization, about }: Answer, why: Cause) => {
    // A 401 is seldom the end, so that nobody waits for its body.
    const words = about === 'scope' ? await wordsFor(request, response) : await wordsIn(response)
    drop(request, response)
    const status = about === 'scope' ? 403 : 401
    await authorizer.onChallenge({ status, headers: response.headers }, authorization, why).catch((thrown: unknown) => {
      throw isAboutAnswer(thrown) ? withWords(thrown, url, response.status, words) : thrown
    })
  }

  const refusal = async (request: SendRequest, { response, about }: Answer) => {
    const words = await wordsFor(request, response)
    response.discard()
    const { status } = response
    const error = new BridgeError(about === 'scope' ? 'insufficient_scope' : 'unauthorized', { details: { status } })
    return withWords(error, url, status, words)
  }

  const ask = async (request: SendRequest, cause: Cause): Promise<Answer> => {
    const first = await attempt(request, 'first')
    // A session that ends is not worth a refresh.
    if (first.about === undefined || request.method === 'DELETE') return first
    if (request.isQuestion) {
      if (first.about !== 'token' || first.authorization.authorization !== undefined) return first
      await settle(request, first, cause)
      return attempt(request, 'again')
    }
    if (first.about === 'session') throw sessionRefused(request, first)
    if (cause === 'background' && (isHopeless || wasSentWith(first, spent))) throw await refusal(request, first)
    if (first.about === 'token' && wasSentWith(first, doubtful)) return giveUp(request, first, 'call')
    await settle(request, first, cause)
    if (cause === 'background') spent = (await authorizer.headers(request.method, request.url ?? url)).authorization
    const second = await again(request)
    if (second.about === undefined) return second
    if (second.about === 'session') {
      doubtful = second.authorization.authorization
      throw sessionRefused(request, second)
    }
    if (first.about === 'scope' || (second.about === 'token' && cause === 'background'))
      return giveUp(request, second, cause)
    if (second.about === 'token' && (await authorizer.onRefused?.(second.authorization)) !== 'ended')
      throw await refusal(request, second)
    // A token that was just obtained may hold too little for this request, or have ended: another question, and the last one.
    await settle(request, second, second.about === 'token' ? 'background' : cause)
    const last = await again(request)
    return last.about === undefined ? last : giveUp(request, last, cause)
  }

  /** Where a redirect stays, the new token is refused too. */
  const again = async (request: SendRequest) => {
    try {
      return await attempt(request, 'again')
    } catch (thrown) {
      if (thrown instanceof BridgeError && thrown.code === 'redirect_refused')
        await authorizer.onRefused?.(await authorizer.headers(request.method, request.url ?? url))
      throw thrown
    }
  }

  const giveUp = async (request: SendRequest, last: Answer, cause: Cause): Promise<never> => {
    if (cause === 'background') isHopeless = true
    else if (last.about === 'token') await authorizer.onRefused?.(last.authorization)
    // One request never leads to two sign-ins; the authorizer only words the error of a 403.
    if (last.about === 'scope') await settle(request, last, 'background')
    throw await refusal(request, last)
  }

  return async (request, cause) => {
    try {
      const { response } = await ask(request, cause)
      if (response.status < 300) {
        doubtful = undefined
        if (cause === 'background') {
          isHopeless = false
          spent = undefined
        }
      }
      if (request.whenOutlived && isRefusedStatus(response.status)) standing.park(request.whenOutlived)
      return plain(response)
    } catch (thrown) {
      if (request.whenOutlived && isRefusal(thrown)) standing.park(request.whenOutlived)
      throw thrown
    }
  }
}

const wasSentWith = ({ authorization: { authorization } }: Answer, bearer: string | undefined) =>
  bearer !== undefined && authorization === bearer

function sessionRefused(request: SendRequest, { response }: Answer): BridgeError {
  drop(request, response)
  return new BridgeError('session_lost')
}

/** The body of a stream may never end. */
const wordsFor = ({ method }: SendRequest, response: HttpResponse) =>
  wordsIn(response, method === 'POST' ? () => plain(response) : undefined)

/** Member by member: a spread that is added to is slow on Node 20 (bench/README.md). */
function complete(
  request: SendRequest,
  url: URL,
  headers: HttpRequest['headers'],
  idleMs: number,
  redirect: HttpRequest['redirect'],
): HttpRequest {
  const { method, body, signal, transmission, within, patience } = request
  return { method, url, headers, body, signal, idleMs, transmission, redirect, within, patience }
}

/** Refused before it was processed, as if it had not been sent. */
function drop({ transmission }: SendRequest, response: HttpResponse): void {
  response.discard()
  if (transmission) transmission.sent = false
}

/** Header names are the same in any case. */
function without(headers: Authorization, ours: Authorization): Record<string, string> {
  const names = new Set(Object.keys(ours).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))
}
