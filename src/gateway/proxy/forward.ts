// One request to a server, sent once, and its answer as it comes: status and headers at once, then the body
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError, isTransient } from '../../errors.ts'
import type { HttpClient, HttpRequest, HttpResponse, Logger } from '../../ports.ts'
import type { Transmission } from '../../records.ts'
import type { RequestContext } from '../ports.ts'
import type { ServedServer } from '../settings.ts'
import type { Authenticated } from './authentication.ts'
import { answerFailure, type Looked, needsSignIn, type RpcError, refusedByServer, toldOf } from './failure.ts'
import { SESSION, setHeaders } from './headers/toClient.ts'
import { createLeaving } from './leaving.ts'
import type { createOutgoing } from './outgoing.ts'
import { isEventStream, passBody, passEvents, passWhole, StreamEnd } from './passOn.ts'
import type { SessionId, SessionIds } from './sessionIds.ts'
import type { Standing } from './standing.ts'

/** Everything that one request is about. */
export interface Call extends Authenticated {
  readonly method: HttpRequest['method']
  readonly served: ServedServer
  readonly url: URL
  readonly request: Pick<IncomingMessage, 'headers'>
  readonly body: Uint8Array | undefined
  readonly session: SessionId | undefined
  readonly context: RequestContext
  readonly response: ServerResponse
  /** Looked at when it is first asked for. */
  readonly looked: () => Looked | undefined
}

export interface ForwardOptions {
  /** The client for a server, with what it trusts; the same one each time. */
  readonly http: (served: ServedServer) => Pick<HttpClient, 'request'>
  readonly outgoing: ReturnType<typeof createOutgoing>
  readonly sessions: SessionIds
  readonly standing: Standing
  readonly rpcError: RpcError
  readonly log: Logger
  /** The longest silence of a server before its answer, and in one that is not a stream, in ms; 0: any. */
  readonly idleMs: number
  readonly quietMs: number
  readonly draining: AbortSignal | undefined
}

export function createForward(options: ForwardOptions): (call: Call) => Promise<void> {
  const { outgoing, http, idleMs, sessions, standing, log } = options
  const leaving = createLeaving(options.draining)

  const noteLegacy = (call: Call, found: 'legacy' | undefined) => {
    if (found) log.warn('proxy:legacy', { ...about(call), message: LEGACY })
  }

  const pass = async (call: Call, answer: HttpResponse, stop: (reason: Error) => void): Promise<void> => {
    const { served, caller, session, context, response } = call
    if (answer.status === 401 || answer.status === 407) {
      answer.discard()
      log.warn('proxy:refused', {
        ...about(call),
        status: answer.status,
        message: 'The MCP server refused the gateway.',
      })
      return fail(call, 502, refusedByServer(answer.status, context.requestId), options)
    }
    const isStream = isEventStream(answer)
    const named = [answer.headers[SESSION]].flat()[0]
    const sealed = named === undefined ? undefined : sessions.seal(named, session, served, caller)
    setHeaders(response, answer, { sealed, isStream })
    const whole = answer.body.whole?.()
    if (whole) return noteLegacy(call, passWhole(whole, isStream, response))
    if (!isStream) return passBody(answer.body, response)
    const end = () => stop(new StreamEnd('the caller may not go on'))
    const unwatch = standing.watch(call, end)
    try {
      const passing = call.method === 'GET' ? leaving : undefined
      const found = await passEvents(answer.body, response, { quietMs: options.quietMs, leaving: passing, cut: stop })
      noteLegacy(call, found)
    } finally {
      unwatch()
    }
  }

  return async (call) => {
    const { method, url, body, served, caller, session, context, request, response } = call
    if (isGone(response)) return
    // The silence of a stream is not that of a server which does not answer.
    const patience = { held: method === 'GET', turns: 0 }
    // A signal costs as much as the rest of a call's bookkeeping.
    const transmission: Transmission = { sent: false, patience }
    const stop = (reason: Error) => transmission.abort?.(reason)
    const gone = () =>
      response.writableFinished || stop(new BridgeError('cancelled', { message: 'The client is gone.' }))
    response.once('close', gone)
    try {
      const headers = await outgoing({ served, caller, headers: request.headers, sessionId: session?.plain, context })
      if (isGone(response)) return
      const sent = { method, url, headers, body, idleMs, transmission, cookies: 'none' } as const
      const answer = await http(served).request(sent)
      patience.held ||= isEventStream(answer)
      await pass(call, answer, stop)
    } catch (thrown) {
      // A request without a client needs no error.
      if (!isGone(response)) answerThrown(call, thrown, options)
    } finally {
      response.off('close', gone)
    }
  }
}

/** The client has closed the connection before the end of its answer. */
const isGone = ({ closed, writableFinished }: ServerResponse) => closed && !writableFinished

const LEGACY =
  'The server speaks HTTP+SSE of MCP 2024-11-05, which is not supported: its session id is in a URL that nothing binds to a person.'

/** Failures of the gateway itself. */
const OWN: ReadonlySet<string> = new Set(['database_unreachable', 'database_locked', 'schema_missing', 'internal'])

function answerThrown(call: Call, thrown: unknown, options: Pick<ForwardOptions, 'rpcError' | 'log'>): void {
  const { response, method, context } = call
  if (thrown instanceof StreamEnd) return void response.destroy()
  if (!(thrown instanceof BridgeError)) throw thrown
  const { code } = thrown
  const message = `Failed to proxy request to MCP server: ${thrown.message}`
  options.log.warn('proxy:failed', { ...about(call), code, message })
  // A made-up end would look like a whole answer.
  if (response.headersSent) return void response.destroy()
  if (OWN.has(code)) throw thrown
  // A host shows the words of an answer to a call, and not those of a status.
  const told = toldOf(thrown, method, context.requestId)
  if (needsSignIn(thrown)) fail(call, call.looked()?.asks.length ? 200 : 403, thrown, options)
  else fail(call, isTransient(thrown) ? 503 : told.status, told.error, options)
}

const fail = (call: Call, status: number, error: BridgeError, { rpcError }: Pick<ForwardOptions, 'rpcError'>): void =>
  answerFailure(call.response, status, error, { looked: call.looked(), rpcError })

const about = ({ served, context }: Pick<Call, 'served' | 'context'>) => ({
  request: context.requestId,
  server: served.name ?? served.path,
})
