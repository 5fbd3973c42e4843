// The metadata of an authorization server (RFC 8414, OpenID Connect Discovery): its location, its checks and configured endpoints.
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import type { ProviderRules, RulesOf } from '../../providerRules.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import { fetchJson, type JsonObject } from './fetchJson.ts'
import { authorizationServerMembers, strings } from './members.ts'
import { defaultEndpoints, isTrustedPair, type SecurityOverrides, trustedIssuersLine } from './overrides.ts'

/** Authorization server metadata (RFC 8414 section 2), checked: issuer, endpoints and S256. */
export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly authorization_endpoint: string
  readonly token_endpoint: string
  readonly [name: string]: unknown
}

export interface MetadataOptions extends SecurityOverrides {
  readonly http: HttpClient
  readonly rules: RulesOf
}

/** The published metadata, unchanged: the only part that may be cached. Configured endpoints are applied at each use. */
export interface Published {
  readonly document: JsonObject
  /** Where it was found. */
  readonly url: string
}

export interface FoundMetadata {
  readonly metadata: AuthorizationServerMetadata
  /** undefined: not requested, or not published. */
  readonly published: Published | undefined
}

/** RFC 8414 section 3.1 and OpenID Connect Discovery section 4, in the order of the MCP specification. */
export function metadataUrls(issuer: URL): URL[] {
  const path = issuer.pathname.replace(/\/$/, '')
  const at = (pathname: string) => new URL(pathname, issuer)
  const insert = [at(`/.well-known/oauth-authorization-server${path}`), at(`/.well-known/openid-configuration${path}`)]
  return path === '' ? insert : [...insert, at(`${path}/.well-known/openid-configuration`)]
}

/** The metadata of a server whose issuer is known. */
export async function fetchMetadata(options: MetadataOptions, issuer: string): Promise<FoundMetadata> {
  if (!URL.canParse(issuer))
    throw new BridgeError('discovery_failed', { message: `The issuer ${quote(issuer)} is not a URL.` })
  const written = configuredMetadata(options, issuer)
  if (written) return { metadata: written, published: undefined }
  const published = await fetchPublished(options, issuer)
  if (published) return { metadata: mergeMetadata(options, issuer, published), published }
  throw new BridgeError('discovery_failed', {
    message: `The authorization server ${quote(issuer)} publishes no metadata (tried ${paths(new URL(issuer))}).`,
  })
}

/**
 * MCP 2025-03-26: the server itself is the authorization server, with metadata at its root or without any. The issuer is our own
 * guess here, so both spellings of an origin are accepted; both lead to the same document.
 */
export async function fetchDefaultMetadata(options: MetadataOptions, origin: string): Promise<FoundMetadata> {
  const written = configuredMetadata(options, origin)
  if (written) return { metadata: written, published: undefined }
  const published = await fetchPublished(options, origin)
  if (published) return { metadata: defaultMetadata(options, origin, published), published }
  if (options.allowMissingS256) return { metadata: defaultEndpoints(origin), published: undefined }
  throw new BridgeError('discovery_failed', {
    message: `The server ${origin} publishes no metadata (tried ${paths(new URL(origin))}).`,
    hint: 'Check that the URL is the MCP endpoint; set issuer of its provider in config.yaml. If the server implements MCP 2025-03-26, allow_missing_s256: true uses the default endpoints.',
  })
}

/** `fetchDefaultMetadata` with what was published before. @throws BridgeError where today's rules do not take it */
export const defaultMetadata = (
  options: MetadataOptions,
  origin: string,
  published: Published,
): AuthorizationServerMetadata =>
  mergeMetadata(options, defaultIssuer(new URL(origin), published.document.issuer), published)

/** The configured metadata or that of a preset, if it is complete and nothing needs to be fetched. */
export function configuredMetadata(options: MetadataOptions, issuer: string): AuthorizationServerMetadata | undefined {
  const given = configuredMembers(options, issuer)
  if (REQUIRED_URLS.some((name) => given[name] === undefined)) return undefined
  return validateMetadata({ issuer, ...given }, issuer, issuer, options)
}

