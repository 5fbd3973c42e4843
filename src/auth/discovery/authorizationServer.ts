// The metadata of an authorization server (RFC 8414, OpenID Connect Discovery): its location, its checks and configured endpoints.
import { BridgeError, type ErrorCode } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { present } from '../../present.ts'
import type { ProviderRules, RulesOf } from '../../providerRules.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import { atPath } from './atPath.ts'
import type { JsonObject } from './body.ts'
import { fetchDocument, NO_METADATA } from './fetchJson.ts'
import { isTenantForm, requireIssuer } from './issuerName.ts'
import { authorizationServerMembers, strings } from './members.ts'
import type { SecurityOverrides } from './overrides.ts'
import { listAsked, type Result, search, tellingError } from './search.ts'

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

/**
 * RFC 8414 section 3.1 and OpenID Connect Discovery section 4, in the order of the MCP specification; then, against RFC 8414 but in
 * use, the OAuth document below the issuer's own path.
 */
export function metadataUrls(issuer: URL): URL[] {
  const path = issuer.pathname.replace(/\/$/, '')
  const at = (pathname: string) => atPath(issuer, pathname)
  const insert = [at(`/.well-known/oauth-authorization-server${path}`), at(`/.well-known/openid-configuration${path}`)]
  const append = ['openid-configuration', 'oauth-authorization-server'].map((name) => at(`${path}/.well-known/${name}`))
  return path === '' ? insert : [...insert, ...append]
}

/** The metadata of a server whose issuer is known. @throws BridgeError `details.gone` if it is not there: it cannot be reached or publishes nothing */
export async function fetchMetadata(options: MetadataOptions, issuer: string): Promise<FoundMetadata> {
  if (!URL.canParse(issuer))
    throw new BridgeError('discovery_failed', {
      message: `The issuer ${quote(issuer)} is not a URL.`,
      details: { gone: true },
    })
  const written = configuredMetadata(options, issuer)
  if (written) return { metadata: written, published: undefined }
  const url = new URL(issuer)
  requireSecure(url, options.allowHttp, 'issuer')
  const { found, asked } = await searchMetadata(options, metadataUrls(url), (published) =>
    mergeMetadata(options, issuer, published),
  )
  if (found) return found
  throw (
    tellingError(asked, url.origin) ??
    new BridgeError('discovery_failed', {
      message: `The authorization server ${quote(issuer)} publishes no metadata (${listAsked(asked, url.origin)}).`,
      details: { gone: true },
    })
  )
}

/**
 * Asks `urls` for metadata until `merge` takes a document. One that is complete and must not be used ends the search: what a server says wrongly
 * about itself is not passed over. `passesOver`: except for this error.
 * @throws BridgeError where an address is not secure, before anything is sent */
export function searchMetadata(
  { http, allowHttp }: MetadataOptions,
  urls: readonly URL[],
  merge: (published: Published) => AuthorizationServerMetadata,
  passesOver?: ErrorCode,
): Promise<Result<FoundMetadata>> {
  for (const url of urls) requireSecure(url, allowHttp, 'issuer')
  return search<FoundMetadata>({
    urls,
    async ask(url, wholeMs) {
      const answer = await fetchDocument(http, url, {}, wholeMs)
      return 'document' in answer || !answer.error
        ? answer
        : { ...answer, error: ofAuthorizationServer(answer.error, url) }
    },
    read(document, url) {
      if (KNOWN_BY.every((name) => document[name] === undefined)) return NO_METADATA
      const published = { document, url: url.href }
      return { value: { metadata: merge(published), published } }
    },
    ends: ({ kind, error }) => kind === 'refused' && isFault(error) && error?.code !== passesOver,
  })
}

/** Of a document that has all it must have. */
const isFault = (error: BridgeError | undefined) =>
  error !== undefined && error.code !== 'redirect_refused' && error.details.incomplete !== true

/** A document that has none of these is something else. */
const KNOWN_BY = ['issuer', 'authorization_endpoint', 'token_endpoint']

