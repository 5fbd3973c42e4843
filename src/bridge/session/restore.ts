// Restores a session without the host noticing: its own initialize, then its log level and its subscriptions.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { type Session, versionOf } from './session.ts'

/** Sends one message and resolves to its answer, which the host does not see; undefined for a notification. */
export type Ask = (message: Message) => Promise<Message | undefined>

export const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')

/** @throws BridgeError session_lost when the server now uses another protocol version, or why it could not be reached */
export async function restore(initialize: Message, session: Session, ask: Ask, log: Logger): Promise<void> {
  const before = session.version
  const answer = await ask(initialize)
  const now = answer && versionOf(answer)
  if (now === undefined)
    throw new BridgeError('session_lost', { message: 'The server lost the session and refuses to start a new one.' })
  if (before !== undefined && now !== before) {
    throw new BridgeError('session_lost', {
      message: `The server now uses protocol version ${quote(now, 40)}, but the host uses ${before}.`,
    })
  }
  await ask(parseMessage(INITIALIZED) as Message)
  for (const message of session.kept) {
    try {
      await ask(message)
    } catch (thrown) {
      log.warn('proxy:restore', { method: message.method, code: asBridgeError(thrown).code })
    }
  }
  log.info('proxy:restore', { outcome: 'done' })
}
