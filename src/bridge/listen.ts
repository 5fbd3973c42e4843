// The standing GET stream for what the server says on its own account (MCP Streamable HTTP, "Listening for Messages").
import type { Clock, Logger } from '../ports.ts'
import { readEvents, type StreamPosition } from './eventStream.ts'
import type { Deliver } from './exchange.ts'
import { look } from './message.ts'
import type { Send } from './send.ts'
import type { Session } from './session.ts'

export interface ListenOptions {
  readonly send: Send
  readonly session: Session
  readonly clock: Clock
  readonly log: Logger
  readonly limit: number
  readonly deliver: Deliver
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** A server may ask for more patience than our own back-off has, but not for ever. */
const LONGEST_RETRY_MS = 10 * 60_000

/** Keeps one stream open until `signal` aborts or the server says it offers none. Never throws. */
export async function listen(
  { send, session, clock, log, limit, deliver }: ListenOptions,
  signal: AbortSignal,
): Promise<void> {
  const position: StreamPosition = {}
  let wait = FIRST_WAIT_MS
  while (!signal.aborted) {
    try {
      const lastId = position.lastId === undefined ? {} : { 'last-event-id': position.lastId }
      const headers = { accept: 'text/event-stream', ...session.headers(), ...lastId }
      const response = await send({ method: 'GET', headers, signal, idleMs: 0 }, 'background')
      if (response.status !== 200 || !String(response.headers['content-type']).startsWith('text/event-stream')) {
        response.discard()
        log.debug('proxy:listen', { status: response.status })
        if (response.status === 405 || (response.status === 404 && session.id === undefined)) return
      } else {
        for await (const event of readEvents(response.body, position, limit)) {
          wait = FIRST_WAIT_MS
          const message = look(event.data)
          if (message) await deliver(message)
          else log.warn('proxy:listen', { reason: 'not an MCP message' })
        }
      }
    } catch (thrown) {
      if (signal.aborted) return
      log.debug('proxy:listen', { reason: thrown instanceof Error ? thrown.message : String(thrown) })
    }
    const jitter = 0.75 + Math.random() / 2
    await clock.sleep(Math.min(position.retryMs ?? wait, LONGEST_RETRY_MS) * jitter, signal).catch(() => undefined)
    wait = Math.min(wait * 2, LONGEST_WAIT_MS)
  }
}