/** The configured metadata or that of a preset, if it is complete and nothing needs to be fetched. */
export function configuredMetadata(options: MetadataOptions, issuer: string): AuthorizationServerMetadata | undefined {
  const given = configuredMembers(options, issuer)
  if (REQUIRED_URLS.some((name) => given[name] === undefined)) return undefined
  return validateMetadata({ issuer, ...given }, issuer, issuer, options)
}

/** Configured values override published ones; the result, and where it is from, is checked each time. @throws BridgeError issuer_mismatch, pkce_unsupported, discovery_failed */
export function mergeMetadata(
  options: MetadataOptions,
  issuer: string,
  { document, url }: Published,
): AuthorizationServerMetadata {
  const place = new URL(url)
  requireSecure(place, options.allowHttp, 'issuer')
  if (place.origin !== new URL(issuer).origin) throw fromElsewhere(place, issuer)
  return validateMetadata({ ...document, ...configuredMembers(options, issuer) }, issuer, url, options)
}

/** RFC 8414 section 3: only the issuer's own host speaks for it, whatever issuer a document names. */
const fromElsewhere = (place: URL, issuer: string) =>
  new BridgeError('discovery_failed', {
    message: `The metadata at ${quote(place.href)} is not at the host of the issuer ${quote(issuer)}.`,
  })

const configuredMembers = ({ rules }: MetadataOptions, issuer: string) =>
  filled(rules(issuer).metadata, new URL(issuer))

/** Nothing at the address of the server: neither its name nor its port. */
const GONE = /^(ENOTFOUND|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/

/** A failed metadata request is an error of the authorization server, not of the MCP server. */
function ofAuthorizationServer(error: BridgeError, { origin }: URL): BridgeError {
  if (error.code !== 'server_unreachable' && error.code !== 'server_timeout') return error
  return new BridgeError('authorization_server_unreachable', {
    message: `The authorization server ${quote(origin)} cannot be reached: ${error.message}`,
    details: { ...error.details, ...(GONE.test(String(error.details.reason)) ? { gone: true } : {}) },
    cause: error,
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
  requireIssuer(document.issuer, issuer, place, rules, options)
  for (const name of [...REQUIRED_URLS, ...OPTIONAL_URLS]) {
    const endpoint = document[name]
    if (endpoint === undefined && !REQUIRED_URLS.includes(name)) continue
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) {
      throw new BridgeError('discovery_failed', {
        message: `The metadata of ${quote(issuer)} ${written[name] === undefined ? 'has no' : 'has no usable'} ${name}.`,
        details: { incomplete: true },
        hint: `Tell the owner of the authorization server, or set ${REQUIRED_URLS.join(' and ')} of its provider in config.yaml.`,
      })
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
  if (!isSecure(url, allowHttp)) throw insecure(url, what)
}

/** Why nothing is sent there. */
export function insecure(url: URL, what: string): BridgeError {
  const hint = url.protocol === 'http:' ? hintFor(what, url) : undefined
  return new BridgeError('discovery_failed', {
    message: `The ${what} has the scheme and host ${quote(`${url.protocol}//${url.host}`)}. It must be https, or http on loopback.`,
    ...present({ hint }),
    // Of several authorization servers, another one may be asked.
    ...(what === 'issuer' ? { details: { gone: true } } : {}),
  })
}

/** A server behind a proxy often writes http although it is reached by https. Only an issuer is shown whole: an endpoint may contain anything. */
function hintFor(what: string, { host, pathname }: URL): string {
  if (what === 'issuer')
    return `If its https form works, set issuer: ${quote(`https://${host}${pathname === '/' ? '' : pathname}`, 2_000)} of its provider in config.yaml, and tell the server’s owner.`
  if (what === 'resource_metadata' || what === 'registration_endpoint')
    return 'Tell the server’s owner to publish its https form, if it answers there.'
  return `If its https form works, set that as ${what} of its provider in config.yaml, and tell the server’s owner.`
}
