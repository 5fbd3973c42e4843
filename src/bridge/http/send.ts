// One authorized request to the MCP server; a refused one is sent again after the authorizer has handled the refusal.
import { BridgeError } from '../../errors.ts'
import type { Authorizer, Cause, HttpClient, HttpRequest, HttpResponse, MaybePromise } from '../../ports.ts'

/** `url` left out: the server's own. Another one must have the same origin, because it gets the same bearer token. */
type SendRequest = Omit<HttpRequest, 'url' | 'idleMs'> & {
  url?: URL
  idleMs?: number
  /** For an open stream: called when the sign-in that it was opened with has ended. The same function each time. */
  whenOutlived?: () => void
}
export type Send = (request: SendRequest, cause: Cause) => Promise<HttpResponse>

/** How often open streams are checked while nothing else is sent, in ms. */
const LOOK_MS = 5_000

/** Custom headers never override those of the protocol. `idleMs` is the default for requests that name none. */
export function createSend(http: HttpClient, authorizer: Authorizer, url: URL, idleMs: number): Send {
  let merged: { of: object; own: object; headers: Record<string, string> } = { of: {}, own: {}, headers: {} }
  /** Both come as the same objects call after call, so that they are joined only when one has changed. */
  const join = (of: Readonly<Record<string, string>>, own: Readonly<Record<string, string>>) => {
    if (merged.of !== of || merged.own !== own) merged = { of, own, headers: { ...without(of, own), ...own } }
    return merged.headers
  }

  /** Open streams, and what they were authorized with. */
  const standing = new Map<() => void, Readonly<Record<string, string>>>()
  let latest: object | undefined
  let looking: NodeJS.Timeout | undefined

  const endOutlived = async () => {
    for (const [tell, authorization] of standing)
      if (await authorizer.outlived?.(authorization)) {
        standing.delete(tell)
        tell()
      }
    if (standing.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  // A database that cannot be read now is checked again.
  const look = () => void endOutlived().catch(() => undefined)

  const stand = (tell: () => void, authorization: Readonly<Record<string, string>>) => {
    if (!authorizer.outlived) return
    standing.set(tell, authorization)
    looking ??= setInterval(look, LOOK_MS).unref()
  }

  /** Twice if only the server's nonce was missing (RFC 9449 section 9). */
  const attempt = async (request: SendRequest) => {
    const target = request.url ?? url
    for (let tries = 1; ; tries++) {
      const soon = authorizer.headers(request.method, target)
      const authorization = soon instanceof Promise ? await soon : soon
      if (standing.size > 0 && latest !== authorization) look()
      latest = authorization
      // Before the response: a server may send its headers only with the first event.
      if (request.whenOutlived) stand(request.whenOutlived, authorization)
      const headers = join(authorization, request.headers)
      const response = await http.request(complete(request, target, headers, request.idleMs ?? idleMs))
      const again = response.headers['dpop-nonce'] === undefined ? undefined : await authorizer.onNonce(response)
      if (again === undefined || tries === 2) return { response, authorization }
      drop(request, response)
    }
  }

  /** Lets the authorizer handle a refusal; throws if the request cannot be sent again. */
  const settle = async (
    request: SendRequest,
    { response, authorization }: Awaited<ReturnType<typeof attempt>>,
    why: Cause,
  ) => {
    drop(request, response)
    await authorizer.onChallenge(response, authorization, why)
  }

  return async (request, cause) => {
    const first = await attempt(request)
    if (!isChallenge(first.response)) return plain(first.response)
    await settle(request, first, cause)
    const second = await attempt(request)
    if (!isChallenge(second.response)) return plain(second.response)
    let last = second
    if (first.response.status === 401 && second.response.status === 403) {
      // A token that was just obtained may hold too little for this request: another question, and the last one.
      await settle(request, second, cause)
      last = await attempt(request)
      if (!isChallenge(last.response)) return plain(last.response)
    }
    if (last.response.status === 401) await authorizer.onRefused?.(last.authorization)
    // One request never leads to two sign-ins; the authorizer only words the error of a 403.
    if (last.response.status === 403) await settle(request, last, 'background')
    last.response.discard()
    const { status } = last.response
    throw new BridgeError(status === 403 ? 'insufficient_scope' : 'unauthorized', { details: { status } })
  }
}

/** Member by member: a spread that is added to is slow on Node 20 (bench/README.md). */
function complete(request: SendRequest, url: URL, headers: HttpRequest['headers'], idleMs: number): HttpRequest {
  const { method, body, signal, transmission, redirect, within } = request
  return { method, url, headers, body, signal, idleMs, transmission, redirect, within }
}

/** Refused before it was processed, as if it had not been sent. */
function drop({ transmission }: SendRequest, response: HttpResponse): void {
  response.discard()
  if (transmission) transmission.sent = false
}

/** We ask for no content coding; a server may still use one (RFC 9110 section 12.5.3). */
function plain(response: HttpResponse): MaybePromise<HttpResponse> {
  const coding = response.headers['content-encoding']
  if (coding === undefined || coding === 'identity') return response
  return import('./contentCoding.ts').then(({ decode }) => decode(response, String(coding)))
}

/** A 403 without a challenge is the server's last word, not a question for another token. */
const isChallenge = ({ status, headers }: HttpResponse) =>
  status === 401 || (status === 403 && headers['www-authenticate'] !== undefined)

/** Header names are the same in any case. */
function without(
  headers: Readonly<Record<string, string>>,
  ours: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = new Set(Object.keys(ours).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase())))
}
