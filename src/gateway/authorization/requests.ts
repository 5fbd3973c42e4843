// A request on its way into the engine: its body read within a limit, its Host ours, its parameters those that mean something here
import type { IncomingMessage } from 'node:http'
import { readBodyWithin } from '../http/body.ts'
import { SCOPE } from '../http/protectedResource.ts'
import type { Resources } from './resources.ts'

const LARGEST_BYTES = 16 * 1024
/** Of OpenID Connect: without the scope openid, which does not exist here, the engine refuses a request for them. */
const FOREIGN = ['acr_values', 'claims', 'claims_locales', 'id_token_hint', 'max_age', 'nonce']

/** undefined: it is larger than 16 KB. Rejects if the client goes away. */
export const readBody = (request: IncomingMessage) => readBodyWithin(request, LARGEST_BYTES)

/** The engine reads `body` as if it came with the request. */
export function giveBody(request: IncomingMessage, body: string | Uint8Array): void {
  const bytes = Buffer.from(body)
  request.headers['content-length'] = String(bytes.length)
  delete request.headers['transfer-encoding']
  Object.defineProperties(request, {
    readable: { value: true, configurable: true },
    iterator: {
      configurable: true,
      async *value() {
        yield bytes
      },
    },
  })
}

/**
 * Links and cookies are those of the public URL, whatever the request says its host is. Whose pages may ask has been decided: the engine,
 * which would ask for rules of each client, does not see the origin.
 */
export function takeOurHost(request: IncomingMessage, publicUrl: URL): void {
  request.headers.host = publicUrl.host
  request.headers['x-forwarded-proto'] = publicUrl.protocol.slice(0, -1)
  delete request.headers['x-forwarded-host']
  delete request.headers['x-forwarded-for']
  delete request.headers.origin
}

/** Without those that have no value: they count as omitted (RFC 6749 sections 3.1 and 3.2). */
export const withValues = (parameters: URLSearchParams): URLSearchParams =>
  new URLSearchParams([...parameters].filter(([, value]) => value !== ''))

/** The query of a request to /authorize as the engine gets it. */
export function authorizeQuery(query: URLSearchParams, resources: Resources): URLSearchParams {
  const asked = new URLSearchParams(query)
  for (const name of FOREIGN) asked.delete(name)
  // Whoever asks for no scope, or for others, gets the one there is; the answer says which (RFC 6749 section 3.3).
  asked.set('scope', SCOPE)
  // A person is always asked; that nobody may be is the only wish that changes anything.
  if (asked.get('prompt') !== 'none') asked.delete('prompt')
  if ((asked.get('response_mode') ?? 'query') !== 'query') asked.set('response_mode', 'unsupported')
  takeCanonicalResource(asked, resources)
  if (!asked.has('resource') && resources.only !== undefined) asked.set('resource', resources.only)
  return asked
}

/** The form of a request to /token as the engine gets it. */
export function tokenForm(form: URLSearchParams, resources: Resources): URLSearchParams {
  const asked = new URLSearchParams(form)
  takeCanonicalResource(asked, resources)
  return asked
}

function takeCanonicalResource(parameters: URLSearchParams, resources: Resources): void {
  const meant = new Set(parameters.getAll('resource').map((value) => resources.canonical(value) ?? value))
  parameters.delete('resource')
  for (const value of meant) parameters.append('resource', value)
}

/** What registrations and metadata documents hold is in a key set at the deepest; the engine walks through the rest one call in another. */
const DEEPEST = 8

/** Whether lists and objects of this JSON value stand in each other no deeper than they have to. */
export function isShallow(value: unknown, levels = DEEPEST): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1))
}
