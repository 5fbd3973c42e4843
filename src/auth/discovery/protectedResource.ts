// From a challenge to the authorization server: the metadata of the protected resource (RFC 9728), then that of the server it names.
import { BridgeError } from '../../errors.ts'
import type { Challenge } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import {
  type AuthorizationServerMetadata,
  defaultIssuer,
  fetchDefaultMetadata,
  fetchMetadata,
  type MetadataOptions,
  type Published,
  requireSecure,
} from './authorizationServer.ts'
import { fetchJson, type JsonObject } from './fetchJson.ts'
import { protectedResourceMembers, strings } from './members.ts'

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

/** @throws BridgeError discovery_failed, issuer_mismatch, resource_mismatch, pkce_unsupported, server_unreachable, … */
export async function discover(options: DiscoveryOptions, challenge: Challenge): Promise<Discovered> {
  const { resource, issuer, scopesSupported, dpop } = (await findResource(options, challenge)) ?? {}
  const named = options.issuer ?? issuer ?? options.rules(undefined).issuer
  const { metadata, published } = await (named === undefined
    ? fetchDefaultMetadata(options, options.server.origin)
    : fetchMetadata(options, named))
  const found = named ?? defaultIssuer(options.server, metadata.issuer)
  return { issuer: found, metadata, published, resource, scopesSupported, dpop }
}

/** RFC 9728 section 3.1: the URL in the challenge, else the well-known URL with the path, else the one at the root. */
export function resourceMetadataUrls(server: URL, challenge: Challenge): URL[] {
  const named = challenge.resourceMetadata
  if (named !== undefined && URL.canParse(named)) return [new URL(named)]
  const root = new URL('/.well-known/oauth-protected-resource', server)
  const path = server.pathname === '/' ? [] : [new URL(root.pathname + server.pathname + server.search, server)]
  return [...path, root]
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
    const written = await fetchJson(http, url, url.origin === server.origin ? serverHeaders : {})
    const document = written && protectedResourceMembers(written)
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
