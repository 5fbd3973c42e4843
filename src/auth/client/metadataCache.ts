// The metadata of an authorization server between runs: what it published is remembered for a day, and checked anew at each use.
import type { Cache, Clock } from '../../ports.ts'
import {
  type AuthorizationServerMetadata,
  configuredMetadata,
  fetchMetadata,
  type MetadataOptions,
  mergeMetadata,
  type Published,
} from '../discovery/authorizationServer.ts'
import { fetchOwnMetadata, mergeOwnMetadata } from '../discovery/ownMetadata.ts'

export interface MetadataCacheOptions extends MetadataOptions {
  readonly cache: Cache
  readonly clock: Clock
  /** The issuer that a person configured. */
  readonly issuer?: string | undefined
  /** The MCP server. */
  readonly server?: URL | undefined
  /** Names the trust and the overrides under which documents are fetched: what was had under others is not believed. */
  readonly bounds?: string | undefined
}

export interface MetadataCache {
  /** @throws BridgeError discovery_failed, issuer_mismatch, pkce_unsupported, … */
  load(issuer: string): Promise<AuthorizationServerMetadata>
  /** The metadata an issuer published, for a day; without configured endpoints. */
  remember(issuer: string, published: Published | undefined): Promise<void>
}

const METADATA_MS = 24 * 60 * 60 * 1000

export function createMetadataCache(options: MetadataCacheOptions): MetadataCache {
  const { cache, clock, server, bounds = '' } = options
  const nameOf = (issuer: string) => `published:${bounds} ${issuer}`

  /** Under today's rules. undefined: nothing is remembered, or the rules refuse it, so that what is published now decides. */
  const recall = async (issuer: string, isGuess: boolean) => {
    const published = asPublished(await cache.get(nameOf(issuer), clock.now()))
    if (!published) return undefined
    try {
      return (
        configuredMetadata(options, issuer) ?? (isGuess ? mergeOwnMetadata : mergeMetadata)(options, issuer, published)
      )
    } catch {
      return undefined
    }
  }

  const remember: MetadataCache['remember'] = async (issuer, published) => {
    if (published) await cache.put(nameOf(issuer), published, clock.now() + METADATA_MS)
  }

  return {
    remember,
    async load(issuer) {
      const guessed = options.issuer === undefined && issuer === server?.origin ? server : undefined
      const known = await recall(issuer, guessed !== undefined)
      if (known) return known
      const { metadata, published } = await (guessed
        ? fetchOwnMetadata(options, guessed)
        : fetchMetadata(options, issuer))
      await remember(issuer, published)
      return metadata
    },
  }
}

/** A row of the cache, if it has the format of this version. */
function asPublished(value: unknown): Published | undefined {
  const { document, url } = (value ?? {}) as Partial<Published>
  const usable = typeof document === 'object' && document !== null && typeof url === 'string' && URL.canParse(url)
  return usable ? { document, url } : undefined
}
