// What a 2025 host hears of changes at a 2026 server, for as long as it listens: a stream that ends is opened again, less and less often.
import { asBridgeError, BridgeError } from '../../../errors.ts'
import type { Logger } from '../../../ports.ts'
import { createPauses } from '../../http/pauses.ts'
import { isRefusal } from '../../http/refusal.ts'
import { type Message, parseMessage } from '../../message/message.ts'
import { orAborted } from '../orAborted.ts'
import { createHostStream, type HostStreamOptions } from './hostStream.ts'
import { NOT_OFFERED } from './listenStream.ts'
import { createWaits } from './waits.ts'

export interface HostListenOptions extends HostStreamOptions {
  readonly log: Logger
}

export interface HostListen {
  /** From here on, until `stop`. */
  start(): void
  /** Resolves when the server has agreed, or refused: false. @throws BridgeError why it was not asked, the reason of `signal` */
  subscribe(uri: string, signal: AbortSignal): Promise<boolean>
  /** Resolves when the server sends no more of it. @throws the reason of `signal` */
  unsubscribe(uri: string, signal: AbortSignal): Promise<void>
  /** The server has answered something: a stream that was refused may be opened now. */
  poke(): void
  stop(): void
}

/** Of a stream that was not opened. */
const NONE = { messages: 0, livedMs: 0 }

export function createHostListen(options: HostListenOptions): HostListen {
  const { lists, clock, log, deliver } = options
  const ending = new AbortController()
  const stream = createHostStream(options)
  const pauses = createPauses()
  let isStarted = false
  /** The token was refused. */
  let isParked = false
  const waits = createWaits(clock, () => stream.isAwaited || ending.signal.aborted)

  /** Nothing is replayed: what may have changed meanwhile is said to have. */
  const tellMissed = async () => {
    stream.isMissed = false
    for (const list of lists) await deliver(notification(`notifications/${list}/list_changed`))
    for (const uri of stream.agreed) await deliver(notification('notifications/resources/updated', { uri }))
  }

  const afterFailure = async (error: BridgeError) => {
    log.debug('proxy:listen', { code: error.code, reason: error.message })
    if (stream.current) return
    if (error.details.reason === NOT_OFFERED) {
      await waits.untilWoken()
      return
    }
    // The host asks for lists of which it would not hear.
    stream.isMissed = true
    isParked = isRefusal(error)
    await waits.pause(isParked ? pauses.longest() : pauses.after(NONE))
    isParked = false
  }

  const run = async () => {
    while (!ending.signal.aborted) {
      const began = clock.awake()
      const error = await stream.replace(ending.signal)
      if (ending.signal.aborted) return
      const { current } = stream
      if (error) await afterFailure(error)
      else if (stream.isMissed && current) await tellMissed()
      if (current) {
        if ((await waits.until(() => current.over)) === 'woken') continue
        await waits.pause(pauses.after({ messages: current.heard, livedMs: clock.awake() - began }))
      } else if (!error) await waits.untilWoken()
    }
  }

  const start = () => {
    if (isStarted) return
    isStarted = true
    run().catch((thrown: unknown) => log.warn('proxy:listen', { message: asBridgeError(thrown).message }))
  }
  const startAnew = () => {
    start()
    waits.wake()
  }

  return {
    start,
    subscribe(uri, signal) {
      const agreed = stream.add(uri)
      if (stream.isAwaited) startAnew()
      return orAborted(agreed, signal)
    },
    async unsubscribe(uri, signal) {
      const removed = stream.remove(uri)
      if (!removed) return
      startAnew()
      await orAborted(
        removed.catch(() => undefined),
        signal,
      )
    },
    poke() {
      if (isParked) waits.wake()
    },
    stop() {
      const reason = new BridgeError('server_unreachable', { message: 'The stream of changes was ended here.' })
      ending.abort(reason)
      stream.end(reason)
      waits.wake()
    },
  }
}

const notification = (method: string, params?: object) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))) as Message
