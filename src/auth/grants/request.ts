// The parameters of a sign-in, whatever its grant: authorization server, options, scopes and resource.
import type { HttpClient } from '../../ports.ts'
import { present } from '../../present.ts'
import type { ProviderRules, RulesOf } from '../../providerRules.ts'
import type { Addition, Challenge } from '../../records.ts'
import { resourceName } from '../../redaction/shownUrl.ts'
import { type Configured, leaveOut } from '../client/additions.ts'
import type { Clients } from '../client/clients.ts'
import type { AuthorizationServerMetadata, Published } from '../discovery/authorizationServer.ts'
import type { SecurityOverrides } from '../discovery/overrides.ts'
import { type Discovered, discover } from '../discovery/protectedResource.ts'
import { selectScopes } from '../tokens/scopes.ts'

export interface RequestOptions extends SecurityOverrides {
  readonly http: HttpClient
  /** Refuses an address that a browser must not be sent to. @throws BridgeError address_refused */
  readonly checkAddress?: (url: URL) => Promise<void>
  readonly rules: RulesOf
  readonly serverHeaders: Readonly<Record<string, string>>
  readonly issuer: string | undefined
  /** Configured scopes; undefined: as the servers say. */
  readonly scopes: readonly string[] | undefined
  /** RFC 8707 resource instead of the server's own; 'none' sends none. */
  readonly resource: string | undefined
  /** Claims wanted for X-User-* headers. */
  readonly claims: readonly string[]
  readonly clients: Pick<Clients, 'leftOut'>
}

export interface AuthRequest {
  /** The name of the authorization server here (`Discovered`). */
  readonly issuer: string
  readonly metadata: AuthorizationServerMetadata
  readonly published: Published | undefined
  readonly rules: ProviderRules
  readonly scope: string | undefined
  readonly resource: string | undefined
  /** What this authorization server refuses of what we add. */
  readonly leftOut: readonly Addition[]
  /** RFC 9449: 'dpop' if both servers want tokens bound to a key. */
  readonly binding: 'bearer' | 'dpop'
}

/** `who`: a program needs neither identity nor offline_access. @throws BridgeError as `discover` does */
export async function requestFor(
  options: RequestOptions,
  server: URL,
  challenge: Challenge,
  who: 'person' | 'program',
): Promise<AuthRequest> {
  const found = await discover({ ...options, server }, challenge)
  const { issuer, metadata, published } = found
  const rules = options.rules(issuer)
  const offered = Array.isArray(metadata.scopes_supported) ? metadata.scopes_supported : undefined
  const scope = selectScopes({
    challenged: challenge.scope,
    configured: options.scopes,
    resource: found.scopesSupported,
    authorizationServer: who === 'person' ? offered : undefined,
    identity: who === 'person' && options.claims.length > 0,
  })
  const sent = {
    scope: scope ?? (who === 'person' ? rules.scopes?.join(' ') : undefined),
    resource: resourceOf(options.resource, rules, found.resource ?? resourceName(server)),
  }
  const leftOut = await options.clients.leftOut.of(issuer)
  return {
    issuer,
    metadata,
    published,
    rules,
    leftOut,
    ...leaveOut(sent, leftOut),
    binding: bindingOf(challenge, found),
  }
}

/** What a person configured of the requests of a sign-in. */
export const configuredOf = ({
  scopes,
  resource,
  authorizeParameters = {},
}: Pick<RequestOptions, 'scopes' | 'resource'> & {
  readonly authorizeParameters?: Readonly<Record<string, string>>
}): Configured => ({
  scopes: scopes !== undefined,
  resource: resource !== undefined,
  parameters: Object.keys(authorizeParameters),
})

/** As parameters of a request, without those that are not set. */
export function requestParameters({ scope, resource }: AuthRequest): { scope?: string; resource?: string } {
  return present({ scope, resource })
}

function resourceOf(wanted: string | undefined, rules: ProviderRules, own: string): string | undefined {
  const resource = wanted ?? rules.resource ?? own
  return resource === 'none' ? undefined : resource
}

/** The protected resource asks for DPoP by its challenge or its metadata, and the authorization server signs with ES256. */
function bindingOf({ scheme }: Challenge, { metadata, dpop }: Discovered): 'bearer' | 'dpop' {
  const algorithms = metadata.dpop_signing_alg_values_supported
  const able = Array.isArray(algorithms) && algorithms.includes('ES256')
  return able && (scheme === 'dpop' || dpop === 'wanted') ? 'dpop' : 'bearer'
}
