// The pending requests: each message of the host, the ids without an answer yet, and how to cancel it.
import type { Cause, Wire } from '../../ports.ts'
import type { Message, RawId } from './message.ts'

/** One message of the host on its way. */
export interface PendingRequest {
  readonly message: Message
  readonly cause: Cause
  /** The ids that have no answer yet. */
  readonly open: Set<RawId>
  readonly signal: AbortSignal
  /** Whether the server may have seen it. */
  readonly wire: Wire
  /** The host has cancelled it and does not expect an answer. */
  readonly cancelled: boolean
  /** Ends its HTTP request; nothing once its exchange is over. */
  abort(reason: unknown): void
  /** Resolves when its answers are no longer awaited, though its stream may continue. */
  readonly done: Promise<void>
  /** Its answers are with the host, or there will be none. */
  finish(): void
}

export interface InFlight {
  /** `cause`: why it is sent; left out, the method tells. */
  begin(message: Message, cause?: Cause): PendingRequest
  /** Its exchange is over. */
  end(flight: PendingRequest): void
  /** Takes the ids of an answer off the flight they belong to, `own` first. False: some id is open nowhere. */
  settle(answer: Message, own?: PendingRequest): boolean
  /** The flight of one request, marked as cancelled; undefined: no such request is open. */
  cancel(id: unknown): PendingRequest | undefined
  /** Resolves when nobody waits for an answer. */
  idle(): Promise<void>
  abort(reason: unknown): void
}

const ANSWERED_ELSEWHERE = new Error('The answer came on another stream.')

export function createInFlight(): InFlight {
  const all = new Map<PendingRequest, AbortController>()
  const awaited = new Set<PendingRequest>()
  /** An AbortController is the most expensive part: an unused one is reused. */
  const spare: AbortController[] = []
  let whenIdle: (() => void) | undefined

  return {
    begin(message, cause = causeOf(message)) {
      const controller = spare.pop() ?? new AbortController()
      let resolve: () => void
      const done = new Promise<void>((resolveDone) => {
        resolve = resolveDone
      })
      const flight: PendingRequest = {
        message,
        cause,
        open: new Set(message.asks),
        signal: controller.signal,
        wire: { out: false, cut: undefined },
        cancelled: false,
        done,
        abort(reason: unknown) {
          all.get(flight)?.abort(reason)
          flight.wire.cut?.()
        },
        finish() {
          if (!awaited.delete(flight)) return
          resolve()
          if (awaited.size === 0) whenIdle?.()
        },
      }
      all.set(flight, controller)
      awaited.add(flight)
      return flight
    },
    end(flight) {
      const controller = all.get(flight)
      all.delete(flight)
      flight.finish()
      if (controller && !controller.signal.aborted) spare.push(controller)
    },
    settle(answer, own) {
      const [only] = answer.answers
      if (answer.answers.length === 1 && only !== undefined && own?.open.has(only) && !own.cancelled)
        return own.open.delete(only)
      const owner = (id: RawId) => (own?.open.has(id) ? own : find(all.keys(), ({ open }) => open.has(id)))
      const owners = answer.answers.map(owner)
      if (owners.some((flight) => flight === undefined || flight.cancelled)) return false
      for (const [at, id] of answer.answers.entries()) owners[at]?.open.delete(id)
      // A server may answer on another stream than it should; then nobody waits on the right one.
      for (const flight of owners)
        if (flight !== own && flight?.open.size === 0) queueMicrotask(() => flight.abort(ANSWERED_ELSEWHERE))
      return true
    },
    cancel(id) {
      // initialize cannot be cancelled (MCP "Cancellation"), and a batch is answered as a whole.
      const flight = find(
        all.keys(),
        ({ message, open }) =>
          message.kind === 'request' &&
          message.method !== 'initialize' &&
          [...open].some((text) => JSON.parse(text) === id),
      )
      if (flight) (flight as { cancelled: boolean }).cancelled = true
      return flight
    },
    idle: () =>
      awaited.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            whenIdle = resolve
          }),
    abort(reason) {
      for (const flight of all.keys()) flight.abort(reason)
    },
  }
}

function find(
  flights: Iterable<PendingRequest>,
  wanted: (flight: PendingRequest) => boolean,
): PendingRequest | undefined {
  for (const flight of flights) if (wanted(flight)) return flight
  return undefined
}

/** What a person or model asked for is a call; what hosts do on their own at start is not. */
function causeOf(message: Message): Cause {
  return /^(tools\/call|prompts\/get|resources\/read|completion\/)/.test(message.method ?? '') ? 'call' : 'start'
}
