// The engine of the authorization server, oidc-provider: its only importer, with everything off that is not OAuth for MCP clients
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import { SCOPE } from '../http/protectedResource.ts'
import type { GatewaySeal } from '../ports.ts'
import type { ServeSettings } from '../settings.ts'
import { type AdapterOptions, createModel, shielded } from './adapter.ts'
import type { AskedRequests } from './asked.ts'
import type { Documents } from './documents.ts'
import { basics, dropSessionCookie, features } from './engineSettings.ts'
import { noteRefusal, refusalInWords } from './problems.ts'
import type { RedirectFault } from './redirectRules.ts'
import { giveBody } from './requests.ts'
import type { Resources } from './resources.ts'
import type { TokenStep } from './tokenSteps.ts'

/** A page for a browser whose redirect URI is not known good. */
export interface Problem {
  readonly title: string
  readonly text: string
  readonly advice: string
}

export interface EngineOptions extends Pick<AdapterOptions, 'records' | 'clients' | 'grants' | 'clock'> {
  readonly settings: Pick<ServeSettings, 'publicUrl' | 'tokens' | 'clients' | 'sessionTimeoutMs'>
  readonly resources: Resources
  readonly redirectFault: RedirectFault
  readonly documents: Documents
  readonly asked: AskedRequests
  readonly tokenStep: TokenStep
  readonly seal: Pick<GatewaySeal, 'mac' | 'isMac'>
  /** Whether this person may still sign in. */
  readonly isPerson: (id: string) => Promise<boolean>
  readonly problemOf: (error: string, description: string | undefined) => Problem
  readonly showProblem: (response: ServerResponse, problem: Problem) => void
  readonly log: Logger
}

export interface EngineClient {
  readonly name: string | undefined
  readonly metadata: Readonly<Record<string, unknown>>
  readonly isDocument: boolean
}

/** An authorization request that a person is asked about. */
export interface Interaction {
  readonly uid: string
  readonly params: Readonly<Record<string, unknown>>
  /** Where the browser goes once the person has answered; undefined: nobody has. */
  readonly next: string | undefined
}

export type InteractionResult =
  | { readonly login: { accountId: string; remember: false }; readonly consent: { grantId: string } }
  | { readonly error: string; readonly error_description: string }

export interface Engine {
  handle(request: IncomingMessage, response: ServerResponse): void
  /** As `handle`, resolving when it is answered; what a registration that worked answers goes through `change`. */
  register(
    request: IncomingMessage,
    response: ServerResponse,
    change: (body: Readonly<Record<string, unknown>>) => unknown,
  ): Promise<void>
  /** Of this browser, by its cookie. */
  interaction(request: IncomingMessage, response: ServerResponse): Promise<Interaction | undefined>
  /** Resolves to the URL at which the engine goes on. */
  settle(request: IncomingMessage, response: ServerResponse, result: InteractionResult): Promise<string>
  client(id: string): Promise<EngineClient | undefined>
  saveGrant(grant: { id: string; personId: string; clientId: string; resource: string }): Promise<void>
}

