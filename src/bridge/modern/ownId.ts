// Ids of our own for requests to a server, and messages under another id than their own.
import { randomUUID } from 'node:crypto'
import { type Message, parseMessage, type RawId } from '../message/message.ts'
import { splice } from '../message/splice.ts'

/** A new one each time, without its quotation marks. */
export const ownId = () => `mcp-oauth-bridge-${randomUUID()}`

/** The same message under another id. */
export const withId = ({ bytes }: Message, id: RawId): Message =>
  parseMessage(splice(bytes, [{ path: ['id'], json: id }])) as Message
