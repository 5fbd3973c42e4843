// What the host's side of the relay talks to: one conversation with the server, whatever revision of MCP that speaks.
import type { BridgeError } from '../errors.ts'
import type { Cause } from '../ports.ts'
import type { Deliver } from './http/body/messages.ts'
import type { PendingRequest } from './message/inFlight.ts'
import type { Message, RawId } from './message/message.ts'

export interface Conversation {
  /**
   * Carries one message of the host to the server once `before` is over, and hands on what comes back for it. It is called in
   * the order in which the host spoke; for a request it resolves when its answer is with the host.
   * @throws BridgeError why there is no answer, or not all of them; the reason of the message's signal
   */
  exchange(pending: PendingRequest, before: Promise<unknown>, deliver: Deliver): Promise<void>
  /** How the host is told that its request has failed. */
  refusal(id: RawId, error: BridgeError): Uint8Array
  /** Nothing more is exchanged, but for the last word that the server may want. Never throws. */
  end(reason: BridgeError): Promise<void>
}

/** One that begins with `initialize`, which may have to be said behind the host's back. */
export interface LegacyConversation extends Conversation {
  /** The host's own initialize once more, and initialized; resolves to the answer. undefined: the host has said none. */
  initialize(cause: Cause): Promise<Message | undefined>
  /** One message of the host that it needs no answer to. */
  tell(message: Message): Promise<void>
  /** A request of our own, whose answer the host does not see. @throws BridgeError why there is none */
  ask(request: Message, cause: Cause): Promise<Message | undefined>
  /** Whether the server itself has said something in this run: initialize may have been answered from memory. Left out: it has. */
  isMet?(): boolean
  /** Resolves when what the server initiates can be heard, or cannot; left out: that is not known. Never throws. */
  listening?(): Promise<void>
  /** The host talks to another conversation from now on: what it was asked in this one is void, and it hears of that. */
  leave?(reason: BridgeError): void
}

/** One without a handshake (MCP 2026-07-28): each message of the host says by itself what it needs said, in its `_meta`. */
export interface ModernConversation extends Conversation {
  /** A request of our own, complete with its `_meta`, whose answer the host does not see. @throws BridgeError why there is none */
  ask(request: Message, cause: Cause): Promise<Message | undefined>
}
