// What a host of MCP 2026-07-28 asks at its start, server/discover and its lists: the server's answer, or one in its place where that
// would have to wait for a person, comes late, or fails.
import { asBridgeError, type BridgeError } from '../../../errors.ts'
import { memoizeAsync } from '../../../memoizeAsync.ts'
import type { ModernConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Message } from '../../message/message.ts'
import { ANSWERED_HERE, type Carry } from './calls.ts'
import type { DescriptionOptions } from './description.ts'
import type { ModernInPlace } from './inPlace.ts'
import { createPatience, never } from './patience.ts'

export interface OpeningOptions extends DescriptionOptions {
  readonly conversation: Pick<ModernConversation, 'exchange'>
  /** The server has answered something in this run. */
  readonly isMet: () => boolean
  readonly inPlace: () => Promise<ModernInPlace>
  /** Hands on what the server answers to this request. */
  readonly hear: (request: Message, deliver: Deliver) => Deliver
}

export interface Opening {
  readonly discover: Carry
  readonly list: Carry
}

/** The answer in the server's place. `reason`: why the server gives none; undefined: it is slow, or a person is waited for. */
type AnswerHere = (reason: BridgeError | undefined) => Promise<Uint8Array>

export function createOpening(options: OpeningOptions): Opening {
  const { conversation, watch, write, asks, isMet, inPlace, hear } = options
  const patience = createPatience(options)
  const description = memoizeAsync(async () => (await import('./description.ts')).createDescription(options))

  /** Whether the host is answered here instead of with this failure. */
  const isForHere = ({ code }: BridgeError) => (code === 'not_signed_in' ? asks : !isMet())

  const carryOr = async (
    [pending, before, deliver]: Parameters<Carry>,
    due: (over: AbortSignal) => Promise<'due'>,
    answerHere: AnswerHere,
  ) => {
    const { message, signal, open } = pending
    let isAnsweredHere = false
    const heard = hear(message, deliver)
    const over = new AbortController()
    const asking = conversation.exchange(pending, before, async (answer) => {
      if (!isAnsweredHere) await heard(answer)
    })
    let reason: BridgeError | undefined
    try {
      if ((await Promise.race([asking, due(over.signal)])) !== 'due') return
    } catch (thrown) {
      reason = asBridgeError(thrown)
      if (signal.aborted || open.size === 0 || !isForHere(reason)) throw thrown
    } finally {
      over.abort()
    }
    if (signal.aborted || open.size === 0) return asking
    isAnsweredHere = true
    asking.catch(() => undefined)
    const line = await answerHere(reason)
    if (signal.aborted) return
    pending.abort(ANSWERED_HERE)
    await write(line)
  }

  return {
    async discover(pending, before, deliver) {
      const { message } = pending
      const line = isMet() ? undefined : await (await description()).atStart(message)
      if (line) {
        await write(line)
        return (await description()).renew(message)
      }
      const due = (over: AbortSignal) => (isMet() ? never() : patience.server(over))
      await carryOr([pending, before, deliver], due, async () => (await description()).anyway(message))
    },
    async list(pending, before, deliver) {
      const { message } = pending
      // The right list late is better than none at once, but not than the last one.
      const half = async () => (await inPlace()).whenToTell(message)
      const due = (over: AbortSignal) => {
        const person = patience.person(pending, over)
        return isMet() ? person : Promise.race([person, patience.server(over, half)])
      }
      await carryOr([pending, before, deliver], due, async (reason) => {
        const here = await inPlace()
        const line = await here.list(message, reason)
        if (!reason && !watch.waiting) here.check()
        return line
      })
    },
  }
}
