// A request to an MCP server: who calls, and what of it goes on
import type { IncomingMessage } from 'node:http'
import { BridgeError } from '../../errors.ts'
import type { Clock, HttpRequest, Logger } from '../../ports.ts'
import { refuse } from '../http/admission.ts'
import type { CallerStore, GatewaySeal, Handler, Person } from '../ports.ts'
import type { ServedServer, ServeSettings } from '../settings.ts'
import { createAssertions } from './assertion/assertion.ts'
import type { SigningKeys } from './assertion/signingKeys.ts'
import { type AuthenticationOptions, createAuthentication } from './authentication.ts'
import { createCallers } from './callers.ts'
import { answerFailure, type Looked, type RpcError, sessionLost } from './failure.ts'
import { createForward, type ForwardOptions } from './forward.ts'
import { SESSION } from './headers/toClient.ts'
import { createOutgoing, type OutgoingOptions } from './outgoing.ts'
import { createSessionIds } from './sessionIds.ts'
import { createStanding } from './standing.ts'
import { targetOf } from './target.ts'

export interface McpHandlerOptions
  extends Pick<AuthenticationOptions, 'resourceOf' | 'challenge'>,
    Pick<OutgoingOptions, 'tokens' | 'userHeaders'>,
    Pick<ForwardOptions, 'http'> {
  readonly settings: Pick<
    ServeSettings,
    'publicUrl' | 'forwardHeaders' | 'blockedHeaders' | 'userHeaders' | 'requestTimeoutMs'
  > & { readonly limits: Pick<ServeSettings['limits'], 'bodyBytes'> }
  readonly callers: CallerStore
  readonly seal: Pick<GatewaySeal, 'seal' | 'open'>
  readonly signingKeys: Pick<SigningKeys, 'current'>
  /** The whole body, at most `limit` bytes. @throws BridgeError message_too_large, cancelled */
  readonly readBody: (request: IncomingMessage, limit: number) => Promise<Uint8Array>
  /** undefined: the bytes are not a message. */
  readonly look: (bytes: Uint8Array) => Looked | undefined
  readonly rpcError: RpcError
  /** The person's address, where it counts. */
  readonly emailOf: (person: Person) => string | undefined
  /** @throws BridgeError access_not_granted for who may not use this server, or no longer */
  readonly checkAccess: (person: Person, served: ServedServer) => void
  readonly clock: Pick<Clock, 'now' | 'awake'>
  readonly log: Logger
  /** Aborts when the gateway stops: standing streams end after the event that is on its way. */
  readonly draining?: AbortSignal
  /** The silence after which a stream gets a comment line; preset: 20 s. In ms; 0: never. */
  readonly quietMs?: number
  /** Between two looks at whether the callers of open streams may have them; preset: 15 s. */
  readonly standingMs?: number
}

const QUIET_MS = 20_000
const STANDING_MS = 15_000
const NOTHING = { status: 404, error: 'not_found', description: 'There is nothing at this path.' }

/**
 * The handler of `/mcp` and what is below it.
 * @throws BridgeError where the gateway itself fails: its database, a body that is too large
 */
export function createMcpHandler(options: McpHandlerOptions): Handler {
  const { settings, clock, log, look, rpcError } = options
  const { emailOf, quietMs = QUIET_MS, standingMs = STANDING_MS } = options
  const callers = createCallers(options.callers, clock)
  const refusalOf = createRefusals(options.checkAccess)
  const authenticate = createAuthentication({ ...options, callers })
  const sessions = createSessionIds(options.seal)
  const issuer = new URL(settings.publicUrl).origin
  const assertion = createAssertions({ issuer, keys: options.signingKeys, clock, emailOf })
  const forward = createForward({
    ...options,
    outgoing: createOutgoing({ ...options, assertion, emailOf }),
    sessions,
    standing: createStanding({
      callers: options.callers,
      isAllowed: (person, served) => refusalOf(person, served) === undefined,
      now: () => clock.now(),
      everyMs: standingMs,
    }),
    idleMs: settings.requestTimeoutMs,
    quietMs,
    draining: options.draining,
  })

  return async (request, response, context) => {
    const { served, rest, url: asked } = context
    // Nobody is told that an answer did not reach a client that is gone.
    response.on('error', ignore)
    const url = served && targetOf(served, rest, asked.search)
    if (!served) return refuse(response, NOTHING)
    const authenticated = await authenticate(request, response, context, served)
    if (!authenticated) return
    if (!url) return refuse(response, NOTHING)
    const method = request.method as HttpRequest['method']
    const body = method === 'POST' ? await options.readBody(request, settings.limits.bodyBytes) : undefined
    const looked = lookOnce(body, look)
    const sealed = request.headers[SESSION]
    const refusal = refusalOf(authenticated.caller.person, served)
    if (refusal) {
      log.warn('proxy:refused', { request: context.requestId, server: served.name ?? served.path, code: refusal.code })
      return answerFailure(response, looked()?.asks.length ? 200 : 403, refusal, { looked: looked(), rpcError })
    }
    const session = sealed === undefined ? undefined : sessions.open(String(sealed), served, authenticated.caller)
    if (sealed !== undefined && !session)
      return answerFailure(response, 404, sessionLost(), { looked: looked(), rpcError })
    await forward({ ...authenticated, method, served, url, request, body, session, context, response, looked })
  }
}

const ignore = () => undefined

/** The rules are those of this process, and a person is the same object for some seconds: each is asked about once in these. */
function createRefusals(checkAccess: McpHandlerOptions['checkAccess']) {
  const known = new WeakMap<Person, Map<ServedServer, BridgeError | undefined>>()
  const ask = (person: Person, served: ServedServer): BridgeError | undefined => {
    try {
      checkAccess(person, served)
      return undefined
    } catch (thrown) {
      if (thrown instanceof BridgeError) return thrown
      throw thrown
    }
  }
  return (person: Person, served: ServedServer): BridgeError | undefined => {
    const servers = known.get(person) ?? new Map()
    known.set(person, servers)
    if (!servers.has(served)) servers.set(served, ask(person, served))
    return servers.get(served)
  }
}

function lookOnce(body: Uint8Array | undefined, look: McpHandlerOptions['look']): () => Looked | undefined {
  let found: { readonly looked: Looked | undefined } | undefined
  return () => {
    found ??= { looked: body && look(body) }
    return found.looked
  }
}
