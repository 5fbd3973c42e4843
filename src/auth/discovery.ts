// From a challenge to the authorization server: protected-resource metadata (RFC 9728), then its metadata (RFC 8414, OIDC).
import { BridgeError, quote } from '../errors.ts'
import type { Challenge, HttpClient } from '../ports.ts'
import type { ProviderRules, RulesOf } from '../providerRules.ts'
import { isSecure } from '../secureUrl.ts'
import { fetchJson, type JsonObject } from './fetchJson.ts'

/** Authorization server metadata (RFC 8414 section 2), checked: issuer, endpoints and S256. */
export interface ServerMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly [name: string]: unknown
}

export interface Discovered {
  readonly metadata: ServerMetadata
  /** RFC 8707 resource, byte for byte as the protected resource names itself. */
  readonly resource: string | undefined
  readonly scopesSupported: readonly string[] | undefined
  /** 'wanted': the protected resource takes or requires DPoP (RFC 9728 section 2). */
  readonly dpop: 'wanted' | undefined
}

export interface DiscoveryOptions {
  readonly http: HttpClient
  readonly server: URL
  /** Headers a person configured for the server; they go to its own origin only. */
  readonly serverHeaders: Readonly<Record<string, string>>
  /** Configured issuer; goes before what the server names. */
  readonly issuer: string | undefined
  readonly allowHttp: boolean
  readonly rules: RulesOf
}

/** @throws BridgeError discovery_failed, issuer_mismatch, resource_mismatch, pkce_unsupported, server_unreachable, … */
export async function discover(options: DiscoveryOptions, challenge: Challenge): Promise<Discovered> {
  const resource = await findResource(options, challenge)
  const named = options.issuer ?? resource?.issuer ?? options.rules(undefined).issuer
  const metadata = await findServer(options, named ?? options.server.origin, named !== undefined)
  return {
    metadata,
    resource: resource?.resource,
    scopesSupported: resource?.scopesSupported,
    dpop: resource?.dpop,
  }
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
  readonly dpop: 'wanted' | undefined
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
    const scopesSupported = strings(document.scopes_supported)
    return { resource: document.resource, issuer: issuers?.[0], scopesSupported, dpop: wantsDpop(document) }
  }
  return undefined
}

const wantsDpop = (document: JsonObject) =>
  document.dpop_bound_access_tokens_required === true ||
  strings(document.dpop_signing_alg_values_supported)?.includes('ES256')
    ? 'wanted'
    : undefined

/** The resource is the server's URL or a part of the tree above it at the same origin. */
function isFor(resource: string, server: URL): boolean {
  if (!URL.canParse(resource)) return false
  const { origin, pathname } = new URL(resource)
  const above = pathname.endsWith('/') ? pathname : `${pathname}/`
  return origin === server.origin && `${server.pathname}/`.startsWith(above)
}

/** `named`: the issuer was given, not guessed from the server's origin. */
export async function findServer(
  { http, allowHttp, rules: rulesOf }: Pick<DiscoveryOptions, 'http' | 'allowHttp' | 'rules'>,
  issuer: string,
  named = true,
): Promise<ServerMetadata> {
  if (!URL.canParse(issuer))
    throw new BridgeError('discovery_failed', { message: `The issuer ${quote(issuer)} is not a URL.` })
  const rules = rulesOf(issuer)
  const given = filled(rules.metadata, new URL(issuer))
  if (REQUIRED_URLS.every((name) => given[name] !== undefined))
    return checkServer({ issuer, ...given }, { issuer, url: new URL(issuer), allowHttp, rules })
  const tried = serverMetadataUrls(new URL(issuer))
  for (const url of tried) {
    requireSecure(url, allowHttp, 'issuer')
    const document = await fetchJson(http, url).catch((thrown: unknown) => {
      throw asServerFailure(thrown, issuer)
    })
    if (document) return checkServer({ ...document, ...given }, { issuer, url, allowHttp, rules })
  }
  const where = named ? `The authorization server ${quote(issuer)}` : `The server ${issuer}`
  throw new BridgeError('discovery_failed', {
    message: `${where} publishes no metadata (tried ${tried.map((url) => url.pathname).join(', ')}).`,
  })
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
const OPTIONAL_URLS = [
  'registration_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
  'device_authorization_endpoint',
]

function filled(metadata: ProviderRules['metadata'], { href, origin }: URL): Record<string, string> {
  const issuer = href.replace(/\/$/, '')
  const fill = (url: string) => url.replace('{issuer}', issuer).replace('{origin}', origin)
  return Object.fromEntries(Object.entries(metadata ?? {}).map(([name, url]) => [name, fill(url)]))
}

/** Entra names `{tenantid}` for its shared endpoints, and the tenant's id for a domain or `consumers`. */
const isTenantForm = (named: unknown, issuer: string) =>
  typeof named === 'string' &&
  new URL(issuer).pathname.split('/').length === 3 &&
  named.startsWith(`${new URL(issuer).origin}/`) &&
  /^\/(\{tenantid\}|%7Btenantid%7D|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\/v2\.0$/i.test(new URL(named).pathname)

interface CheckOptions {
  readonly issuer: string
  readonly url: URL
  readonly allowHttp: boolean
  readonly rules: ProviderRules
}

function checkServer(found: JsonObject, { issuer, url, allowHttp, rules }: CheckOptions): ServerMetadata {
  const tenant = found.issuer !== issuer && rules.issuerForm === 'tenant' && isTenantForm(found.issuer, issuer)
  // We go on under the issuer we know; ID tokens come from the one that the metadata names.
  const document = tenant ? { ...found, issuer, tenant_issuer: found.issuer } : found
  if (document.issuer !== issuer) {
    throw new BridgeError('issuer_mismatch', {
      message: `The metadata at ${quote(url.href)} names the issuer ${quote(String(document.issuer))}, expected was ${quote(issuer)}.`,
    })
  }
  for (const name of [...REQUIRED_URLS, ...OPTIONAL_URLS]) {
    const endpoint = document[name]
    if (endpoint === undefined && !REQUIRED_URLS.includes(name)) continue
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) {
      throw new BridgeError('discovery_failed', { message: `The metadata of ${quote(issuer)} has no usable ${name}.` })
    }
    requireSecure(new URL(endpoint), allowHttp, name)
  }
  const methods = strings(document.code_challenge_methods_supported)
  if (!methods?.includes('S256') && !(methods === undefined && rules.s256 === 'unadvertised')) {
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
