// The connection of one session: requests under ids of our own, each answer to whoever waits for it, all else to one ear.
import { BridgeError } from '../../../errors.ts'
import type { Cause } from '../../../ports.ts'
import type { LegacyConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import { ask } from '../../message/ask.ts'
import { type InFlight, OVER, type PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { own } from '../../message/ours.ts'
import { partsOf } from '../parts.ts'
import type { Call } from './call/call.ts'

/** A conversation with the server and the requests that are out in it. */
export interface Legacy {
  readonly conversation: LegacyConversation
  readonly inFlight: InFlight
}

/**
 * `deliver` takes what the server says outside of an exchange; `onRestored` is called after a lost session has been made again, with an
 * error where that is refused.
 */
export type CreateLegacy = (deliver: Deliver, onRestored: (refused?: BridgeError) => void) => Legacy

export interface Link {
  readonly conversation: LegacyConversation
  /** A request; `params` is JSON text. undefined: no answer came. @throws BridgeError why it did not */
  ask(method: string, params: string, cause: Cause): Promise<Message | undefined>
  /** A notification, or an answer. @throws BridgeError why it was not said */
  say(message: Message): Promise<void>
  /** The request of a call; what comes of it goes to the call. `pending`: the host's, which it stands for. */
  send(message: Message, call: Call, pending: PendingRequest): PendingRequest
  /** Answers to this request that still come are not looked at. */
  forget(id: RawId): void
  end(reason: BridgeError): Promise<void>
}

/** `hear` takes requests and notifications of the server; `call`: the one on whose stream they came. */
export type Hear = (message: Message, call?: Call) => Promise<void>

/** Made once: the answer of nearly every call is with the host by then. */
const NO_ANSWER = new BridgeError('internal')

let ids = 0

/** No request of this process has the same id. */
export const nextId = (): RawId => `"mcp-oauth-bridge-${++ids}"`

export function createLink(createLegacy: CreateLegacy, hear: Hear, onRestored: (refused?: BridgeError) => void): Link {
  /** Answers may come on another stream than they should. */
  const waiting = new Map<RawId, (answer: Message) => unknown>()

  const take =
    (call?: Call): Deliver =>
    async (message) => {
      for (const one of partsOf(message)) {
        const id = one.answers[0]
        if (id === undefined) {
          await hear(one, call)
          continue
        }
        const heard = waiting.get(id)
        waiting.delete(id)
        await heard?.(one)
      }
    }
  const { conversation, inFlight } = createLegacy(take(), onRestored)

  const exchange = async (pending: PendingRequest, call?: Call) => {
    try {
      await conversation.exchange(pending, OVER, take(call))
    } finally {
      inFlight.end(pending)
    }
  }

  return {
    conversation,
    ask(method, params, cause) {
      const id = nextId()
      const text = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)},"params":${params}}`
      const answered = new Promise<Message>((resolve) => waiting.set(id, resolve))
      // Its stream may stay open after the answer.
      const none = exchange(inFlight.begin(own(text), cause)).then(() => undefined)
      return Promise.race([answered, none]).finally(() => waiting.delete(id))
    },
    // A person is there: what is said goes with a call.
    say: async (message) =>
      void (await ask(inFlight, message, 'call', (pending) => conversation.exchange(pending, OVER, take()))),
    send(message, call, { cause, transmission }) {
      const upstream = inFlight.begin(message, cause, transmission)
      waiting.set(call.id, (answer) => call.finish({ answer }))
      const ended = (thrown: unknown) => {
        waiting.delete(call.id)
        void call.finish({ thrown })
      }
      exchange(upstream, call).then(() => ended(NO_ANSWER), ended)
      return upstream
    },
    forget(id) {
      waiting.delete(id)
      inFlight.cancel(id)
    },
    end(reason) {
      inFlight.abort(reason)
      return conversation.end(reason)
    },
  }
}
