// Finds out whether an authorization server has forgotten a client, before a person sees its error page.
import { randomBytes } from 'node:crypto'
import type { HttpClient, HttpResponse } from '../../ports.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { textStart } from '../discovery/body.ts'
import { withinTime } from '../discovery/deadline.ts'

const TIMEOUT_MS = 5_000
const LIMIT_BYTES = 64 * 1024
/** Statuses with which an unknown client is refused; a login page never has them. */
const REFUSALS = [400, 401, 403, 404, 422]
const UNKNOWN =
  /\binvalid_client\b|\bunauthorized_client\b|\b(unknown|unregistered) client\b|\bclient\b.{0,40}\b(not found|not registered|unknown)\b/i

export interface Probe {
  readonly metadata: AuthorizationServerMetadata
  readonly clientId: string
  readonly redirectUri: string
  /** Scope and resource of the sign-in. */
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Asks the authorization endpoint as a browser without cookies would, with state and challenge of its own, follows nothing, and
 * accepts only an answer that says that the client is unknown. In all other cases, the client counts as known. Never throws.
 */
export async function isUnknownClient(http: HttpClient, probe: Probe): Promise<boolean> {
  const url = authorizationUrl(probe)
  const headers = { accept: 'text/html, application/json' }
  const request = async (signal: AbortSignal) => {
    const response = await http.request({ method: 'GET', url, headers, signal, idleMs: TIMEOUT_MS, redirect: 'manual' })
    if (REFUSALS.includes(response.status)) return UNKNOWN.test(await textStart(response.body, LIMIT_BYTES))
    response.discard()
    return UNKNOWN.test(errorOfRedirect(response, url) ?? '')
  }
  try {
    return await withinTime(TIMEOUT_MS, () => new Error('too late'), request)
  } catch {
    return false
  }
}

function authorizationUrl({ metadata, clientId, redirectUri, parameters }: Probe): URL {
  const url = new URL(metadata.authorization_endpoint)
  const ours = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge_method: 'S256',
    code_challenge: randomBytes(32).toString('base64url'),
    state: randomBytes(32).toString('base64url'),
  }
  for (const [name, value] of Object.entries({ ...parameters, ...ours })) url.searchParams.set(name, value)
  return url
}

function errorOfRedirect({ headers: { location } }: HttpResponse, from: URL): string | null | undefined {
  if (typeof location !== 'string' || !URL.canParse(location, from.href)) return undefined
  return new URL(location, from.href).searchParams.get('error')
}
