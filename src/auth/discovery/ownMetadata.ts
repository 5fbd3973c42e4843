// A server without resource metadata is its own authorization server, or names one (MCP 2025-03-26): its documents, or else the default endpoints.
import { BridgeError } from '../../errors.ts'
import { isSecure } from '../../secureUrl.ts'
import {
  type AuthorizationServerMetadata,
  configuredMetadata,
  type FoundMetadata,
  fetchMetadata,
  type MetadataOptions,
  mergeMetadata,
  metadataUrls,
  type Published,
  searchMetadata,
} from './authorizationServer.ts'
import type { Nothing } from './fetchJson.ts'
import { withoutSlash } from './issuerName.ts'
import { defaultEndpoints, isTrustedPair } from './overrides.ts'
import { type Asked, listAsked, type Result, tellingError } from './search.ts'

export interface OwnMetadata extends FoundMetadata {
  readonly issuer: string
}

export interface Before {
  /** The addresses that had no resource metadata. */
  readonly asked: readonly Asked[]
  /** 'older': a server that asks for a sign-in, and does not know resource metadata. */
  readonly server: 'older' | 'newer'
}

/** The authorization server of a server that has no resource metadata. @throws BridgeError discovery_failed, issuer_mismatch, … */
export async function findOwnMetadata(options: MetadataOptions, server: URL, before: Before): Promise<OwnMetadata> {
  const { origin } = server
  const written = configuredMetadata(options, origin)
  if (written) return { issuer: origin, metadata: written, published: undefined }
  const { found, asked } = await searchOwn(options, server)
  if (found) return { ...found, issuer: issuerOf(found, server) }
  const named = await fetchNamed(options, server, asked)
  if (named) return named
  const all = [...before.asked, ...asked]
  if (before.server === 'older' || options.allowMissingS256) {
    const defaults = unpublished(origin, all)
    if (defaults) return { issuer: origin, ...defaults }
  }
  throw tellingError(all, origin) ?? nothingPublished(origin, all)
}

/**
 * The metadata of a server that issued tokens as its own authorization server. Tokens stay with their issuer: a document that names another
 * one is refused.
 */
export async function fetchOwnMetadata(options: MetadataOptions, server: URL): Promise<FoundMetadata> {
  const { origin } = server
  const written = configuredMetadata(options, origin)
  if (written) return { metadata: written, published: undefined }
  const { found, asked } = await searchOwn(options, server)
  if (found && withoutSlash(issuerOf(found, server)) === origin) return found
  const defaults = found ? undefined : unpublished(origin, asked)
  if (defaults) return defaults
  throw tellingError(asked, origin) ?? nothingPublished(origin, asked)
}

/** What was published before, under today's rules. @throws BridgeError where they do not take it */
export const mergeOwnMetadata = (
  options: MetadataOptions,
  origin: string,
  published: Published,
): AuthorizationServerMetadata =>
  mergeMetadata(options, spelled(origin, published.document.issuer) ?? origin, published)

/** At its root, then for the path of its address. The issuer is our own guess here, so both spellings are accepted. */
function searchOwn(options: MetadataOptions, server: URL): Promise<Result<FoundMetadata>> {
  const root = metadataUrls(new URL(server.origin))
  const below = server.pathname === '/' ? [] : metadataUrls(server)
  const merge = (published: Published) => {
    const guess = below.some(({ href }) => href === published.url) && spelled(pathOf(server), published.document.issuer)
    return guess ? mergeMetadata(options, guess, published) : mergeOwnMetadata(options, server.origin, published)
  }
  // At a guessed address, a document of another issuer may be that of another service.
  return searchMetadata(options, [...root, ...below], merge, 'issuer_mismatch')
}

const pathOf = (server: URL) => withoutSlash(server.origin + server.pathname)

/** `name` with or without a slash, as `named` spells it; undefined: that is another name. */
const spelled = (name: string, named: unknown) =>
  typeof named === 'string' && (named === name || named === `${name}/`) ? named : undefined

/** A trusted pair keeps the name under which it was found. */
const issuerOf = ({ metadata: { issuer } }: FoundMetadata, server: URL) =>
  spelled(server.origin, issuer) ?? spelled(pathOf(server), issuer) ?? server.origin

/**
 * A document for another issuer says, as resource metadata would, which authorization server to ask. It is not used itself: the metadata comes
 * from that issuer's own address, with all checks. undefined: no document does, or the issuer publishes nothing there.
 */
async function fetchNamed(
  options: MetadataOptions,
  server: URL,
  asked: readonly Asked[],
): Promise<OwnMetadata | undefined> {
  const [issuer] = asked.flatMap(({ nothing }) => otherIssuer(nothing))
  if (issuer === undefined || !isSecure(new URL(issuer), options.allowHttp)) return undefined
  if (isTrustedPair({ expected: server.origin, named: issuer }, options)) return undefined
  try {
    return { issuer, ...(await fetchMetadata(options, issuer)) }
  } catch (thrown) {
    if (thrown instanceof BridgeError && thrown.code === 'discovery_failed' && thrown.details.gone === true)
      return undefined
    throw thrown
  }
}

const otherIssuer = ({ error }: Nothing): string[] => {
  const named = error?.code === 'issuer_mismatch' ? error.details.named : undefined
  return typeof named === 'string' && URL.canParse(named) ? [named] : []
}

/** Only where each address says that there is no document, so that there is none whose silence could mean anything. S256 is sent. */
const unpublished = (origin: string, asked: readonly Asked[]): FoundMetadata | undefined =>
  asked.every(({ nothing }) => nothing.kind === 'absent')
    ? { metadata: defaultEndpoints(origin), published: undefined }
    : undefined

const nothingPublished = (origin: string, asked: readonly Asked[]) =>
  new BridgeError('discovery_failed', {
    message: `The server ${origin} publishes no metadata (${listAsked(asked, origin)}).`,
    hint: 'Check that the URL is the MCP endpoint; set issuer of its provider in config.yaml. If the server implements MCP 2025-03-26, allow_missing_s256: true uses the default endpoints.',
  })

/**
 * Why registration failed at the default endpoints: often they do not exist, as at a server that wants a key and no sign-in.
 * Any other error is returned as it is.
 */
export function explainDefaults(error: unknown, metadata: AuthorizationServerMetadata): unknown {
  if (!(error instanceof BridgeError) || error.code !== 'registration_failed' || !isDefault(metadata)) return error
  const addresses = metadataUrls(new URL(metadata.issuer))
    .map(({ pathname }) => pathname)
    .join(', ')
  return new BridgeError('discovery_failed', {
    message: `The server ${metadata.issuer} publishes no metadata at any well-known address (${addresses}), and its default endpoint ${metadata.registration_endpoint} registers no client: ${error.message}`,
    hint: 'Check that the URL is the MCP endpoint. If the server wants a key instead of a sign-in, pass it with --header-file. If it has an authorization server elsewhere, set issuer of its provider in config.yaml; if you have a client there, pass --client-id.',
    details: error.details,
    cause: error,
  })
}

/** These are the default endpoints, of a server that publishes nothing. */
export const isDefault = (metadata: AuthorizationServerMetadata): boolean => {
  const defaults = Object.entries(defaultEndpoints(metadata.issuer))
  return Object.keys(metadata).length === defaults.length && defaults.every(([name, value]) => metadata[name] === value)
}
