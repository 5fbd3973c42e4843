// From a challenge to the authorization server: the metadata of the protected resource (RFC 9728), then that of the server it names.
import { BridgeError } from '../../errors.ts'
import type { Challenge } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import {
  type AuthorizationServerMetadata,
  fetchMetadata,
  insecure,
  type MetadataOptions,
  type Published,
} from './authorizationServer.ts'
import type { JsonObject } from './body.ts'
import { fetchDocument, NO_METADATA, type Nothing } from './fetchJson.ts'
import { protectedResourceMembers, strings } from './members.ts'
import { findOwnMetadata } from './ownMetadata.ts'
import { isUncertain, type Result, search, tellingError, withMore } from './search.ts'

export interface Discovered {
  /** The issuer under which the metadata was found: it identifies this server for credentials and tokens. */
  readonly issuer: string
  readonly metadata: AuthorizationServerMetadata
  /** The part of it that may be cached. */
  readonly published: Published | undefined
  /** RFC 8707 resource, byte for byte as the protected resource names itself. */
  readonly resource: string | undefined
  readonly scopesSupported: readonly string[] | undefined
  /** 'wanted': the protected resource takes or requires DPoP (RFC 9728 section 2). */
  readonly dpop: 'wanted' | undefined
}

export interface DiscoveryOptions extends MetadataOptions {
  readonly server: URL
  /** Headers a person configured for the server; they are sent only to its own origin. */
  readonly serverHeaders: Readonly<Record<string, string>>
  /** Configured issuer; overrides what the server names. */
  readonly issuer: string | undefined
}

/** Authorization servers of one document that are asked. */
const MOST_ISSUERS = 5

/** @throws BridgeError discovery_failed, issuer_mismatch, resource_mismatch, pkce_unsupported, server_unreachable, … */
export async function discover(options: DiscoveryOptions, challenge: Challenge): Promise<Discovered> {
  const { found, asked } = await findResource(options, challenge)
  const { resource, issuers, scopesSupported, dpop } = found ?? {}
  const named = options.issuer ?? issuers ?? options.rules(undefined).issuer
  const isOlder = !found && challenge.status === 401 && challenge.resourceMetadata === undefined
  const { issuer, metadata, published } = await (named === undefined
    ? findOwnMetadata(options, options.server, { asked, server: isOlder ? 'older' : 'newer' })
    : fetchFirst(options, [named].flat()))
  return { issuer, metadata, published, resource, scopesSupported, dpop }
}

/** RFC 9728 section 3.1: the URLs in the challenge, then the well-known URL with the path, then the one at the root. */
export function resourceMetadataUrls(server: URL, challenge: Challenge): URL[] {
  const root = new URL('/.well-known/oauth-protected-resource', server)
  const path = server.pathname === '/' ? [] : [new URL(root.pathname + server.pathname + server.search, server)]
  const urls = new Map([...namedUrls(server, challenge), ...path, root].map((url) => [url.href, url]))
  return [...urls.values()]
}

function namedUrls(server: URL, { resourceMetadata, moreResourceMetadata = [] }: Challenge): URL[] {
  const texts = resourceMetadata === undefined ? [] : [resourceMetadata, ...moreResourceMetadata]
  return texts.flatMap((text) => parsed(text, server))
}

/** Also a path, which some servers write instead of a URL. */
function parsed(text: string, server: URL): URL[] {
  if (URL.canParse(text)) return [new URL(text)]
  return text.startsWith('/') && URL.canParse(text, server.href) ? [new URL(text, server)] : []
}

interface ProtectedResource {
  /** undefined: the document, which is the server's own, does not say. */
  readonly resource: string | undefined
  readonly issuers: readonly string[] | undefined
  readonly scopesSupported: readonly string[] | undefined
  readonly dpop: 'wanted' | undefined
}

/** @throws BridgeError resource_mismatch; and where it is uncertain whether there is a document, so that no guess replaces it */
async function findResource(options: DiscoveryOptions, challenge: Challenge): Promise<Result<ProtectedResource>> {
  const { http, server, serverHeaders, allowHttp, issuer } = options
  const named = namedUrls(server, challenge)
  const result = await search<ProtectedResource>({
    urls: resourceMetadataUrls(server, challenge),
    async ask(url, wholeMs) {
      const headers = url.origin === server.origin ? serverHeaders : {}
      return isSecure(url, allowHttp) ? fetchDocument(http, url, headers, wholeMs) : notAsked(url)
    },
    read: (document, url) => asResource(document, url, options),
    // A server that describes another one is not asked in other ways, except where it names them.
    ends: (nothing, { href }) => isMismatch(nothing) && !named.slice(0, -1).some((followed) => followed.href === href),
  })
  if (result.found) return result
  const { asked } = result
  const mismatched = asked.filter(({ nothing }) => isMismatch(nothing))
  const uncertain = asked.filter(isUncertain)
  const hindering =
    issuer === undefined ? uncertain : uncertain.filter(({ url, nothing }) => isSilent(url, nothing, server))
  const error = tellingError(mismatched.length > 0 ? mismatched : hindering, server.origin, asked)
  if (error) throw error
  return result
}

