// A server and an authorization server as tables of addresses, and all that an address may give instead of a document.
import { type DiscoveryOptions, discover } from '../../src/auth/discovery/protectedResource.ts'
import { BridgeError } from '../../src/errors.ts'
import type { Challenge } from '../../src/records.ts'
import { createFakeHttp, json, respond, type Site } from './fakeHttp.ts'

export const ORIGIN = 'https://mcp.example'
export const MCP = `${ORIGIN}/mcp`
export const PRM_ROOT = `${ORIGIN}/.well-known/oauth-protected-resource`
export const PRM = `${PRM_ROOT}/mcp`
export const AS = 'https://as.example'
export const OAUTH = '/.well-known/oauth-authorization-server'
export const OIDC = '/.well-known/openid-configuration'

export const metadata = (issuer: string, more: object = {}) => ({
  issuer,
  authorization_endpoint: `${new URL(issuer).origin}/authorize`,
  token_endpoint: `${new URL(issuer).origin}/token`,
  code_challenge_methods_supported: ['S256'],
  ...more,
})
export const resource = (more: object = {}) => ({ resource: MCP, authorization_servers: [AS], ...more })

export type Sites = Readonly<Record<string, Site>>
/** What a server at MCP leads to, in an internet of `sites`. */
export function run(sites: Sites, options: Partial<DiscoveryOptions> = {}, challenge: Challenge = { status: 401 }) {
  const http = createFakeHttp(sites)
  const plain = { serverHeaders: {}, issuer: undefined, allowHttp: false, rules: () => ({}) }
  return { http, found: discover({ http, server: new URL(MCP), ...plain, ...options }, challenge) }
}

export const throws =
  (code: 'server_unreachable' | 'server_timeout' | 'redirect_refused' | 'tls_failed', details = {}) =>
  () => {
    throw new BridgeError(code, { details })
  }
async function* brokenOff() {
  yield Buffer.from('{"issuer":')
  throw new BridgeError('server_unreachable', { details: { reason: 'UND_ERR_SOCKET', sent: true } })
}
async function* endless() {
  for (;;) yield Buffer.alloc(64 * 1024, 0x20)
}

/** The address says that it has no document. */
export const ABSENT: readonly (readonly [string, Site])[] = [
  ...[400, 401, 403, 404, 405, 406, 410, 415, 421, 451, 300, 304].map(
    (status) => [String(status), () => respond(status, {}, '{}')] as const,
  ),
  ['200 {}', () => json({})],
  ['200 []', () => json([])],
  ['200 null', () => json(null)],
  ['200 and a text', () => json('oauth')],
  ['200 and nothing', () => respond(200)],
  ['204', () => respond(204)],
  ['a web page', () => respond(200, { 'content-type': 'text/html' }, '<!doctype html><title>Sign in</title>')],
  ['a web page called JSON', () => respond(200, { 'content-type': 'application/json' }, '<html></html>')],
  ['an error as JSON with 200', () => json({ error: 'not_found', message: 'no such route' })],
  ['a JSON-RPC error with 200', () => json({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Bad' } })],
  ['truncated JSON', () => respond(200, { 'content-type': 'application/json' }, '{"issuer":"https://as.exam')],
  ['an event stream without end', () => respond(200, { 'content-type': 'text/event-stream' }, endless())],
]
/** There may be a document, which must not be used. */
export const REFUSED: readonly (readonly [string, Site])[] = [
  ['a redirect elsewhere', throws('redirect_refused')],
  ['more than 1 MB', () => respond(200, {}, endless())],
]
/** A failure that may pass. */
export const PASSING: readonly (readonly [string, Site])[] = [
  ...[408, 425, 429, 500, 501, 502, 503, 504, 520].map((status) => [String(status), () => respond(status)] as const),
  ['500 with an explanation', () => json({ error: 'Only HTML requests are supported here' }, 500)],
  ['an answer that breaks off', () => respond(200, {}, brokenOff())],
  ['a connection that the server closes', throws('server_unreachable', { reason: 'ECONNRESET', sent: true })],
  ['silence', throws('server_timeout')],
]
export const ANYTHING = [...ABSENT, ...REFUSED, ...PASSING]
