// The standing GET stream for messages that the server initiates (MCP Streamable HTTP, "Listening for Messages").
import type { Cause, Clock, Logger } from '../../ports.ts'
import type { Message } from '../message/message.ts'
import { isSessionLost } from '../session/lost.ts'
import type { Session } from '../session/session.ts'
import { resumption, type StreamPosition } from './body/eventStream.ts'
import type { BodyOptions, Deliver } from './body/messages.ts'
import { EVENT_STREAM } from './body/reader.ts'
import { createPauses } from './pauses.ts'
import { isRefusal, isRefusedStatus } from './refusal.ts'
import { opensStream, readMessages, readStart } from './response.ts'
import type { Send } from './send.ts'
import { follow, type StreamEnd } from './standing.ts'

export interface ListenOptions {
  readonly send: Send
  readonly session: Session
  readonly clock: Clock
  readonly log: Logger
  readonly limit: number
  readonly awaits: BodyOptions['awaits']
  readonly deliver: Deliver
  /** The server has answered the first request for the stream, or it failed. */
  readonly onAnswered?: (() => void) | undefined
  /** Restores the session with this id. */
  readonly renew: (lost: string, cause: Cause) => Promise<void>
}

/** Keeps one stream open until `signal` aborts or the server says it offers none. Never throws. */
export async function listen(options: ListenOptions, signal: AbortSignal): Promise<void> {
  const { send, session, clock, log, renew } = options
  const position: StreamPosition = {}
  const { id } = session
  const odd = () => log.warn('proxy:listen', { reason: 'not an MCP message' })
  let opened = 0
  let stream = follow(signal)
  let endsFor: StreamEnd | undefined
  const whenOutlived = (why: StreamEnd) => {
    endsFor = why
    stream.abort()
  }
  const pauses = createPauses()
  while (!signal.aborted) {
    const began = clock.awake()
    let messages = 0
    let isRefused = false
    stream.leave()
    stream = follow(signal)
    try {
      const headers = { accept: EVENT_STREAM, ...session.headers(), ...resumption(position) }
      const posted = session.id
      // The silence of a stream is not that of a server which does not answer.
      const patience = { held: true, turns: 0 }
      const response = await send(
        { method: 'GET', headers, signal: stream.signal, patience, whenOutlived },
        'background',
      )
      options.onAnswered?.()
      const { status } = response
      if (opensStream(response)) {
        opened++
        const take = async (message: Message) => {
          messages++
          const heard = message.kind === 'response' ? message : session.hear(message, posted)
          if (heard) await options.deliver(heard)
        }
        await readMessages(response, { ...options, position }, { take, odd })
      } else {
        log.debug('proxy:listen', { status })
        isRefused = isRefusedStatus(status)
        // That there is no such session is said only where there was a stream before; else there are no streams.
        const lost = opened > 0 ? id : undefined
        if (status === 405 || (status === 404 && lost === undefined)) return response.discard()
        patience.held = false
        const start = lost === undefined || status < 400 ? undefined : await readStart(response)
        response.discard()
        if (lost !== undefined && start && isSessionLost(status, start)) return await renew(lost, 'background')
      }
    } catch (thrown) {
      options.onAnswered?.()
      if (signal.aborted) return
      isRefused = isRefusal(thrown)
      log.debug('proxy:listen', { reason: thrown instanceof Error ? thrown.message : String(thrown) })
    }
    // Not there for this token, though calls may work: `send` tells when another one is sent.
    if (isRefused) await aborted(stream.signal)
    if (stream.signal.aborted) {
      // Opened again for the account that is signed in now, which must not hear what was meant for another one.
      if (endsFor === 'outlived') delete position.lastId
      continue
    }
    const pause = pauses.after({ messages, livedMs: clock.awake() - began, retryMs: position.retryMs })
    await clock.sleep(pause, signal).catch(() => undefined)
  }
}

const aborted = (signal: AbortSignal) =>
  signal.aborted
    ? Promise.resolve()
    : new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
