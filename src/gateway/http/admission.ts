// What no handler sees: a request that is malformed, misdirected, from a foreign page, for nothing that is there, or too large
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ERRORS, type ErrorCode } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { sendError, sendJson } from './answer.ts'
import { isTooLong, tooLarge } from './body.ts'
import type { CrossOrigin } from './crossOrigin.ts'
import type { OwnHosts } from './hosts.ts'
import type { Match, Route } from './route.ts'
import type { Target } from './target.ts'

export interface Admission {
  readonly publicUrl: string
  readonly hosts: OwnHosts
  readonly crossOrigin: CrossOrigin
  /** The longest body of any request, in bytes. */
  readonly bodyBytes: number
}

export interface Refusal {
  readonly status: number
  readonly error: string
  readonly description: string
  /** For MCP clients, where one of ours says what happened. */
  readonly code?: ErrorCode
}

export const MALFORMED_TARGET: Refusal = {
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

export function malformed(request: IncomingMessage): Refusal | undefined {
  const { headers, httpVersion } = request
  // The parser takes HTTP/2.0 in the first line of a request of HTTP/1.1.
  if (httpVersion === '2.0')
    return { status: 505, error: 'invalid_request', description: 'Only HTTP/1.1 and HTTP/1.0 are answered here.' }
  const name = repeatedHeader(request)
  if (name !== undefined)
    return { status: 400, error: 'invalid_request', description: `The header ${name} was sent twice.` }
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  // RFC 9112 section 6.1: a coding that is not understood is 501, one in HTTP/1.0 faulty framing.
  if (coding.toLowerCase() !== 'chunked')
    return { status: 501, error: 'invalid_request', description: 'The only transfer coding is chunked.' }
  if (httpVersion === '1.1') return undefined
  return { status: 400, error: 'invalid_request', description: 'HTTP/1.0 has no Transfer-Encoding.' }
}

/** The first of those above that came twice. */
function repeatedHeader({ rawHeaders, headers }: IncomingMessage): string | undefined {
  // Each name once: nearly always.
  if (Object.keys(headers).length * 2 === rawHeaders.length) return undefined
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  return names.find((name, index) => ONCE.has(name) && names.indexOf(name) < index)
}

/** Host, and the host of an absolute target, are the gateway's own. A probe of a load balancer may know it by its address only, or send no Host in HTTP/1.0. */
export function misdirected(
  { headers, httpVersion }: IncomingMessage,
  target: Target | undefined,
  route: Route | undefined,
  { hosts, publicUrl }: Admission,
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
export function admit(
  request: IncomingMessage,
  response: ServerResponse,
  match: Match | undefined,
  { crossOrigin, bodyBytes }: Admission,
): Match | undefined {
  const { headers, method = '' } = request
  const rules = match?.route ?? NOWHERE
  const shared = crossOrigin.admit(headers, method, rules)
  for (const [name, value] of Object.entries(shared ?? {})) response.setHeader(name, value)
  if (!shared) {
    const description = `Pages of ${quote(headers.origin ?? '')} may not use this gateway. To allow them, add the origin to cors.origins.`
    refuse(response, { status: 403, error: 'invalid_origin', description })
  } else if (!match) {
    refuse(response, { status: 404, error: 'not_found', description: 'There is nothing at this path.' })
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
    refuse(response, {
      status: 413,
      error: 'message_too_large',
      description: tooLarge(bodyBytes).message,
      code: 'message_too_large',
    })
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

/**
 * Says no. A message to an MCP server gets what its transport has for one that is not accepted, an error response without an id
 * (MCP 2025-11-25, "Sending Messages to the Server"): nobody has read it. Everybody else gets the shape of OAuth.
 */
export function refuse(response: ServerResponse, refusal: Refusal): void {
  const { method, url = '' } = response.req
  const { status, error, description } = refusal
  if (method === 'POST' && MCP_TARGET.test(url)) sendJson(response, status, errorResponse(refusal))
  else sendError(response, status, { error, description })
}

function errorResponse({ status, description: message, code }: Refusal) {
  const data = { source: 'mcp-oauth-bridge' }
  if (code === undefined) return { jsonrpc: '2.0', error: { code: INVALID_REQUEST, message, data } }
  // What is wrong inside is for the log.
  const hint = status < 500 ? ERRORS[code].hint : 'Try again. If it keeps failing, ask the operator of this gateway.'
  return { jsonrpc: '2.0', error: { code: ERRORS[code].rpc, message, data: { ...data, code, hint } } }
}

const MCP_TARGET = /^(https?:\/\/[^/?#]*)?\/mcp([/?]|$)/i
/** JSON-RPC 2.0 section 5.1. */
const INVALID_REQUEST = -32600
