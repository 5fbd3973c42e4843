// Who may ask: the bearer's caller for this server, or the refusal that tells a client how to sign in (RFC 6750 section 3)

import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256 } from '../../sha256.ts'
import { sendError } from '../http/answer.ts'
import type { Caller, RequestContext } from '../ports.ts'
import type { ServedServer } from '../settings.ts'
import { bearerOf, type Callers } from './callers.ts'

export interface AdmissionOptions {
  readonly callers: Callers
  /** The canonical URL of a server at the gateway, which its tokens are for (RFC 8707). */
  readonly resourceOf: (served: ServedServer) => string
  /** `WWW-Authenticate` of a 401; with the error only where a token came. */
  readonly challenge: (served: ServedServer, withToken: boolean) => string
}

export interface Admitted {
  readonly caller: Caller
  readonly tokenHash: string
}

/** undefined: the request has been answered. */
export type Admission = (
  request: IncomingMessage,
  response: ServerResponse,
  context: Pick<RequestContext, 'url'>,
  served: ServedServer,
) => Promise<Admitted | undefined>

export function createAdmission({ callers, resourceOf, challenge }: AdmissionOptions): Admission {
  const unauthorized = (response: ServerResponse, served: ServedServer, withToken: boolean) => {
    response.setHeader('WWW-Authenticate', challenge(served, withToken))
    const description = withToken ? 'The access token is not valid for this server.' : 'An access token is required.'
    refuse(response, 401, withToken ? 'invalid_token' : 'unauthorized', description)
  }
  const resources = new WeakMap<ServedServer, string>()
  const resourceFor = (served: ServedServer) => {
    const resource = resources.get(served) ?? resourceOf(served)
    resources.set(served, resource)
    return resource
  }
  return async (request, response, { url }, served) => {
    const bearer = bearerOf(request)
    if (bearer.kind === 'repeated')
      return refuse(response, 400, 'invalid_request', 'Authorization was sent more than once.')
    if (url.search !== '' && url.searchParams.has('access_token'))
      return refuse(
        response,
        400,
        'invalid_request',
        'An access token belongs into the header Authorization, not into the URL.',
      )
    if (bearer.kind !== 'token') return void unauthorized(response, served, bearer.kind === 'malformed')
    const tokenHash = sha256(bearer.token)
    const caller = await callers.find(tokenHash)
    if (caller?.resource === resourceFor(served)) return { caller, tokenHash }
    return void unauthorized(response, served, true)
  }
}

export function refuse(response: ServerResponse, status: number, error: string, description: string): undefined {
  sendError(response, status, { error, description }, { 'Cache-Control': 'no-store' })
}
