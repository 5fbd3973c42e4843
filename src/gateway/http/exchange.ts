// One request, from its first line to the handler of its route: what is malformed, misdirected or from a foreign page ends here
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asBridgeError, type BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { RequestContext } from '../ports.ts'
import { securityHeaders, sendError } from './answer.ts'
import { endBodyAfter, isTooLong, tooLarge } from './body.ts'
import { clientAddress, plainAddress, type TrustedProxies } from './clientAddress.ts'
import type { CrossOrigin } from './crossOrigin.ts'
import type { OwnHosts } from './hosts.ts'
import type { Match, Route, Table } from './route.ts'
import { readTarget, type Target } from './target.ts'

export interface ExchangeOptions {
  readonly publicUrl: string
  readonly hosts: OwnHosts
  readonly crossOrigin: CrossOrigin
  readonly table: Table
  readonly trusted: TrustedProxies
  /** The longest body of any request, in bytes. */
  readonly bodyBytes: number
  readonly draining: AbortSignal
  readonly log: Logger
}

interface Refusal {
  readonly status: number
  readonly error: string
  readonly description: string
}

export function createExchange(options: ExchangeOptions) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const begun = performance.now()
    const requestId = requestIdOf(request, options.trusted)
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
    response.setHeader('X-Request-Id', requestId)
    endBodyAfter(request, response)
    const target = readTarget(request.url ?? '')
    const match = target && options.table(target.path)
    noteEnd(options.log, response, { requestId, begun, request, match })
    const fault = malformed(request)
    // Two readers may not agree where it ends; and what follows an Upgrade is lost in Node's parser.
    if (fault || request.headers.upgrade !== undefined) response.shouldKeepAlive = false
    const refusal = fault ?? misdirected(request, target, match?.route, options)
    const admitted = refusal || !target ? undefined : admit(request, response, match, options)
    if (refusal || !target) refuse(response, refusal ?? MALFORMED_TARGET)
    else if (admitted) run(request, response, { ...admitted, target, requestId }, options)
  }
}

export type Exchange = ReturnType<typeof createExchange>

/** What correlates this request with entries of other logs: only the proxy in front may choose it. */
function requestIdOf({ headers, socket }: IncomingMessage, trusted: TrustedProxies): string {
  const sent = headers['x-request-id']
  const peer = plainAddress(socket.remoteAddress ?? '')
  const isGood = typeof sent === 'string' && /^[\w.:=+/-]{1,128}$/.test(sent)
  return isGood && peer !== undefined && trusted.has(peer) ? sent : randomUUID()
}

const MALFORMED_TARGET: Refusal = {
  status: 400,
  error: 'invalid_request',
  description: 'The request target is malformed or ambiguous.',
}

/** Headers that decide who asks and where; Node silently takes the first of two. */
const ONCE = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'origin',
  'transfer-encoding',
  'expect',
])

function malformed({ rawHeaders, headers, httpVersion }: IncomingMessage): Refusal | undefined {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (ONCE.has(name) && seen.has(name))
      return { status: 400, error: 'invalid_request', description: `The header ${name} was sent twice.` }
    seen.add(name)
  }
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  // RFC 9112 section 6.1: a coding that is not understood is 501, one in HTTP/1.0 faulty framing.
  if (coding.toLowerCase() !== 'chunked')
    return { status: 501, error: 'invalid_request', description: 'The only transfer coding is chunked.' }
  if (httpVersion === '1.1') return undefined
  return { status: 400, error: 'invalid_request', description: 'HTTP/1.0 has no Transfer-Encoding.' }
}

/** Host, and the host of an absolute target, are the gateway's own. A probe of a load balancer may know it by its address only, or send no Host in HTTP/1.0. */
function misdirected(
  { headers, httpVersion }: IncomingMessage,
  target: Target | undefined,
  route: Route | undefined,
  { hosts, publicUrl }: ExchangeOptions,
): Refusal | undefined {
  if (target === undefined) return undefined
  if (target.host !== undefined && hosts.kindOf(target.host) !== 'own') return MALFORMED_TARGET
  const kind = hosts.kindOf(headers.host)
  if (kind === 'own') return undefined
  const isNameless = kind === 'address' || (headers.host === undefined && httpVersion === '1.0')
  if (route?.asks === 'probe' && isNameless) return undefined
  if (kind === 'malformed')
    return { status: 400, error: 'invalid_request', description: 'The header Host is missing or malformed.' }
  return {
    status: 421,
    error: 'misdirected_request',
    description: `This gateway is ${new URL(publicUrl).origin}. A proxy in front of it must pass on the header Host.`,
  }
}

