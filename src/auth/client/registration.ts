// Dynamic client registration (RFC 7591): the only file that imports oauth4webapi.
import * as oauth4webapi from 'oauth4webapi'
import { secretEnd } from '../../bounds.ts'
import { BridgeError, reworded } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { present } from '../../present.ts'
import type { RegisteredClient } from '../../records.ts'
import { registerSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { jsonObject } from '../discovery/body.ts'
import { name, text } from '../discovery/members.ts'
import { chooseAuthMethod } from '../oauth/authentication.ts'
import { translateOAuthError } from '../oauth/errors.ts'
import { fetchThrough } from '../oauth/fetch.ts'
import { firstRequest, nextRequest, type RegistrationRequest } from './registrationRequest.ts'

/** How many requests one registration may take. */
const MOST_TRIES = 7

/**
 * Dynamic client registration (RFC 7591) as a native application. A server that refuses something of the request that nobody configured
 * is asked without it. `scope`: for a server that wants to know the scopes in advance. @throws BridgeError registration_failed, redirect_uri_mismatch
 */
export async function registerClient(
  http: HttpClient,
  metadata: AuthorizationServerMetadata,
  redirectUri: string,
  timeoutMs: number,
  scope?: string,
): Promise<RegisteredClient> {
  if (metadata.registration_endpoint === undefined) throw nothingToBe(metadata, redirectUri)
  let request = firstRequest(metadata, redirectUri, scope)
  for (let tries = 1; ; tries++) {
    const outcome = await register(http, metadata, request, timeoutMs)
    if ('client' in outcome)
      return {
        ...outcome.client,
        ...present({ redirectUri: request.redirectUri === redirectUri ? undefined : request.redirectUri }),
      }
    const { refusal, said } = outcome
    const next = tries < MOST_TRIES && isAboutRequest(refusal) ? nextRequest(request, said) : undefined
    if (!next) throw refusal
    request = next
  }
}

/** Not a refusal of whoever asks. */
const isAboutRequest = ({ details }: BridgeError) =>
  details.status === 400 ||
  details.status === 422 ||
  (typeof details.error === 'string' && /^(?:invalid|unsupported|bad|unapproved)_(?!token|client$)/.test(details.error))

type Outcome = { readonly client: RegisteredClient } | { readonly refusal: BridgeError; readonly said: string }

async function register(
  http: HttpClient,
  metadata: AuthorizationServerMetadata,
  { body }: RegistrationRequest,
  timeoutMs: number,
): Promise<Outcome> {
  let said = ''
  const fetch = fetchThrough(http, timeoutMs)
  const heard: typeof fetch = async (...asked) => {
    const response = await fetch(...asked)
    said = await response.clone().text()
    return response
  }
  try {
    const response = await oauth4webapi.dynamicClientRegistrationRequest(
      metadata as oauth4webapi.AuthorizationServer,
      body as Partial<oauth4webapi.OmitSymbolProperties<oauth4webapi.Client>>,
      { [oauth4webapi.customFetch]: heard, [oauth4webapi.allowInsecureRequests]: true },
    )
    const registered = await oauth4webapi.processDynamicClientRegistrationResponse(await completed(response))
    return { client: { ...clientOf(registered, metadata), ...present({ management: managementOf(said, metadata) }) } }
  } catch (thrown) {
    return { refusal: refusalOf(translateOAuthError(thrown, metadata.issuer), said, body), said }
  }
}

function clientOf(
  registered: oauth4webapi.OmitSymbolProperties<oauth4webapi.Client>,
  metadata: AuthorizationServerMetadata,
): RegisteredClient {
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
}

/** RFC 7592 section 3; only at the origin that registers, because the token goes there. */
function managementOf(said: string, { registration_endpoint: endpoint }: AuthorizationServerMetadata) {
  const { registration_client_uri: uri, registration_access_token: token } = jsonObject(said) ?? {}
  if (typeof uri !== 'string' || typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined
  const isThere = URL.canParse(uri) && new URL(uri).origin === new URL(String(endpoint)).origin
  return isThere ? { uri, token } : undefined
}

function refusalOf(error: BridgeError, said: string, { redirect_uris }: RegistrationRequest['body']): BridgeError {
  const { code } = error
  const uris = [redirect_uris].flat().join(' ')
  if (code === 'redirect_uri_mismatch')
    return reworded(error, {
      hint: `Tell the server’s owner that it must accept the redirect URI ${uris} or register a client with it there, and pass --client-id.`,
    })
  if (error.code !== 'login_failed' && error.code !== 'invalid_client') return error
  // An answer that is not an OAuth error is quoted as it is, unless it is a page, or quoted already.
  const isQuoted = error.message.includes(' It says ')
  const words =
    error.details.error === undefined && !isQuoted && said !== '' && !said.trimStart().startsWith('<')
      ? ` It says ${quote(said)}.`
      : ''
  return new BridgeError('registration_failed', {
    message: `The authorization server refused to register this client: ${error.message}${words}`,
    hint: `Ask the server’s owner, or register a client with the provider, with exactly the redirect URI ${uris} and pass --client-id (and --client-secret-file).`,
    cause: error,
    details: error.details,
  })
}

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
