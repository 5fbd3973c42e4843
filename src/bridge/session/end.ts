// Tells the server that a session is over (MCP Streamable HTTP, "Session Management"), within a short time or not at all.
import { asBridgeError } from '../../errors.ts'
import type { Logger } from '../../ports.ts'
import type { Send } from '../http/send.ts'
import type { Session } from './session.ts'

/** How long it may delay the exit, in ms. */
export const LAST_WORDS_MS = 500

/** Never throws: a server may refuse (405), and a server that is gone has no session. */
export async function endSession(session: Session, send: Send, log: Logger): Promise<void> {
  if (session.id === undefined) return
  const headers = session.headers()
  session.forget()
  try {
    const signal = AbortSignal.timeout(LAST_WORDS_MS)
    const response = await send({ method: 'DELETE', headers, signal, idleMs: LAST_WORDS_MS }, 'background')
    response.discard()
  } catch (thrown) {
    log.debug('proxy:session-delete', { code: asBridgeError(thrown).code })
  }
}
