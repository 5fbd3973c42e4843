// Messages of our own: answers in the place of the other side, refusals in JSON-RPC's numbers, and what else this program says.
import { type Message, parseMessage, type RawId } from './message.ts'
import type { Bytes } from './pick.ts'

/** JSON-RPC 2.0 section 5.1. */
export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
export const INTERNAL_ERROR = -32603

/** `json`: the text of the result. */
export const result = (id: RawId, json: string | Bytes): Message =>
  answerOf(id, Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":`), Buffer.from(json), END]), false)

const END = Buffer.from('}')

export const refusal = (id: RawId, code: number, message: string): Message =>
  answerOf(id, Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message })}}`), true)

/** An answer whose bytes need not be read again. */
export const answerOf = (id: RawId, bytes: Bytes, failed: boolean): Message => ({
  kind: 'response',
  asks: [],
  answers: [id],
  failed,
  bytes,
})

/** Any other message; the text must be a valid one. */
export const own = (text: string | Bytes): Message => parseMessage(Buffer.from(text)) as Message

/** notifications/cancelled for a request that this side has sent (MCP "Cancellation"). */
export const cancelled = (id: RawId, reason?: string): Message => {
  const said = reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`
  return own(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}${said}}}`)
}
