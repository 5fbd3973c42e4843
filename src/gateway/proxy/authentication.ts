// Who may ask: the bearer's caller for this server, or the refusal that tells a client how to sign in (RFC 6750 section 3)
import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256 } from '../../sha256.ts'
import { sendError } from '../http/answer.ts'
import type { ChallengeError } from '../http/protectedResource.ts'
import type { Caller, RequestContext } from '../ports.ts'
import type { ServedServer } from '../settings.ts'
import { type Bearer, bearerOf, type Callers } from './callers.ts'

export interface AuthenticationOptions {
  readonly callers: Callers
  /** The canonical URL of a server at the gateway, which its tokens are for (RFC 8707). */
  readonly resourceOf: (served: ServedServer) => string
  /** `WWW-Authenticate` of a refusal (RFC 6750 section 3); of a 401 with the error only where a token came. */
  readonly challenge: (served: ServedServer, error?: ChallengeError) => string
}

export interface Authenticated {
  readonly caller: Caller
  readonly tokenHash: string
}

/** undefined: the request has been answered. */
export type Authentication = (
  request: IncomingMessage,
  response: ServerResponse,
  context: Pick<RequestContext, 'url'>,
  served: ServedServer,
) => Promise<Authenticated | undefined>

export function createAuthentication({ callers, resourceOf, challenge }: AuthenticationOptions): Authentication {
  const unauthorized = (response: ServerResponse, served: ServedServer, bearer: Bearer) => {
    const withToken = bearer.kind === 'token' || bearer.kind === 'malformed'
    response.setHeader('WWW-Authenticate', challenge(served, withToken ? 'invalid_token' : undefined))
    refuse(response, 401, withToken ? 'invalid_token' : 'unauthorized', whyRefused(bearer))
  }
  const invalid = (response: ServerResponse, served: ServedServer, description: string) => {
    response.setHeader('WWW-Authenticate', challenge(served, 'invalid_request'))
    return refuse(response, 400, 'invalid_request', description)
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
      return invalid(response, served, 'The Authorization header was sent more than once.')
    if (url.search !== '' && url.searchParams.has('access_token'))
      return invalid(response, served, 'Send the access token in the Authorization header, not in the URL.')
    if (bearer.kind !== 'token') return void unauthorized(response, served, bearer)
    const tokenHash = sha256(bearer.token)
    const caller = await callers.find(tokenHash)
    if (caller?.resource === resourceFor(served)) return { caller, tokenHash }
    return void unauthorized(response, served, bearer)
  }
}

/** As the gateway issues them: 256 bits in base64url. */
const OURS = /^[\w-]{43}$/

/** What a token may be is known to everybody; whether one exists is not told. */
function whyRefused(bearer: Bearer): string {
  if (bearer.kind === 'missing') return 'An access token is required.'
  if (bearer.kind === 'other_scheme')
    return 'An access token is required: the Authorization header must be the word Bearer, a space and the token.'
  if (bearer.kind === 'token' && OURS.test(bearer.token)) return 'The access token is not valid for this server.'
  const length = bearer.kind === 'token' ? `, and this one has ${bearer.token.length} characters` : ''
  return `The access token is malformed (malformed_token): one of this gateway has 43 letters, digits, - and _${length}.`
}

export function refuse(response: ServerResponse, status: number, error: string, description: string): undefined {
  sendError(response, status, { error, description }, { 'Cache-Control': 'no-store' })
}
