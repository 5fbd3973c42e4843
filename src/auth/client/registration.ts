// Dynamic client registration (RFC 7591): the only file that imports oauth4webapi.
import * as oauth4webapi from 'oauth4webapi'
import { secretEnd } from '../../bounds.ts'
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import type { RegisteredClient } from '../../records.ts'
import { registerSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { name, text } from '../discovery/members.ts'
import { chooseAuthMethod } from '../oauth/authentication.ts'
import { translateOAuthError } from '../oauth/errors.ts'
import { fetchThrough } from '../oauth/fetch.ts'
import { DEVICE_GRANT } from '../oauth/grantTypes.ts'

/** Dynamic client registration (RFC 7591) as a native application. @throws BridgeError registration_failed */
export async function registerClient(
  http: HttpClient,
  metadata: AuthorizationServerMetadata,
  redirectUri: string,
  timeoutMs: number,
): Promise<RegisteredClient> {
  if (metadata.registration_endpoint === undefined) throw nothingToBe(metadata, redirectUri)
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
    const registered = await oauth4webapi.processDynamicClientRegistrationResponse(await completed(response))
    const {
      client_secret: clientSecret,
      client_secret_expires_at: expires,
      token_endpoint_auth_method: method,
    } = registered
    const secret = typeof clientSecret === 'string' ? { clientSecret } : {}
    return {
      clientId: registered.client_id,
      ...secret,
      // RFC 7591 section 3.2.1: seconds, and 0 for never.
      ...(secretEnd(expires) > 0 ? { secretExpiresAt: secretEnd(expires) * 1000 } : {}),
      // If a server returns a secret without a method, it expects the secret.
      authMethod: typeof method === 'string' ? method : chooseAuthMethod(metadata, secret),
    }
  } catch (thrown) {
    const error = translateOAuthError(thrown, metadata.issuer)
    if (error.code !== 'login_failed' && error.code !== 'invalid_client') throw error
    throw new BridgeError('registration_failed', {
      message: `The authorization server refused to register this client: ${error.message}`,
      cause: thrown,
    })
  }
}

const deviceGrant = (metadata: AuthorizationServerMetadata) =>
  metadata.device_authorization_endpoint === undefined ? [] : [DEVICE_GRANT]

/**
 * RFC 7591 section 3.2.1 requires status 201, and an expiry with a secret. Some servers answer 200, omit the
 * expiry, or write it in another form: a value that is not a time becomes 0 (never). A secret or a method that is not a text is ignored.
 */
async function completed(response: Response): Promise<Response> {
  if (response.status !== 200) return response
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  if (typeof body !== 'object' || body === null) return response
  const members = body as Record<string, unknown>
  const secret = name(members.client_secret)
  registerSecret(
    [secret, members.registration_access_token].filter((one) => typeof one === 'string'),
    'client',
  )
  const known = {
    client_id: name(members.client_id),
    token_endpoint_auth_method: text(members.token_endpoint_auth_method)?.trim(),
    client_secret_expires_at: secretEnd(members.client_secret_expires_at),
  }
  return Response.json({ ...known, ...(secret === undefined ? {} : { client_secret: secret }) }, { status: 201 })
}

/** There is no way to get a client: a person has to register one. */
function nothingToBe({ issuer }: AuthorizationServerMetadata, redirectUri: string): BridgeError {
  return new BridgeError('registration_failed', {
    message: `The authorization server ${quote(issuer)} does not support dynamic client registration. Register a client there with exactly the redirect URI ${redirectUri} and pass --client-id (and --client-secret-file).`,
  })
}
