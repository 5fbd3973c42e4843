// One request, from its first line to the handler of its route, and what becomes of an error of that
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asBridgeError, type BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { RequestContext } from '../ports.ts'
import { type Admission, admit, MALFORMED_TARGET, malformed, misdirected, refuse } from './admission.ts'
import { securityHeaders } from './answer.ts'
import { endBodyAfter } from './body.ts'
import { clientAddress, plainAddress, type TrustedProxies } from './clientAddress.ts'
import type { Match, Table } from './route.ts'
import { readTarget, type Target } from './target.ts'

export interface ExchangeOptions extends Admission {
  readonly table: Table
  readonly trusted: TrustedProxies
  readonly log: Logger
}

export function createExchange(options: ExchangeOptions) {
  const placeOf = createPlaces(options.table)
  return (request: IncomingMessage, response: ServerResponse): void => {
    const begun = performance.now()
    const requestId = requestIdOf(request, options.trusted)
    for (const [name, value] of SECURITY) response.setHeader(name, value)
    response.setHeader('X-Request-Id', requestId)
    endBodyAfter(request, response)
    const place = placeOf(request.url ?? '')
    const { target, match } = place
    noteEnd(options.log, response, { requestId, begun, request, match })
    const fault = malformed(request)
    // Two readers may not agree where it ends; and what follows an Upgrade is lost in Node's parser.
    if (fault || request.headers.upgrade !== undefined) response.shouldKeepAlive = false
    const refusal = fault ?? misdirected(request, target, match?.route, options)
    const admitted = refusal || !target ? undefined : admit(request, response, match, options)
    if (refusal || !target) refuse(response, refusal ?? MALFORMED_TARGET)
    else if (admitted) void run(request, response, { ...admitted, target, place, requestId }, options)
  }
}

/** What a request target leads to. */
interface Place {
  readonly target: Target | undefined
  readonly match: Match | undefined
  /** Made when it is first asked for; nobody changes it. */
  url?: URL
}

const MOST_PLACES = 1_000

/** Calls have the same few targets, which are read once. What is kept holds no query, and nothing of a sign-in. */
function createPlaces(table: Table): (raw: string) => Place {
  const known = new Map<string, Place>()
  return (raw) => {
    const found = known.get(raw)
    if (found) return found
    const target = readTarget(raw)
    const place: Place = { target, match: target && table(target.path) }
    if (place.match?.route.asks === 'mcp' && target?.query === '' && known.size < MOST_PLACES) known.set(raw, place)
    return place
  }
}

const SECURITY = Object.entries(securityHeaders)

export type Exchange = ReturnType<typeof createExchange>

/** What correlates this request with entries of other logs: only the proxy in front may choose it. */
function requestIdOf({ headers, socket }: IncomingMessage, trusted: TrustedProxies): string {
  const sent = headers['x-request-id']
  if (sent === undefined) return randomUUID()
  const peer = plainAddress(socket.remoteAddress ?? '')
  const isGood = typeof sent === 'string' && /^[\w.:=+/-]{1,128}$/.test(sent)
  return isGood && peer !== undefined && trusted.has(peer) ? sent : randomUUID()
}

interface Asked {
  readonly target: Target
  readonly place: Place
  readonly requestId: string
}

async function run(
  request: IncomingMessage,
  response: ServerResponse,
  { route, parameters, rest, target, place, requestId }: Match & Asked,
  { publicUrl, trusted, log }: ExchangeOptions,
): Promise<void> {
  const url = () => {
    place.url ??= urlOf(publicUrl, target)
    return place.url
  }
  // A handler that reads the target itself must not come to another path.
  if (target.host !== undefined || request.url?.includes('%')) request.url = `${url().pathname}${target.query}`
  const context: RequestContext = {
    // Most handlers have no use for it.
    get url() {
      return url()
    },
    requestId,
    address: clientAddress(request.socket.remoteAddress, forwardedFor(request), trusted),
    served: route.served,
    rest,
    parameters,
  }
  if (/^100-continue$/i.test(request.headers.expect ?? '') && request.httpVersion === '1.1') response.writeContinue()
  try {
    await route.handler(request, response, context)
  } catch (thrown) {
    fail(response, asBridgeError(thrown), { requestId, log })
  }
}

function urlOf(publicUrl: string, { path, query }: Target): URL {
  const url = new URL(publicUrl)
  url.pathname = path
  url.search = query
  return url
}

const forwardedFor = ({ headers }: IncomingMessage) => [headers['x-forwarded-for'] ?? []].flat().join(',') || undefined

/** What may pass by itself: the client should ask again. */
const PASSING: readonly string[] = ['database_unreachable', 'database_locked', 'schema_missing']

function fail(
  response: ServerResponse,
  error: BridgeError,
  { requestId, log }: { readonly requestId: string; readonly log: Logger },
): void {
  const { code, message } = error
  // The end of the socket may be told to who reads the body first.
  if (response.destroyed || code === 'cancelled') return void response.destroy()
  log[code === 'message_too_large' ? 'info' : 'error']('gateway:failed', { request: requestId, code, message })
  // A made-up end would look like a whole answer.
  if (response.headersSent) response.destroy()
  else if (code === 'message_too_large') refuse(response, { status: 413, error: code, description: message, code })
  else if (PASSING.includes(code)) {
    response.setHeader('Retry-After', '5')
    const description = `The database of the gateway is not available. Try again in a moment. (request ${requestId})`
    refuse(response, { status: 503, error: 'temporarily_unavailable', description, code })
  } else {
    const description = `The gateway failed; its log has the reason. (request ${requestId})`
    refuse(response, { status: 500, error: 'server_error', description, code: 'internal' })
  }
}

/** One entry for each request; those of a person's sign-in are few, and what is looked for when one does not arrive. */
function noteEnd(
  log: Logger,
  response: ServerResponse,
  {
    requestId,
    begun,
    request: { method = '' },
    match,
  }: {
    readonly requestId: string
    readonly begun: number
    readonly request: IncomingMessage
    readonly match: Match | undefined
  },
): void {
  const level = match?.route.asks === 'browser' ? 'info' : 'debug'
  if (level === 'debug' && log.wants && !log.wants('gateway:request')) return
  response.once('close', () => {
    const ms = Math.round(performance.now() - begun)
    const message = `${method} ${match?.route.pattern ?? 'of an unknown path'}`
    log[level]('gateway:request', { request: requestId, message, status: response.statusCode, ms })
  })
}
