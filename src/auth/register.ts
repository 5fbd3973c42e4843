// Dynamic client registration (RFC 7591), the only file that imports oauth4webapi.
import * as oauth4webapi from 'oauth4webapi'
import { BridgeError } from '../errors.ts'
import type { HttpClient, RegisteredClient } from '../ports.ts'
import type { ServerMetadata } from './discovery.ts'
import { fetchThrough } from './fetchThrough.ts'
import { translateOAuthError } from './oauthErrors.ts'

/** RFC 8628 section 3.4 */
export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

/** As a native application. @throws BridgeError registration_failed */
export async function registerClient(
  http: HttpClient,
  metadata: ServerMetadata,
  redirectUri: string,
  timeoutMs: number,
): Promise<RegisteredClient> {
  if (metadata.registration_endpoint === undefined) throw new BridgeError('registration_failed')
  const offered = metadata.token_endpoint_auth_methods_supported
  const authMethod = ['none', 'client_secret_basic', 'client_secret_post'].find(
    (name) => Array.isArray(offered) && offered.includes(name),
  )
  try {
    const response = await oauth4webapi.dynamicClientRegistrationRequest(
      metadata as oauth4webapi.AuthorizationServer,
      {
        client_name: 'mcp-oauth-bridge',
        application_type: 'native',
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token', ...deviceGrant(metadata)],
        response_types: ['code'],
        token_endpoint_auth_method: authMethod ?? 'none',
      },
      { [oauth4webapi.customFetch]: fetchThrough(http, timeoutMs), [oauth4webapi.allowInsecureRequests]: true },
    )
    const registered = await oauth4webapi.processDynamicClientRegistrationResponse(response)
    const secret = registered.client_secret
    return {
      clientId: registered.client_id,
      ...(typeof secret === 'string' ? { clientSecret: secret } : {}),
      authMethod:
        typeof registered.token_endpoint_auth_method === 'string'
          ? registered.token_endpoint_auth_method
          : (authMethod ?? 'none'),
    }
  } catch (thrown) {
    const error = translateOAuthError(thrown, metadata.issuer)
    if (error.code !== 'login_failed') throw error
    throw new BridgeError('registration_failed', {
      message: `The authorization server refused to register this client: ${error.message}`,
      cause: thrown,
    })
  }
}

const deviceGrant = (metadata: ServerMetadata) =>
  metadata.device_authorization_endpoint === undefined ? [] : [DEVICE_GRANT]
