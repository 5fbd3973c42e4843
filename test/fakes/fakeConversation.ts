// A conversation whose answers a test scripts, and what it was given.
import type { LegacyConversation, ModernConversation } from '../../src/bridge/conversation.ts'
import { type Message, parseMessage } from '../../src/bridge/message/message.ts'
import { rpcError } from '../../src/bridge/message/rpcError.ts'
import type { Cause } from '../../src/ports.ts'

/** A result, an error object under `error`, nothing for a notification, or what it throws. */
export type Reply = (message: {
  id?: unknown
  method: string
  params?: unknown
}) => object | undefined | Promise<object | undefined>

/** What a host hears, parsed. */
export interface Heard {
  readonly id: number
  readonly method: string
  readonly result: Readonly<Record<string, unknown>>
  readonly error: { readonly code: number; readonly message: string; readonly data: unknown }
}

export const messageOf = (value: object): Message =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value }))) as Message

export function createFakeConversation(reply: Reply) {
  const heard: { method: string; cause: Cause }[] = []
  let isOver = false
  const leaves: string[] = []
  const answer = async (message: Message, cause: Cause) => {
    const said = JSON.parse(Buffer.from(message.bytes).toString('utf8'))
    heard.push({ method: said.method, cause })
    const replied = await reply(said)
    if (said.id === undefined || replied === undefined) return undefined
    return messageOf({ id: said.id, ...('error' in replied ? replied : { result: replied }) })
  }
  const conversation: LegacyConversation & ModernConversation = {
    async exchange(pending, before, deliver) {
      await before
      const answered = await answer(pending.message, pending.cause)
      if (!answered) return
      for (const id of answered.answers) pending.open.delete(id)
      await deliver(answered)
    },
    refusal: rpcError,
    initialize: async () => undefined,
    tell: async (message) => void (await answer(message, 'start')),
    ask: answer,
    leave: ({ code }) => void leaves.push(code),
    async end() {
      isOver = true
    },
  }
  return {
    conversation,
    heard,
    /** Why the host talks to another conversation, each time it does. */
    leaves,
    methods: () => heard.map(({ method }) => method),
    get isOver() {
      return isOver
    },
  }
}
