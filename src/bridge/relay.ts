// The requests in flight between host and server: who is answered what, and how it all ends.
import { setMaxListeners } from 'node:events'
import { asBridgeError, BridgeError, withoutControls } from '../errors.ts'
import type { Clock, Logger } from '../ports.ts'
import { createExchange } from './exchange.ts'
import { listen } from './listen.ts'
import { guessId, type IdText, look, type Message } from './message.ts'
import { rpcError } from './rpcError.ts'
import type { Send } from './send.ts'
import { createSession } from './session.ts'
import type { LineWriter } from './stdout.ts'

export interface RelayOptions {
  readonly send: Send
  readonly writer: LineWriter
  readonly clock: Clock
  readonly log: Logger
  /** Largest message from the server, in bytes. */
  readonly answerLimit: number
}

export interface Relay {
  /** One line of the host, without its line feed. */
  line(bytes: Uint8Array): void
  /** A line that was over the limit; only its start is known. */
  tooLong(start: Uint8Array): void
  /** Lets requests in flight finish for up to `graceMs`, aborts the rest and deletes the session. */
  close(graceMs: number): Promise<void>
}

/** Request ids for the log; a host may put anything into them. */
const nameOf = (ids: readonly IdText[]) => withoutControls(ids.join(', ')).slice(0, 80)

/** How long the session's DELETE may hold up the end, in ms. */
const DELETE_MS = 500

export function createRelay({ send, writer, clock, log, answerLimit }: RelayOptions): Relay {
  const session = createSession()
  const exchange = createExchange({ send, session, limit: answerLimit })
  const ending = new AbortController()
  // Every request in flight listens to it; there is no bound to warn about.
  setMaxListeners(0, ending.signal)
  const inFlight = new Set<Promise<void>>()
  let turn: Promise<void> = Promise.resolve()
  let listening = false

  /** Made only when somebody reads it: messages cost nothing more otherwise. */
  const trace = log.wants?.('proxy:request')
    ? (event: string, ids: readonly IdText[], method?: string) => log.debug(event, { request: nameOf(ids), method })
    : undefined

  const deliver = (message: Message) => writer.write(message.bytes)

  const handle = async (message: Message): Promise<void> => {
    const open = new Set(message.asks)
    trace?.('proxy:request', message.asks, message.method)
    try {
      await exchange(message, ending.signal, (answer) => {
        trace?.('proxy:answer', answer.answers, answer.method)
        for (const id of answer.answers) open.delete(id)
        return deliver(answer)
      })
      if (message.method === 'notifications/initialized' && !listening) {
        listening = true
        void listen({ send, session, clock, log, limit: answerLimit, deliver }, ending.signal)
      }
    } catch (thrown) {
      if (!ending.signal.aborted) await refuse([...open], asBridgeError(thrown), message.method)
    }
  }

  /** A notification is never answered; its failure is only logged. */
  const refuse = async (ids: IdText[], error: BridgeError, method?: string) => {
    const request = ids.length === 0 ? undefined : nameOf(ids)
    log.warn('proxy:request-failed', { request, method, code: error.code, message: error.message })
    for (const id of ids) await writer.write(rpcError(id, error))
  }

  const track = (work: Promise<void>) => {
    inFlight.add(work)
    void work.finally(() => inFlight.delete(work))
    return work
  }

  return {
    line(bytes) {
      const message = look(bytes)
      if (message) {
        // What follows initialize or initialized needs what they establish: it waits its turn.
        const work = track(turn.then(() => handle(message)))
        if (message.method === 'initialize' || message.method === 'notifications/initialized') turn = work
      } else if (bytes.some((byte) => byte > 0x20)) {
        const error = new BridgeError('invalid_protocol', {
          message: 'The host sent a line that is not one JSON-RPC message.',
        })
        const id = guessId(bytes.subarray(0, 64 * 1024))
        void track(refuse(id === undefined ? [] : [id], error))
      }
    },
    tooLong(start) {
      const id = guessId(start)
      void track(refuse(id === undefined ? [] : [id], new BridgeError('message_too_large')))
    },
    async close(graceMs) {
      const grace = new AbortController()
      await Promise.race([Promise.all(inFlight), clock.sleep(graceMs, grace.signal).catch(() => undefined)])
      grace.abort()
      ending.abort(new BridgeError('server_unreachable', { message: 'The bridge is ending.' }))
      await deleteSession()
      await writer.flush()
    },
  }

  async function deleteSession(): Promise<void> {
    if (session.id === undefined) return
    try {
      const response = await send(
        { method: 'DELETE', headers: session.headers(), signal: AbortSignal.timeout(DELETE_MS), idleMs: DELETE_MS },
        'background',
      )
      response.discard()
    } catch (thrown) {
      log.debug('proxy:session-delete', { code: asBridgeError(thrown).code })
    }
    session.forget()
  }
}
