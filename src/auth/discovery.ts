// From a challenge to the authorization server: protected-resource metadata (RFC 9728), then its metadata (RFC 8414, OIDC).
import { BridgeError, quote } from '../errors.ts'
import type { Challenge, HttpClient } from '../ports.ts'
import { isSecure } from '../secureUrl.ts'
import { defaultEndpoints, type Exceptions, isTrusted, trustLine } from './exceptions.ts'
import { fetchJson, type JsonObject } from './fetchJson.ts'

/** Authorization server metadata (RFC 8414 section 2), checked: issuer, endpoints and S256. */
export interface ServerMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly [name: string]: unknown
}

export interface Discovered {
  /** Under which the metadata was found: the name of this server here, for credentials and tokens. */
  readonly issuer: string
  readonly metadata: ServerMetadata
  /** RFC 8707 resource, byte for byte as the protected resource names itself. */
  readonly resource: string | undefined
  readonly scopesSupported: readonly string[] | undefined
}

export interface DiscoveryOptions extends Exceptions {
  readonly http: HttpClient
  readonly server: URL
  /** Headers a person configured for the server; they go to its own origin only. */
  readonly serverHeaders: Readonly<Record<string, string>>
  /** Configured issuer; goes before what the server names. */
  readonly issuer: string | undefined
}

/** @throws BridgeError discovery_failed, issuer_mismatch, resource_mismatch, pkce_unsupported, server_unreachable, … */
export async function discover(options: DiscoveryOptions, challenge: Challenge): Promise<Discovered> {
  const resource = await findResource(options, challenge)
  const named = options.issuer ?? resource?.issuer
  const metadata = await (named === undefined
    ? guessServer(options, options.server.origin)
    : findServer(options, named))
  const { resource: name, scopesSupported } = resource ?? {}
  return { issuer: named ?? ownIssuer(options.server, metadata.issuer), metadata, resource: name, scopesSupported }
}

/** RFC 9728 section 3.1: the URL in the challenge, else the well-known URL with the path, else the one at the root. */
export function resourceMetadataUrls(server: URL, challenge: Challenge): URL[] {
  const named = challenge.resourceMetadata
  if (named !== undefined && URL.canParse(named)) return [new URL(named)]
  const root = new URL('/.well-known/oauth-protected-resource', server)
  const path = server.pathname === '/' ? [] : [new URL(root.pathname + server.pathname + server.search, server)]
  return [...path, root]
}

/** RFC 8414 section 3.1 and OpenID Connect Discovery section 4, in the order of the MCP specification. */
export function serverMetadataUrls(issuer: URL): URL[] {
  const path = issuer.pathname.replace(/\/$/, '')
  const at = (pathname: string) => new URL(pathname, issuer)
  const insert = [at(`/.well-known/oauth-authorization-server${path}`), at(`/.well-known/openid-configuration${path}`)]
  return path === '' ? insert : [...insert, at(`${path}/.well-known/openid-configuration`)]
}

interface ProtectedResource {
  readonly resource: string
  readonly issuer: string | undefined
  readonly scopesSupported: readonly string[] | undefined
}

async function findResource(
  { http, server, serverHeaders, allowHttp }: DiscoveryOptions,
  challenge: Challenge,
): Promise<ProtectedResource | undefined> {
  for (const url of resourceMetadataUrls(server, challenge)) {
    requireSecure(url, allowHttp, 'resource_metadata')
    const document = await fetchJson(http, url, url.origin === server.origin ? serverHeaders : {})
    if (!document || typeof document.resource !== 'string') continue
    if (!isFor(document.resource, server)) {
      throw new BridgeError('resource_mismatch', {
        message: `The metadata at ${quote(url.href)} is for ${quote(document.resource)}, not for ${quote(server.href)}.`,
      })
    }
    const issuers = strings(document.authorization_servers)
    return { resource: document.resource, issuer: issuers?.[0], scopesSupported: strings(document.scopes_supported) }
  }
  return undefined
}

/** The resource is the server's URL or a part of the tree above it at the same origin. */
function isFor(resource: string, server: URL): boolean {
  if (!URL.canParse(resource)) return false
  const { origin, pathname } = new URL(resource)
  const above = pathname.endsWith('/') ? pathname : `${pathname}/`
  return origin === server.origin && `${server.pathname}/`.startsWith(above)
}

type ServerOptions = Pick<DiscoveryOptions, 'http'> & Exceptions