let loading: Promise<typeof import('oidc-provider')> | undefined

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const { asked, settings, log } = options
  loading ??= quietly(log, () => import('oidc-provider'))
  const engine = await loading
  const { Provider, errors } = engine
  const current = () => Provider.ctx as KoaContextWithOIDC | undefined
  const currentAsked = () => {
    const request = current()?.req
    return request && asked.of(request)
  }
  const unavailable = () => {
    const error = new errors.CustomOIDCProviderError(
      'temporarily_unavailable',
      'The authorization server cannot do this now. Try again later.',
    )
    return Object.assign(error, { status: 503, statusCode: 503 })
  }
  const storeFailed = (fault: BridgeError) => {
    logFault(log, fault)
    return unavailable()
  }
  const model = {
    ...options,
    resumeUrl: (uid: string) => `${settings.publicUrl}/authorize/${uid}`,
    asked: currentAsked,
    isRevocation: () => current()?.oidc.route === 'revocation',
    invalidGrant: (detail: string) => new errors.InvalidGrant(detail),
    over: () => new errors.SessionNotFound('authorization request has expired'),
    blockedClient: () => new errors.InvalidClientAuth('client is blocked'),
    onReplay: (grant: string) => log.warn('authorization:family_ended', { grant, reason: 'replay' }),
  }
  const configuration: Configuration = {
    ...basics(options),
    adapter: (name: string) => shielded(createModel(name, model), storeFailed),
    features: features(options, {
      invalidTarget: (text) => new errors.InvalidTarget(text),
      tooMany: () => Object.assign(unavailable(), { status: 429, statusCode: 429 }),
    }),
    interactions: {
      policy: [consentPrompt(engine, options)],
      url: (_ctx, { uid }) => `${settings.publicUrl}/auth/consent/${uid}`,
    },
    fetch: (url) => options.documents.fetch(String(url), currentAsked()?.address),
    renderError(ctx, out) {
      ctx.state.problem = options.problemOf(out.error, out.error_description)
      ctx.body = ''
    },
  }
  const provider = await quietly(log, () => new Provider(settings.publicUrl, configuration))
  const changes = new WeakMap<IncomingMessage, (body: Readonly<Record<string, unknown>>) => unknown>()
  provider.proxy = true
  // The server_error of a request says what is known of it.
  provider.on('error' as 'server_error', (error: unknown) => logFault(log, error))
  provider.on('server_error', (_ctx: unknown, error: unknown) => logFault(log, error))
  for (const event of ['authorization.error', 'grant.error', 'registration_create.error', 'revocation.error'] as const)
    provider.on(event as 'grant.error', (ctx, error) => noteRefusal(log, ctx, error))
  provider.use(async (context, next) => {
    const ctx = context as unknown as KoaContextWithOIDC
    await around(options, ctx, next)
    const change = changes.get(ctx.req)
    if (change && ctx.status === 201) ctx.body = change({ ...(ctx.body as object) })
  })
  const callback = provider.callback()
  return {
    handle: (request, response) => void callback(request, response),
    register(request, response, change) {
      changes.set(request, change)
      return callback(request, response)
    },
    async interaction(request, response) {
      try {
        const { uid, params, result, returnTo } = await provider.interactionDetails(request, response)
        return { uid, params, next: result ? returnTo : undefined }
      } catch (thrown) {
        if (thrown instanceof errors.SessionNotFound) return undefined
        throw thrown
      }
    },
    settle: (request, response, result) =>
      provider.interactionResult(request, response, result, { mergeWithLastSubmission: false }),
    async client(id) {
      try {
        const client = await provider.Client.find(id)
        if (!client) return undefined
        const { clientName: name } = client
        return { name, metadata: { ...client.metadata() }, isDocument: 'clientIdMetadataDocument' in client }
      } catch (thrown) {
        if (thrown instanceof errors.OIDCProviderError && [400, 401].includes(thrown.statusCode)) return undefined
        throw thrown
      }
    },
    async saveGrant({ id, personId, clientId, resource }) {
      const grant = new provider.Grant({ accountId: personId, clientId })
      grant.jti = id
      grant.addResourceScope(resource, SCOPE)
      await grant.save()
    },
  }
}

/** Why the answer cannot go where it would: a client that names no redirect URI has the only one that it registered. */
const answerFault = ({ redirectFault }: EngineOptions, { oidc }: KoaContextWithOIDC) =>
  redirectFault(oidc.client?.clientId ?? '', oidc.params?.redirect_uri)

/** Asks each time: nothing that was agreed to before is remembered. */
function consentPrompt({ errors, interactionPolicy }: typeof import('oidc-provider'), options: EngineOptions) {
  const { Prompt, Check } = interactionPolicy
  const check = (ctx: KoaContextWithOIDC) => {
    const fault = answerFault(options, ctx)
    const description = { error_description: `redirect_uri cannot be used: ${fault}` }
    if (fault !== undefined) throw Object.assign(new errors.InvalidRedirectUri(), description)
    return ctx.oidc.result?.consent ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT
  }
  return new Prompt(
    { name: 'consent', requestable: true },
    new Check('consent_not_given', 'A person must agree first.', 'interaction_required', check),
  )
}

async function around(options: EngineOptions, ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  const request = options.asked.of(ctx.req)
  try {
    if (ctx.path === '/token' && request)
      await options.tokenStep(request, {
        run: next,
        send: (form) => giveBody(ctx.req, form.toString()),
        status: () => ctx.status,
        clientId: () => ctx.oidc?.client?.clientId,
        body: () => ctx.body,
        answer(status, body) {
          ctx.status = status
          ctx.body = body
        },
      })
    else await next()
  } catch (thrown) {
    logFault(options.log, thrown)
    ctx.status = 503
    ctx.body = { error: 'temporarily_unavailable', error_description: 'Try again later.' }
  }
  dropSessionCookie(ctx)
  const location = ctx.response.get('location')
  if (location) ctx.set('location', refusalInWords(location, ctx.query.code_challenge_method))
  // The engine's refusals go there before it asks for consent.
  if (location && answerFault(options, ctx) !== undefined) {
    ctx.remove('location')
    ctx.state.problem = options.problemOf('invalid_redirect_uri', undefined)
  }
  const { problem } = ctx.state
  if (!problem) return
  ctx.remove('content-length')
  ctx.remove('content-type')
  ctx.respond = false
  options.showProblem(ctx.res, problem)
}

function logFault(log: Logger, error: unknown): void {
  const code = error instanceof BridgeError ? error.code : error instanceof Error ? error.name : 'unknown'
  log.error('authorization:failed', { code, message: error instanceof Error ? error.message : undefined })
}

/** What the engine says while it is loaded and set up goes into the log: on our streams it would be in the way. */
async function quietly<T>(log: Logger, work: () => T | Promise<T>): Promise<T> {
  const { warn, info } = console
  const say = (text: unknown) => log.info('authorization:engine', { notice: String(text) })
  Object.assign(console, { warn: say, info: say })
  try {
    return await work()
  } finally {
    Object.assign(console, { warn, info })
  }
}