/** Configured values override published ones; the result is checked each time. @throws BridgeError issuer_mismatch, pkce_unsupported, discovery_failed */
export function mergeMetadata(
  options: MetadataOptions,
  issuer: string,
  { document, url }: Published,
): AuthorizationServerMetadata {
  requireSecure(new URL(url), options.allowHttp, 'issuer')
  return validateMetadata({ ...document, ...configuredMembers(options, issuer) }, issuer, url, options)
}

const configuredMembers = ({ rules }: MetadataOptions, issuer: string) =>
  filled(rules(issuer).metadata, new URL(issuer))

/** The server's origin, spelled as in the metadata. */
export const defaultIssuer = ({ origin }: URL, named: unknown) => (named === `${origin}/` ? `${origin}/` : origin)

const paths = (issuer: URL) =>
  metadataUrls(issuer)
    .map((url) => url.pathname)
    .join(', ')

async function fetchPublished({ http, allowHttp }: MetadataOptions, issuer: string): Promise<Published | undefined> {
  for (const url of metadataUrls(new URL(issuer))) {
    requireSecure(url, allowHttp, 'issuer')
    const document = await fetchJson(http, url).catch((thrown: unknown) => {
      throw asAuthorizationServerFailure(thrown, issuer)
    })
    if (document) return { document, url: url.href }
  }
  return undefined
}

/** A failed metadata request is an error of the authorization server, not of the MCP server. */
function asAuthorizationServerFailure(thrown: unknown, issuer: string): unknown {
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

function validateMetadata(
  written: JsonObject,
  issuer: string,
  place: string,
  options: MetadataOptions,
): AuthorizationServerMetadata {
  const found = authorizationServerMembers(written)
  const rules = options.rules(issuer)
  const tenant = found.issuer !== issuer && rules.issuerForm === 'tenant' && isTenantForm(found.issuer, issuer)
  // We keep the issuer that we know; ID tokens come from the one that the metadata names.
  const document = tenant ? { ...found, issuer, tenant_issuer: found.issuer } : found
  const pair = { expected: issuer, named: typeof document.issuer === 'string' ? document.issuer : 'not text' }
  if (document.issuer !== issuer && !isTrustedPair(pair, options)) {
    throw new BridgeError('issuer_mismatch', {
      message: `The metadata at ${quote(place)} names the issuer ${quote(pair.named)}, expected was ${quote(issuer)}. To trust exactly this pair, give the server in config.yaml ${trustedIssuersLine(pair)}.`,
    })
  }
  for (const name of [...REQUIRED_URLS, ...OPTIONAL_URLS]) {
    const endpoint = document[name]
    if (endpoint === undefined && !REQUIRED_URLS.includes(name)) continue
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) {
      throw new BridgeError('discovery_failed', { message: `The metadata of ${quote(issuer)} has no usable ${name}.` })
    }
    requireSecure(new URL(endpoint), options.allowHttp, name)
  }
  const methods = strings(document.code_challenge_methods_supported)
  const unadvertised = methods === undefined && rules.s256 === 'unadvertised'
  if (!methods?.includes('S256') && !unadvertised && !options.allowMissingS256) {
    throw new BridgeError('pkce_unsupported', {
      message: `The authorization server ${quote(issuer)} does not advertise PKCE with S256.`,
    })
  }
  return document as AuthorizationServerMetadata
}

/** @throws BridgeError discovery_failed */
export function requireSecure(url: URL, allowHttp: boolean, what: string): void {
  if (isSecure(url, allowHttp)) return
  throw new BridgeError('discovery_failed', {
    message: `The ${what} has the scheme and host ${quote(`${url.protocol}//${url.host}`)}. It must be https, or http on loopback.`,
  })
}