const isMismatch = ({ error }: Nothing) => error?.code === 'resource_mismatch'

/** A configured issuer needs no resource metadata; but a server that does not answer at all takes no token either. */
const isSilent = (url: URL, { error }: Nothing, server: URL) =>
  url.origin === server.origin && error?.details.status === undefined

/** What the challenge names by plain http: nothing is sent there. */
const notAsked = (url: URL): Nothing => ({
  kind: 'refused',
  gave: `not asked, because of ${quote(url.protocol)}`,
  error: insecure(url, 'resource_metadata'),
})

/** A document without these is something else. */
const KNOWN_BY = ['resource', 'authorization_servers']

/** @throws BridgeError resource_mismatch, or discovery_failed where it does not say whose metadata it is */
function asResource(
  written: JsonObject,
  url: URL,
  { server, trustedResource }: DiscoveryOptions,
): { readonly value: ProtectedResource } | Nothing {
  if (KNOWN_BY.every((name) => written[name] === undefined)) return NO_METADATA
  const document = protectedResourceMembers(written)
  const resource = typeof document.resource === 'string' ? document.resource : undefined
  const issuers = strings(document.authorization_servers)
  if (resource === undefined) {
    // The server's own word about itself: tokens are then requested for exactly its own address.
    const isOwn = url.origin === server.origin && issuers !== undefined
    if (!isOwn) throw withoutResource(url)
  } else if (!isFor(resource, server) && !(resource === trustedResource && isOtherScheme(resource, server)))
    throw mismatch(resource, url, server, trustedResource)
  const scopesSupported = strings(document.scopes_supported)
  return { value: { resource, issuers, scopesSupported, dpop: wantsDpop(document) } }
}

const withoutResource = (url: URL) =>
  new BridgeError('discovery_failed', {
    message: `The metadata at ${quote(url.href)} has no resource, so it does not say which server it is for.`,
    hint: 'Tell the server’s owner that resource is required (RFC 9728), or set issuer of its provider in config.yaml.',
  })

/** The same server, but for the scheme and the port: one behind a proxy may not know by which it is reached. */
export function isOtherScheme(resource: string, server: URL): boolean {
  if (!URL.canParse(resource)) return false
  const { protocol, hostname, port, pathname, search: query, username, password } = new URL(resource)
  const isWeb = protocol === 'http:' || protocol === 'https:'
  const isSame = isWeb && hostname === server.hostname && port === server.port && username === '' && password === ''
  const { origin } = server
  const fragment = resource.includes('#') ? '#' : ''
  return isSame && protocol !== server.protocol && isFor(origin + pathname + query + fragment, server)
}

const mismatch = (resource: string, url: URL, server: URL, trusted: string | undefined) =>
  new BridgeError('resource_mismatch', {
    message: `The metadata at ${quote(url.href)} is for ${quote(resource)}, not for ${quote(server.href)}.${isOtherScheme(resource, server) ? OTHER_SCHEME : resource === trusted ? ` ${UNTRUSTED}` : ''}`,
    ...(isOtherScheme(resource, server)
      ? {
          hint: `Tell the server’s owner: the proxy in front of it has probably lost the scheme. To trust exactly this name, set for the server in config.yaml: trusted_resource: ${quote(resource, 2_000)}.`,
        }
      : {}),
  })

/** What an exception for another host or path does. */
export const UNTRUSTED = 'trusted_resource has no effect here: it covers the same address with another scheme only.'

const OTHER_SCHEME = ' They differ in the scheme: http and https.'

const wantsDpop = (document: JsonObject) =>
  document.dpop_bound_access_tokens_required === true ||
  strings(document.dpop_signing_alg_values_supported)?.includes('ES256')
    ? 'wanted'
    : undefined

/**
 * The resource is the server's URL or a part of the tree above it at the same origin. It has no fragment (RFC 8707 section 2), and no
 * query but the server's own, which it may leave out (RFC 9728 section 3.3).
 */
function isFor(resource: string, server: URL): boolean {
  if (!URL.canParse(resource) || resource.includes('#')) return false
  const { origin, pathname, search: query, username, password } = new URL(resource)
  if (username !== '' || password !== '' || (query !== '' && query !== server.search)) return false
  const above = pathname.endsWith('/') ? pathname : `${pathname}/`
  return origin === server.origin && `${server.pathname}/`.startsWith(above)
}

/**
 * The first of the servers that is there. One that answers wrongly or fails for a moment is not passed over: only the server's own list is
 * a choice.
 */
async function fetchFirst(options: DiscoveryOptions, issuers: readonly string[]) {
  const gone: BridgeError[] = []
  for (const issuer of [...new Set(issuers)].slice(0, MOST_ISSUERS)) {
    try {
      return { issuer, ...(await fetchMetadata(options, issuer)) }
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      if (thrown.details.gone !== true) throw gone.length > 0 ? withMore(thrown, before(gone)) : thrown
      gone.push(thrown)
    }
  }
  const [first, ...more] = gone
  if (first && more.length > 0) throw withMore(first, `The others that the server names: ${before(more)}`)
  throw first ?? new BridgeError('discovery_failed')
}

const before = (errors: readonly BridgeError[]) => errors.map(({ message }) => message).join(' ')
