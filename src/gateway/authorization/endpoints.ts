// The endpoints of the authorization server: what is checked and answered before the engine gets a request
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import { sendError, sendJson } from '../http/answer.ts'
import type { ClientRegistry } from '../ports.ts'
import type { ServeSettings } from '../settings.ts'
import { type AskedRequests, addressKey } from './asked.ts'
import type { Engine, Problem } from './engine.ts'
import { metadataDocument, metadataKind, openIdDocument } from './metadata.ts'
import { problemOf } from './problems.ts'
import type { RedirectFault, RedirectRules } from './redirectRules.ts'
import { createRegistrationLimit, isFault, registrationAnswer, registrationMetadata } from './registration.ts'
import { authorizeQuery, giveBody, isShallow, readBody, takeOurHost, tokenForm, withValues } from './requests.ts'
import type { Resources } from './resources.ts'

export interface EndpointOptions {
  readonly settings: Pick<ServeSettings, 'publicUrl' | 'servers' | 'clients'>
  readonly rules: RedirectRules
  readonly redirectFault: RedirectFault
  readonly resources: Resources
  readonly engine: Pick<Engine, 'handle' | 'register'>
  readonly asked: AskedRequests
  readonly clients: ClientRegistry
  readonly now: () => number
  readonly log: Logger
  readonly errorPage: (response: ServerResponse, problem: Problem) => void
}

type Endpoint = (request: IncomingMessage, response: ServerResponse, address: string, url: URL) => Promise<void> | void

/** Methods, preflights and the origins of pages are the table of routes' part. */
export function createEndpoints(options: EndpointOptions) {
  const { settings, engine, asked, log } = options
  const publicUrl = new URL(settings.publicUrl)
  const register = createRegister(options)
  const authorize = createAuthorize(options)

  const form =
    (change: (parameters: URLSearchParams) => URLSearchParams): Endpoint =>
    async (request, response, address) => {
      const body = await readBody(request)
      if (!body) return tooLarge(response)
      const isForm = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')
      const parameters = isForm
        ? change(withValues(new URLSearchParams(Buffer.from(body).toString('utf8'))))
        : undefined
      if (isForm) request.headers['content-type'] = 'application/x-www-form-urlencoded'
      asked.put(request, { address, form: parameters, refresh: undefined })
      giveBody(request, parameters ? parameters.toString() : body)
      engine.handle(request, response)
    }
  const posts: Readonly<Record<string, Endpoint>> = {
    '/token': form((parameters) => tokenForm(parameters, options.resources)),
    '/revoke': form((parameters) => parameters),
    ...(settings.clients.registration === 'open' && { '/register': register }),
  }

  const route = async (request: IncomingMessage, response: ServerResponse, address: string) => {
    const url = new URL(request.url ?? '/', publicUrl)
    takeOurHost(request, publicUrl)
    const post = posts[url.pathname]
    const kind = metadataKind(url.pathname, settings.servers)
    const isResumed = /^\/authorize\/[\w-]+$/.test(url.pathname)
    // A page would be no answer to a client, whatever it says it accepts.
    if (post || kind) request.headers.accept = 'application/json'
    if (post) return post(request, response, address, url)
    if (kind) return sendMetadata(response, kind, settings)
    if (!isResumed && url.pathname !== '/authorize')
      return sendError(response, 404, { error: 'not_found', description: 'There is nothing at this path.' })
    if (!isResumed) return authorize(request, response, address, url)
    asked.put(request, { address, form: undefined, refresh: undefined })
    engine.handle(request, response)
  }

  return (request: IncomingMessage, response: ServerResponse, address: string): void => {
    route(request, response, addressKey(address)).catch((thrown: unknown) => {
      const code = thrown instanceof BridgeError ? thrown.code : thrown instanceof Error ? thrown.name : 'unknown'
      // The client has gone before its body was there.
      if (code === 'cancelled') return void response.destroy()
      log.error('authorization:failed', { code, message: thrown instanceof Error ? thrown.message : undefined })
      if (!response.headersSent)
        sendError(response, 503, { error: 'temporarily_unavailable', description: 'Try again later.' })
      else response.destroy()
    })
  }
}

function createAuthorize({ redirectFault, resources, engine, asked, errorPage }: EndpointOptions): Endpoint {
  return (request, response, address, url) => {
    const query = withValues(url.searchParams)
    const redirectUri = query.get('redirect_uri')
    const clientId = query.get('client_id') ?? ''
    if (redirectUri !== null && redirectFault(clientId, redirectUri) !== undefined)
      return errorPage(response, problemOf('invalid_redirect_uri', undefined))
    asked.put(request, { address, form: undefined, refresh: undefined })
    request.url = `${url.pathname}?${authorizeQuery(query, resources)}`
    engine.handle(request, response)
  }
}

function createRegister({ rules, engine, asked, clients, now, log }: EndpointOptions): Endpoint {
  const limit = createRegistrationLimit(clients, now)
  return async (request, response, address) => {
    const body = await readBody(request)
    if (!body) return tooLarge(response)
    const wished = objectOf(body)
    if (!wished || !/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      return sendError(response, 400, {
        error: 'invalid_client_metadata',
        description: 'The body must be a JSON object of at most eight levels.',
      })
    const metadata = registrationMetadata(wished, rules)
    if (isFault(metadata)) return sendJson(response, 400, metadata)
    asked.put(request, { address, form: undefined, refresh: undefined })
    giveBody(request, JSON.stringify(metadata))
    const verdict = await limit.within(address, () => engine.register(request, response, registrationAnswer))
    if (verdict === 'done') return
    log.warn('authorization:registrations_refused', { address })
    const description = 'Too many registrations. Try again in an hour.'
    sendError(response, 429, { error: 'temporarily_unavailable', description }, { 'Retry-After': '3600' })
  }
}

function objectOf(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) && isShallow(value)
      ? { ...value }
      : undefined
  } catch {
    return undefined
  }
}

function sendMetadata(
  response: ServerResponse,
  kind: 'oauth' | 'openid',
  { publicUrl, clients }: EndpointOptions['settings'],
) {
  const known = { publicUrl, registration: clients.registration === 'open', documents: clients.documents }
  const document = kind === 'openid' ? openIdDocument(known) : metadataDocument(known)
  sendJson(response, 200, document, { 'Cache-Control': 'public, max-age=300' })
}

function tooLarge(response: ServerResponse): void {
  const description = 'The body is larger than 16 KB.'
  sendError(response, 413, { error: 'invalid_request', description }, { Connection: 'close' })
}
