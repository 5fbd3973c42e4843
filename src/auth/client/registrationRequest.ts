// What to register as (RFC 7591 section 2), and as what else after a refusal: its words are read, because there is no code for the member that it is about.
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { DEVICE_GRANT } from '../oauth/grantTypes.ts'

export interface RegistrationRequest {
  readonly redirectUri: string
  readonly body: Readonly<Record<string, unknown>>
  /** Authentication methods that were not asked for yet. */
  readonly methods: readonly string[]
}

/** A native application. `scope`: for a server that lets a client ask only for scopes it was registered with. */
export function firstRequest(
  metadata: AuthorizationServerMetadata,
  redirectUri: string,
  scope?: string,
): RegistrationRequest {
  const listed = metadata.token_endpoint_auth_methods_supported
  const all = ['none', 'client_secret_basic', 'client_secret_post']
  const offered = all.filter((name) => Array.isArray(listed) && listed.includes(name))
  const [method = 'none', ...methods] = [...new Set([...offered, ...all])]
  const device = metadata.device_authorization_endpoint === undefined ? [] : [DEVICE_GRANT]
  const body = {
    client_name: 'mcp-oauth-bridge',
    application_type: 'native',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token', ...device],
    response_types: ['code'],
    token_endpoint_auth_method: method,
    ...(scope === undefined ? {} : { scope }),
  }
  return { redirectUri, body, methods }
}

type Change = (request: RegistrationRequest) => RegistrationRequest | undefined

const without =
  (name: string): Change =>
  (request) => {
    const { [name]: gone, ...body } = request.body
    return gone === undefined ? undefined : { ...request, body }
  }

/** Device codes first, then refresh tokens: without `grant_types`, a client has the code grant alone. */
const fewerGrants: Change = (request) => {
  const grants = request.body.grant_types
  if (!Array.isArray(grants)) return undefined
  if (!grants.includes(DEVICE_GRANT)) return without('grant_types')(request)
  return { ...request, body: { ...request.body, grant_types: grants.filter((grant) => grant !== DEVICE_GRANT) } }
}

const otherMethod: Change = ({ redirectUri, body, methods: [method, ...methods] }) =>
  method === undefined ? undefined : { redirectUri, methods, body: { ...body, token_endpoint_auth_method: method } }

/** RFC 8252 section 7.3: a loopback address is as good as the name, which it says should not be used. */
export const asLoopbackAddress = (redirectUri: string): string | undefined => {
  const url = new URL(redirectUri)
  if (url.hostname !== 'localhost') return undefined
  url.hostname = '127.0.0.1'
  return url.href
}

/** Held by the login process that answers at this address: one lease for both spellings, which are one port. */
export const callbackLease = (redirectUri: string): string =>
  `callback:${asLoopbackAddress(redirectUri) ?? redirectUri}`

const loopbackAddress: Change = ({ redirectUri, body, methods }) => {
  const address = asLoopbackAddress(redirectUri)
  return address === undefined
    ? undefined
    : { redirectUri: address, methods, body: { ...body, redirect_uris: [address] } }
}

const NAMED: readonly (readonly [RegExp, Change])[] = [
  [/redirect|localhost|loopback/i, loopbackAddress],
  [/application_?type/i, without('application_type')],
  [/grant|device/i, fewerGrants],
  [/response_?type/i, without('response_types')],
  [/auth(?:entication)?[_ -]?method|public client|confidential|client_secret/i, otherMethod],
  [/scope/i, without('scope')],
  [/client_?name/i, without('client_name')],
]
/** What nobody named, in the order of how many servers do not know it. */
const UNNAMED: readonly Change[] = [without('application_type'), fewerGrants, otherMethod, loopbackAddress]

/** `said`: what the server answered. undefined: there is nothing else to try. */
export function nextRequest(request: RegistrationRequest, said: string): RegistrationRequest | undefined {
  const named = NAMED.filter(([words]) => words.test(said)).map(([, change]) => change)
  for (const change of named.length > 0 ? named : UNNAMED) {
    const next = change(request)
    if (next) return next
  }
  return undefined
}
