// What a host of MCP 2026-07-28 asks at its start, server/discover and its lists: the server's answer, or one in its place where that
// would have to wait for a person, comes late, or fails.
import type { BridgeError } from '../../../errors.ts'
import { memoizeAsync } from '../../../memoizeAsync.ts'
import type { ModernConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Message } from '../../message/message.ts'
import { type Carry, createPatience, isForHere, never, serverOrHere } from '../patience.ts'
import type { DescriptionOptions } from './description.ts'
import type { ModernInPlace } from './inPlace.ts'

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

export function createOpening(options: OpeningOptions): Opening {
  const { conversation, watch, write, asks, isMet, inPlace, hear } = options
  const patience = createPatience(options)
  const description = memoizeAsync(async () => (await import('./description.ts')).createDescription(options))
  const isTold = (why: 'due' | BridgeError) => why === 'due' || isForHere(why, asks, isMet())

  return {
    async discover(pending, before, deliver) {
      const { message } = pending
      const line = isMet() ? undefined : await (await description()).atStart(message)
      if (line) {
        await write(line)
        return (await description()).renew(message)
      }
      await serverOrHere(
        {
          exchange: conversation.exchange,
          due: (over) => (isMet() ? never() : patience.server(over)),
          answerHere: (why) => (isTold(why) ? description().then(({ anyway }) => anyway(message)) : undefined),
          write,
        },
        [pending, before, hear(message, deliver)],
      )
    },
    async list(pending, before, deliver) {
      const { message } = pending
      // The right list late is better than none at once, but not than the last one.
      const half = async () => (await inPlace()).whenToTell(message)
      const answerHere = async (why: 'due' | BridgeError) => {
        const here = await inPlace()
        const line = await here.list(message, why === 'due' ? undefined : why)
        if (why === 'due' && !watch.waiting) here.check()
        return line
      }
      await serverOrHere(
        {
          exchange: conversation.exchange,
          due(over) {
            const person = patience.person(pending, over)
            return isMet() ? person : Promise.race([person, patience.server(over, half)])
          },
          answerHere: (why) => (isTold(why) ? answerHere(why) : undefined),
          write,
        },
        [pending, before, hear(message, deliver)],
      )
    },
  }
}
