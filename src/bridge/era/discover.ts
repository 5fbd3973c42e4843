// A host's server/discover before anything else: answered from memory or with the server's word, refused where the server begins with
// initialize, because hosts that speak both go on with that and pass untouched; loaded only when a host asks.
import type { EraMemory } from '../../eraMemory.ts'
import { asBridgeError } from '../../errors.ts'
import type { Clock, Logger } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { methodNotFound } from '../message/rpcError.ts'
import { hostNameIn } from './hostInfo.ts'
import type { ServerEra } from './serverEra.ts'

export interface DiscoverOptions {
  readonly era: ServerEra
  readonly memory?: EraMemory | undefined
  /** Whether it is known that nobody is signed in. */
  readonly isSignedOut: () => Promise<boolean>
  readonly modern: () => Promise<Conversation>
  readonly clock: Clock
  readonly log: Logger
}

/** How long the host may wait for the word of a server of which nothing is known, in ms: one wide-spread host gives up after 3 s. */
const LONGEST_MS = 2_000
const NOTHING = Promise.resolve()

export type CarryDiscover = (pending: PendingRequest, deliver: Deliver) => Promise<void>

export function createDiscover(options: DiscoverOptions): CarryDiscover {
  const { era, memory, isSignedOut, modern, clock, log } = options
  /** Hosts whose question was refused in this process. */
  const refusedHere = new Set<string>()

  const refuse = async (pending: PendingRequest, name: string, deliver: Deliver) => {
    const [id = 'null'] = pending.message.asks
    const answer = parseMessage(methodNotFound(id))
    if (answer && !pending.signal.aborted) await deliver(answer)
    refusedHere.add(name)
    try {
      if ((await memory?.loadOpening(name)) === undefined) await memory?.saveOpening(name, 'refused')
    } catch (thrown) {
      log.debug('proxy:era', { code: asBridgeError(thrown).code })
    }
  }

  /** It was refused in an earlier process that then ended, and it does not say initialize: it speaks 2026 only. */
  const speaksModernOnly = async (name: string) => {
    const opening = await memory?.loadOpening(name)
    if (opening === 'refused' && !refusedHere.has(name)) {
      log.info('proxy:era', { host: '2026' })
      await memory?.saveOpening(name, 'modern')
      return true
    }
    return opening === 'modern'
  }

  /** The server's own word to the host's own question; 'late' after the bound, 'nothing' where it says nothing of its era. */
  const ask = async ({ message, signal }: PendingRequest) => {
    const over = new AbortController()
    const late = clock.sleep(LONGEST_MS, over.signal).then(
      () => 'late' as const,
      () => 'late' as const,
    )
    const asking = era.ask(message, 'background').catch((thrown: unknown) => {
      log.debug('proxy:era', { code: asBridgeError(thrown).code })
      return { era: undefined, answer: undefined }
    })
    const first = await Promise.race([asking, late])
    over.abort()
    signal.throwIfAborted()
    return first === 'late' ? { era: undefined, answer: undefined } : first
  }

  return async (pending, deliver) => {
    const { message } = pending
    const known = await era.known()
    if (known === '2025') {
      const name = hostNameIn(message)
      const isAnswered = await speaksModernOnly(name).catch(() => false)
      return isAnswered ? (await modern()).exchange(pending, NOTHING, deliver) : refuse(pending, name, deliver)
    }
    if (known === undefined && !(await isSignedOut())) {
      const asked = await ask(pending)
      if (asked.era === '2025') return refuse(pending, hostNameIn(message), deliver)
      const { answer } = asked
      if (asked.era === '2026' && answer?.answers[0] === message.asks[0]) return deliver(answer as Message)
    }
    await (await modern()).exchange(pending, NOTHING, deliver)
  }
}
