// The metadata of the authorization server (RFC 8414, OpenID Connect Discovery 1.0): what works here, and nothing else
import { SCOPE } from '../http/protectedResource.ts'
import type { ServedServer } from '../settings.ts'

export const CLIENT_AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
export const SIGNING_ALGS = ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'] as const

export interface MetadataOptions {
  readonly publicUrl: string
  readonly registration: boolean
  readonly documents: boolean
}

/** The metadata document; the issuer is the public URL for every path that it is asked at. */
export function metadataDocument({ publicUrl, registration, documents }: MetadataOptions): Record<string, unknown> {
  return {
    issuer: publicUrl,
    authorization_endpoint: `${publicUrl}/authorize`,
    token_endpoint: `${publicUrl}/token`,
    ...(registration && { registration_endpoint: `${publicUrl}/register` }),
    revocation_endpoint: `${publicUrl}/revoke`,
    scopes_supported: [SCOPE],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: SIGNING_ALGS,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: SIGNING_ALGS,
    authorization_response_iss_parameter_supported: true,
    ...(documents && { client_id_metadata_document_supported: true }),
  }
}

/** The members that OpenID Connect Discovery demands besides; no ID token is ever issued, so no algorithm signs one. */
export const openIdDocument = (options: MetadataOptions): Record<string, unknown> => ({
  ...metadataDocument(options),
  jwks_uri: `${options.publicUrl}/.well-known/jwks.json`,
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [],
})

/**
 * Which document a path asks for: at the root, or with the path of a server behind it, as clients do that take the MCP server for the
 * issuer (RFC 8414 section 3.1).
 */
export function metadataKind(pathname: string, servers: readonly ServedServer[]): 'oauth' | 'openid' | undefined {
  const [, name, after = ''] =
    /^\/\.well-known\/(oauth-authorization-server|openid-configuration)(\/.*)?$/.exec(pathname) ?? []
  const path = after.replace(/\/$/, '')
  if (name === undefined || (path !== '' && !servers.some((server) => server.path === path))) return undefined
  return name === 'openid-configuration' ? 'openid' : 'oauth'
}
