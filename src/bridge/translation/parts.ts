// The messages of a batch, which revision 2025-03-26 has.
import { type Message, parseMessage } from '../message/message.ts'
import { eachMessage } from '../message/pick.ts'

/** Each message of a batch; else the message itself. */
export function partsOf(message: Message): readonly Message[] {
  if (message.kind !== 'batch') return [message]
  const parts: Message[] = []
  eachMessage(message.bytes, ({ start, end }) => {
    const part = parseMessage(message.bytes.subarray(start, end))
    if (part) parts.push(part)
  })
  return parts
}