/** The metadata of a server whose issuer is known. */
export async function findServer(options: ServerOptions, issuer: string): Promise<ServerMetadata> {
  if (!URL.canParse(issuer))
    throw new BridgeError('discovery_failed', { message: `The issuer ${quote(issuer)} is not a URL.` })
  const found = await fetchMetadata(options, new URL(issuer))
  if (found) return checkServer(found.document, issuer, found.url, options)
  throw new BridgeError('discovery_failed', {
    message: `The authorization server ${quote(issuer)} publishes no metadata (tried ${paths(new URL(issuer))}).`,
  })
}

/**
 * MCP 2025-03-26: the server itself is the authorization server, with metadata at its root or without any. The issuer is our own
 * guess here, so both spellings of an origin will do; both lead to the same document.
 */
export async function guessServer(options: ServerOptions, origin: string): Promise<ServerMetadata> {
  const found = await fetchMetadata(options, new URL(origin))
  if (found) {
    return checkServer(found.document, ownIssuer(new URL(origin), found.document.issuer), found.url, options)
  }
  if (options.allowMissingS256) return defaultEndpoints(origin)
  throw new BridgeError('discovery_failed', {
    message: `The server ${origin} publishes no metadata (tried ${paths(new URL(origin))}).`,
    hint: 'Check that the URL is the MCP endpoint; set issuer of its provider in config.yaml. A server of MCP 2025-03-26 may have none: allow_missing_s256: true uses its default endpoints.',
  })
}

/** The server's origin, spelt as the metadata spells it. */
const ownIssuer = ({ origin }: URL, named: unknown) => (named === `${origin}/` ? `${origin}/` : origin)

const paths = (issuer: URL) =>
  serverMetadataUrls(issuer)
    .map((url) => url.pathname)
    .join(', ')

async function fetchMetadata(
  { http, allowHttp }: ServerOptions,
  issuer: URL,
): Promise<{ document: JsonObject; url: URL } | undefined> {
  for (const url of serverMetadataUrls(issuer)) {
    requireSecure(url, allowHttp, 'issuer')
    const document = await fetchJson(http, url).catch((thrown: unknown) => {
      throw asServerFailure(thrown, issuer.href)
    })
    if (document) return { document, url }
  }
  return undefined
}

/** What keeps the metadata away is a fault of the authorization server, not of the MCP server. */
function asServerFailure(thrown: unknown, issuer: string): unknown {
  if (!(thrown instanceof BridgeError) || (thrown.code !== 'server_unreachable' && thrown.code !== 'server_timeout'))
    return thrown
  return new BridgeError('authorization_server_unreachable', {
    message: `The authorization server ${quote(issuer)} cannot be reached: ${thrown.message}`,
    details: thrown.details,
    cause: thrown,
  })
}

const REQUIRED_URLS = ['authorization_endpoint', 'token_endpoint']
const OPTIONAL_URLS = ['registration_endpoint', 'revocation_endpoint', 'userinfo_endpoint', 'jwks_uri']

function checkServer(document: JsonObject, issuer: string, url: URL, exceptions: Exceptions): ServerMetadata {
  const pair = { expected: issuer, named: String(document.issuer) }
  if (document.issuer !== issuer && !isTrusted(pair, exceptions)) {
    throw new BridgeError('issuer_mismatch', {
      message: `The metadata at ${quote(url.href)} names the issuer ${quote(pair.named)}, expected was ${quote(issuer)}. To trust exactly this pair, give the server in config.yaml ${trustLine(pair)}.`,
    })
  }
  for (const name of [...REQUIRED_URLS, ...OPTIONAL_URLS]) {
    const endpoint = document[name]
    if (endpoint === undefined && !REQUIRED_URLS.includes(name)) continue
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) {
      throw new BridgeError('discovery_failed', { message: `The metadata of ${quote(issuer)} has no usable ${name}.` })
    }
    requireSecure(new URL(endpoint), exceptions.allowHttp, name)
  }
  if (!strings(document.code_challenge_methods_supported)?.includes('S256') && !exceptions.allowMissingS256) {
    throw new BridgeError('pkce_unsupported', {
      message: `The authorization server ${quote(issuer)} does not advertise PKCE with S256.`,
    })
  }
  return document as ServerMetadata
}

function requireSecure(url: URL, allowHttp: boolean, what: string): void {
  if (isSecure(url, allowHttp)) return
  throw new BridgeError('discovery_failed', {
    message: `The ${what} has the scheme and host ${quote(`${url.protocol}//${url.host}`)}; only https, or http on loopback, is used.`,
  })
}

const strings = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined
