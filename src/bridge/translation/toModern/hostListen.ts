// What a 2025 host hears of changes at a 2026 server: one listen stream carries its lists and its subscribed resources; another set of
// resources is another stream, which is acknowledged before the old one is closed.
import { asBridgeError, BridgeError } from '../../../errors.ts'
import type { Clock, Logger } from '../../../ports.ts'
import { isRefusal } from '../../http/refusal.ts'
import { type Message, parseMessage } from '../../message/message.ts'
import {
  type Changing,
  type ListenStream,
  type ListenStreamOptions,
  NOT_OFFERED,
  openListenStream,
} from './listenStream.ts'
import { orAborted } from './orAborted.ts'

export interface HostListenOptions extends ListenStreamOptions {
  /** The lists whose changes the server tells. */
  readonly lists: readonly Changing[]
  readonly clock: Clock
  readonly log: Logger
  /** How long an acknowledgment may take, in ms; 0: no limit. */
  readonly timeoutMs: number
}

export interface HostListen {
  /** From here on, until `stop`. */
  start(): void
  /** Resolves when the server has agreed, or refused: false. @throws BridgeError why it was not asked, the reason of `signal` */
  subscribe(uri: string, signal: AbortSignal): Promise<boolean>
  /** Resolves when the server sends no more of it. Never throws. */
  unsubscribe(uri: string): Promise<void>
  /** The server has answered something: a stream that was refused may be opened now. */
  poke(): void
  stop(): void
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000
/** A stream that lived this long, in ms, was useful even without a message. */
const WORTHWHILE_MS = 5_000

interface Waiter {
  readonly uri: string | undefined
  readonly settle: (isAgreed: boolean) => void
  readonly fail: (error: BridgeError) => void
}

export function createHostListen(options: HostListenOptions): HostListen {
  const { lists, clock, log, timeoutMs, deliver } = options
  const ending = new AbortController()
  const uris = new Set<string>()
  const waiters: Waiter[] = []
  let current: ListenStream | undefined
  let agreed: ReadonlySet<string> = new Set()
  let isStarted = false
  let isParked = false
  /** There was a time without a stream. */
  let isMissed = false
  /** Something else is wanted than what the stream was opened with. */
  let wake: () => void = () => undefined

  /** Resolves to 'woken' when somebody wants something else. */
  const orWoken = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | 'woken'> => {
    const over = new AbortController()
    const woken = new Promise<'woken'>((resolve) => {
      wake = () => resolve('woken')
    })
    if (waiters.length > 0 || ending.signal.aborted) wake()
    try {
      return await Promise.race([work(over.signal), woken])
    } finally {
      over.abort()
    }
  }

  const acknowledged = async (stream: ListenStream): Promise<ReadonlySet<string>> => {
    if (timeoutMs === 0) return stream.acknowledged
    const over = new AbortController()
    const late = clock.sleep(timeoutMs, over.signal).then(() => Promise.reject(new BridgeError('server_timeout')))
    try {
      return await Promise.race([stream.acknowledged, late])
    } finally {
      over.abort()
    }
  }

  /** Nothing is replayed: what may have changed meanwhile is said to have. */
  const tellMissed = async () => {
    for (const list of lists) await deliver(notification(`notifications/${list}/list_changed`))
    for (const uri of agreed) await deliver(notification('notifications/resources/updated', { uri }))
  }

  /** Opens the stream for what is wanted now, in the place of the one that is open. */
  const replace = async (): Promise<BridgeError | undefined> => {
    const mine = waiters.splice(0)
    const wanted = { lists, uris: [...uris] }
    if (lists.length === 0 && uris.size === 0) {
      current?.close()
      current = undefined
      for (const { settle } of mine) settle(false)
      return undefined
    }
    const next = openListenStream(options, wanted, mine.some(({ uri }) => uri !== undefined) ? 'start' : 'background')
    try {
      agreed = await orAborted(acknowledged(next), ending.signal)
    } catch (thrown) {
      next.close()
      const error = asBridgeError(thrown)
      for (const { uri, fail } of mine) {
        if (uri !== undefined && !agreed.has(uri)) uris.delete(uri)
        fail(error)
      }
      return error
    }
    current?.close()
    current = next
    void next.over.then(() => {
      if (current !== next) return
      current = undefined
      isMissed = true
    })
    for (const { uri, settle } of mine) {
      const isAgreed = uri !== undefined && agreed.has(uri)
      if (uri !== undefined && !isAgreed) uris.delete(uri)
      settle(isAgreed)
    }
    return undefined
  }

  const run = async () => {
    let wait = FIRST_WAIT_MS
    while (!ending.signal.aborted) {
      const began = clock.awake()
      const error = await replace()
      if (ending.signal.aborted) return
      if (!error) {
        if (isMissed && current) await tellMissed()
        isMissed = false
      } else log.debug('proxy:listen', { code: error.code, reason: error.message })
      const stream = current
      if (!stream) {
        const isOver = !error || error.details.reason === NOT_OFFERED
        isParked = error !== undefined && isRefusal(error)
        const pause = isOver ? Number.POSITIVE_INFINITY : isParked ? LONGEST_WAIT_MS : wait
        wait = Math.min(wait * 2, LONGEST_WAIT_MS)
        isMissed ||= !isOver
        await orWoken((signal) => rest(pause, signal))
        isParked = false
        continue
      }
      if ((await orWoken(() => stream.over)) === 'woken') continue
      if (stream.heard > 0 || clock.awake() - began >= WORTHWHILE_MS) wait = FIRST_WAIT_MS
      await orWoken((signal) => rest(wait, signal))
      wait = Math.min(wait * 2, LONGEST_WAIT_MS)
    }
  }

  const rest = (ms: number, signal: AbortSignal) =>
    ms === Number.POSITIVE_INFINITY
      ? new Promise<void>(() => undefined)
      : clock.sleep(ms * (1 + Math.random() / 4), signal).catch(() => undefined)

  const start = () => {
    if (isStarted || ending.signal.aborted) return
    isStarted = true
    run().catch((thrown: unknown) => log.warn('proxy:listen', { message: asBridgeError(thrown).message }))
  }

  const ask = (uri: string | undefined) => {
    const answered = new Promise<boolean>((settle, fail) => waiters.push({ uri, settle, fail }))
    answered.catch(() => undefined)
    start()
    wake()
    return answered
  }

  return {
    start,
    async subscribe(uri, signal) {
      if (current && agreed.has(uri) && uris.has(uri)) return true
      uris.add(uri)
      return orAborted(ask(uri), signal)
    },
    async unsubscribe(uri) {
      if (!uris.delete(uri)) return
      await ask(undefined).catch(() => undefined)
    },
    poke() {
      if (isParked) wake()
    },
    stop() {
      ending.abort(new BridgeError('server_unreachable', { message: 'The stream of changes was ended here.' }))
      current?.close()
      wake()
      for (const { fail } of waiters.splice(0)) fail(ending.signal.reason as BridgeError)
    },
  }
}

const notification = (method: string, params?: object) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))) as Message
