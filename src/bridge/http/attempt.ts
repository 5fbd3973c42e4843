// One request to the MCP server as it is authorized now, and what its answer refuses.
import type { Authorizer, HttpClient, HttpRequest, HttpResponse } from '../../ports.ts'
import { type About, type Judged, judge, leadsToLogin } from './refusal.ts'
import type { Authorization, Standing, TellStream } from './standing.ts'

/** `url` left out: the server's own. Another one must have the same origin, because it gets the same bearer token. */
export type SendRequest = Omit<HttpRequest, 'url' | 'idleMs'> & {
  url?: URL
  idleMs?: number
  /**
   * For an open stream: called when the sign-in that it was opened with has ended, or the machine has slept; for one that was refused with
   * 401 or 403, when another token is sent. The same function each time for one that is opened again; it is over when `signal` aborts.
   */
  whenOutlived?: TellStream
  /** Some servers refuse whatever is outside a session, so that a refusal of a bearer says nothing: the answer is returned as it is. */
  isQuestion?: true
}
export interface Answer extends Judged {
  readonly authorization: Authorization
}

/** Whether a request is sent for the first time, or again with what a refusal led to. */
export type Turn = 'first' | 'again'

interface AttemptOptions {
  readonly http: HttpClient
  readonly authorizer: Authorizer
  readonly url: URL
  readonly idleMs: number
  readonly standing: Standing
}

export function createAttempt({ http, authorizer, url, idleMs, standing }: AttemptOptions) {
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
export function drop({ transmission }: SendRequest, response: HttpResponse): void {
  response.discard()
  if (transmission) transmission.sent = false
}

/** Header names are the same in any case. */
function without(headers: Authorization, ours: Authorization): Record<string, string> {
  const names = new Set(Object.keys(ours).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))
}
