// The requests in flight: each message of the host, the ids still open, and how to give it up.
import type { Cause } from '../../ports.ts'
import type { Transmission } from '../../records.ts'
import type { Message, RawId } from './message.ts'

/** One message of the host on its way to the server. */
export interface PendingRequest {
  readonly message: Message
  readonly cause: Cause
  /** The ids that have no answer yet. */
  readonly open: Set<RawId>
  readonly signal: AbortSignal
  /** Whether the server may have seen it. */
  readonly transmission: Transmission
  /** Ends its HTTP request, whose answer nobody wants any more; nothing once its exchange is over. */
  abort(reason: unknown): void
  /** Resolves when its answers are no longer awaited, though its stream may continue. */
  readonly done: Promise<void>
  /** Its answers are with the host, or there will be none. */
  finish(): void
}

/** What a message had to wait for, and that is over: nobody waits for it, because each wait costs a turn. */
export const OVER: Promise<void> = Promise.resolve()

export interface InFlight {
  /**
   * `cause`: why it is sent; left out, the method tells. `transmission`: that of the host's message which this one stands for; left
   * out, its own.
   */
  begin(message: Message, cause?: Cause, transmission?: Transmission): PendingRequest
  /** Its exchange is over. */
  end(pending: PendingRequest): void
  /**
   * Takes the ids of an answer off the requests they belong to, `own` first. False: some id is open nowhere, or nobody wants
   * its answer any more.
   */
  settle(answer: Message, own?: PendingRequest): boolean
  /** Whether the answers to all these ids are awaited by somebody. */
  awaits(ids: readonly RawId[]): boolean
  /** The host has taken the request with this id back; undefined: no such request is open. */
  cancel(id: RawId | undefined): PendingRequest | undefined
  /** Requests whose answer is awaited and that the server has not seen. */
  unsent(): readonly PendingRequest[]
  /** Resolves when nobody waits for an answer. */
  idle(): Promise<void>
  abort(reason: unknown): void
}

const ANSWERED_ELSEWHERE = new Error('The answer came on another stream.')

export function createInFlight(): InFlight {
  const all = new Map<PendingRequest, AbortController>()
  const awaited = new Set<PendingRequest>()
  /** By the ids that are open: another text of a message that is sent in its place shares them. */
  const cancelled = new Set<PendingRequest['open']>()
  /** An AbortController is the most expensive part of a request: one that was not used serves the next. */
  const spare: AbortController[] = []
  let whenIdle: (() => void)[] = []

  const giveUp = (pending: PendingRequest, reason: unknown) => {
    all.get(pending)?.abort(reason)
    pending.transmission.abort?.()
  }

  return {
    begin(message, cause = causeOf(message), transmission = { sent: false, abort: undefined }) {
      const controller = spare.pop() ?? new AbortController()
      let resolve: () => void
      const done = new Promise<void>((resolveDone) => {
        resolve = resolveDone
      })
      const pending: PendingRequest = {
        message,
        cause,
        open: new Set(message.asks),
        signal: controller.signal,
        transmission,
        done,
        abort(reason: unknown) {
          if (all.has(pending)) cancelled.add(pending.open)
          giveUp(pending, reason)
        },
        finish() {
          if (!awaited.delete(pending)) return
          resolve()
          if (awaited.size > 0 || whenIdle.length === 0) return
          const told = whenIdle
          whenIdle = []
          for (const tell of told) tell()
        },
      }
      all.set(pending, controller)
      awaited.add(pending)
      return pending
    },
    end(pending) {
      const controller = all.get(pending)
      all.delete(pending)
      cancelled.delete(pending.open)
      pending.finish()
      if (controller && !controller.signal.aborted) spare.push(controller)
    },
    settle(answer, own) {
      const [only] = answer.answers
      if (answer.answers.length === 1 && only !== undefined && own?.open.has(only) && !cancelled.has(own.open))
        return own.open.delete(only)
      const ownerOf = (id: RawId) => (own?.open.has(id) ? own : find(all.keys(), ({ open }) => open.has(id)))
      const owners = answer.answers.map(ownerOf)
      if (owners.some((owner) => owner === undefined || cancelled.has(owner.open))) return false
      for (const [at, id] of answer.answers.entries()) owners[at]?.open.delete(id)
      // A server may answer on another stream than it should; then nobody waits on the right one.
      for (const owner of owners)
        if (owner !== own && owner?.open.size === 0) queueMicrotask(() => owner.abort(ANSWERED_ELSEWHERE))
      return true
    },
    awaits: (ids) => ids.every((id) => find(all.keys(), ({ open }) => open.has(id)) !== undefined),
    cancel(id) {
      if (id === undefined) return undefined
      // initialize cannot be cancelled (MCP "Cancellation"), and a batch is answered as a whole.
      const pending = find(
        all.keys(),
        ({ message, open }) => message.kind === 'request' && message.method !== 'initialize' && open.has(id),
      )
      if (pending) cancelled.add(pending.open)
      return pending
    },
    unsent: () => [...awaited].filter(({ message, transmission }) => message.kind === 'request' && !transmission.sent),
    idle: () =>
      awaited.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            whenIdle.push(resolve)
          }),
    abort(reason) {
      for (const pending of all.keys()) giveUp(pending, reason)
    },
  }
}

function find(
  requests: Iterable<PendingRequest>,
  wanted: (pending: PendingRequest) => boolean,
): PendingRequest | undefined {
  for (const pending of requests) if (wanted(pending)) return pending
  return undefined
}

/** What a person or model asked for is a call; what hosts do on their own at start is not, and nobody is asked for a look at the server or a ping. */
function causeOf(message: Message): Cause {
  if (message.method === 'server/discover' || message.method === 'ping') return 'background'
  return /^(tools\/call|prompts\/get|resources\/read|completion\/)/.test(message.method ?? '') ? 'call' : 'start'
}