/** Answers what needs no handler. undefined: it is answered. */
function admit(
  request: IncomingMessage,
  response: ServerResponse,
  match: Match | undefined,
  { crossOrigin, bodyBytes }: ExchangeOptions,
): Match | undefined {
  const { headers, method = '' } = request
  const rules = match?.route ?? NOWHERE
  const shared = crossOrigin.admit(headers, method, rules)
  for (const [name, value] of Object.entries(shared ?? {})) response.setHeader(name, value)
  if (!shared) {
    const description = `Pages of ${quote(headers.origin ?? '')} may not use this gateway. To allow them, add the origin to cors.origins.`
    refuse(response, { status: 403, error: 'invalid_origin', description })
  } else if (!match) {
    refuse(response, { status: 404, error: 'not_found', description: 'Nothing is at this path.' })
  } else if (method === 'OPTIONS') {
    for (const [name, value] of Object.entries(crossOrigin.preflight(headers, rules))) response.setHeader(name, value)
    response.setHeader('Allow', allowedBy(rules).join(', '))
    response.writeHead(204).end()
  } else if (!allowedBy(rules).includes(method)) {
    response.setHeader('Allow', allowedBy(rules).join(', '))
    refuse(response, {
      status: 405,
      error: 'method_not_allowed',
      description: `${method} is not answered at this path.`,
    })
  } else if (isTooLong(request, bodyBytes)) {
    refuse(response, { status: 413, error: 'message_too_large', description: tooLarge(bodyBytes).message })
  } else return match
  return undefined
}

/** What is nowhere has the rules of what is the gateway's own. */
const NOWHERE: Pick<Route, 'origins' | 'asks' | 'methods'> = { origins: 'own', asks: 'program', methods: [] }

/** At /mcp, GET opens a stream: a HEAD of it would be one that nobody reads. */
const allowedBy = ({ methods, asks }: Pick<Route, 'asks' | 'methods'>): string[] => [
  ...methods,
  ...(methods.includes('GET') && asks !== 'mcp' ? ['HEAD'] : []),
  'OPTIONS',
]

function run(
  request: IncomingMessage,
  response: ServerResponse,
  { route, parameters, rest, target, requestId }: Match & { readonly target: Target; readonly requestId: string },
  { publicUrl, trusted, draining, log }: ExchangeOptions,
): void {
  const url = new URL(publicUrl)
  url.pathname = target.path
  url.search = target.query
  // A handler that reads the target itself must not come to another path.
  request.url = `${url.pathname}${target.query}`
  const gone = new AbortController()
  response.once('close', () => response.writableFinished || gone.abort())
  const context: RequestContext = {
    url,
    requestId,
    address: clientAddress(request.socket.remoteAddress, forwardedFor(request), trusted),
    served: route.served,
    rest,
    parameters,
    signal: gone.signal,
    draining,
  }
  if (/^100-continue$/i.test(request.headers.expect ?? '') && request.httpVersion === '1.1') response.writeContinue()
  Promise.resolve()
    .then(() => route.handler(request, response, context))
    .catch((thrown: unknown) => fail(response, asBridgeError(thrown), { requestId, gone: gone.signal, log }))
}

const forwardedFor = ({ headers }: IncomingMessage) => [headers['x-forwarded-for'] ?? []].flat().join(',') || undefined

/** What may pass by itself: the client should ask again. */
const PASSING: readonly string[] = ['database_unreachable', 'database_locked', 'schema_missing']

function fail(
  response: ServerResponse,
  error: BridgeError,
  { requestId, gone, log }: { readonly requestId: string; readonly gone: AbortSignal; readonly log: Logger },
): void {
  const { code, message } = error
  // The end of the socket may be told to who reads the body first.
  if (gone.aborted || response.destroyed || code === 'cancelled') return void response.destroy()
  log[code === 'message_too_large' ? 'info' : 'error']('gateway:failed', { request: requestId, code, message })
  // A made-up end would look like a whole answer.
  if (response.headersSent) response.destroy()
  else if (code === 'message_too_large') refuse(response, { status: 413, error: code, description: message })
  else if (PASSING.includes(code)) {
    response.setHeader('Retry-After', '5')
    const description = `The database of the gateway is not available. Try again in a moment. (request ${requestId})`
    refuse(response, { status: 503, error: 'temporarily_unavailable', description })
  } else {
    const description = `The gateway failed; its log has the reason. (request ${requestId})`
    refuse(response, { status: 500, error: 'server_error', description })
  }
}

function refuse(response: ServerResponse, { status, error, description }: Refusal): void {
  sendError(response, status, { error, description })
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
