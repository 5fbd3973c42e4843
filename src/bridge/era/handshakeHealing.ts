// What is known of the server has proved wrong, or may have, for a host that begins with initialize: it is asked what it speaks, and
// the message that showed it goes to the other conversation, which is introduced to the server first. Loaded only then.
import { BridgeError } from '../../errors.ts'
import type { Cause } from '../../ports.ts'
import type { LegacyConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Message } from '../message/message.ts'
import { own } from '../message/ours.ts'
import { behindTheHost, sendAgain } from './behind.ts'
import { createKnownErrors, doubtsHandshake, doubtsHandshakeThrown, doubtsModernThrown } from './doubt.ts'
import type { Chosen, Conversations, HandshakeSideOptions } from './handshakeSide.ts'
import type { Held } from './hold.ts'
import { holdDoubtfulModern, type Proof, release } from './holding.ts'
import { hostInfoIn } from './hostInfo.ts'
import { hasHandshake, isWithoutType } from './supported.ts'

export interface HandshakeHealingOptions extends Omit<HandshakeSideOptions, 'legacy' | 'toModern'> {
  readonly conversations: Conversations
  /** From now on, the host talks to this one. */
  readonly use: (next: Chosen) => void
}

export interface HandshakeHealing {
  /** The server's own initialize behind the host's back, and initialized; resolves to its answer. */
  introduce(chosen: Chosen, cause: Cause): Promise<Message | undefined>
  /** The host's initialize was doubtful: it goes to the server as it is, or its answer to the host. */
  beginAgain(chosen: Chosen, held: Held, pending: PendingRequest, deliver: Deliver): Promise<void>
  /** A message failed in a session, or was refused as one of before 2026: it goes on in another way, or the host hears of that. */
  afterLegacy(chosen: Chosen, held: Held, pending: PendingRequest, deliver: Deliver): Promise<void>
  /** A message to a server of 2026, which may not be one any more. */
  carryModern(chosen: Chosen, pending: PendingRequest, deliver: Deliver): Promise<void>
  /** An answer of a server of 2026 as it came. */
  heard(chosen: Chosen, answer: Message): void
}

const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
const LISTS_CHANGED = ['tools', 'prompts', 'resources'].map(
  (name) => `{"jsonrpc":"2.0","method":"notifications/${name}/list_changed"}`,
)

export function createHandshakeHealing(options: HandshakeHealingOptions): HandshakeHealing {
  const { era, inFlight, conversations, use, log, deliver } = options
  /** What a message that failed found out, for all that failed beside it. */
  const changes = new WeakMap<Chosen, Promise<Chosen | 'same' | undefined>>()

  const introduceTo = introducer(options)

  /** How the server is spoken to by what it says of itself now; 'same': as before, undefined: it says nothing. */
  const look = async ({ isModern, initialize }: Chosen, cause: Cause): Promise<Chosen | 'same' | undefined> => {
    const asked = await era.ask(hostInfoIn(initialize), cause).catch(() => undefined)
    if (asked?.era === undefined) return undefined
    const isOther = asked.era === '2026' && !hasHandshake(asked.discover)
    if (isOther === isModern) return 'same'
    return { conversation: await conversations.open(isOther), isModern: isOther, initialize, isProven: true }
  }
  const other = async (chosen: Chosen, cause: Cause): Promise<Chosen | undefined> => {
    const found = await look(chosen, cause)
    return found === 'same' ? undefined : found
  }

  const change = async (chosen: Chosen): Promise<Chosen | 'same' | undefined> => {
    const next = await look(chosen, 'background')
    if (!next || next === 'same') return next
    const answer = await introduceTo(next.conversation, next.initialize, 'background')
    if (!answer || answer.failed) return undefined
    log.info('proxy:era', { reason: 'the server has changed' })
    conversations.retire(chosen, CHANGED)
    use(next)
    for (const changed of LISTS_CHANGED) await deliver(own(changed))
    return next
  }
  const changeOnce = (chosen: Chosen) => {
    const known = changes.get(chosen) ?? change(chosen)
    changes.set(chosen, known)
    return known
  }

  return {
    async introduce(chosen, cause) {
      const held = await introduceTo(chosen.conversation, chosen.initialize, cause).then(
        (answer): Held => ({ answer }),
        (thrown: unknown): Held => ({ thrown }),
      )
      const { answer, thrown } = held
      const isDoubtful = answer ? doubtsHandshake(answer) : thrown !== undefined && doubtsHandshakeThrown(thrown)
      const next = !chosen.isModern && !chosen.isProven && isDoubtful ? await other(chosen, cause) : undefined
      if (next) {
        use(next)
        return introduceTo(next.conversation, next.initialize, cause)
      }
      if (thrown !== undefined) throw thrown
      return answer
    },
    async beginAgain(chosen, held, pending, deliver) {
      const next = await other(chosen, pending.cause)
      if (!next) return release(held, pending, deliver)
      use(next)
      await sendAgain(next.conversation, inFlight, pending, deliver)
    },
    async afterLegacy(chosen, held, pending, deliver) {
      const { open, message, signal } = pending
      const { answer, thrown } = held
      const isDoubtful =
        answer || (doubtsHandshakeThrown(thrown) && !(chosen.isAsItWasFor4xx && doubtsModernThrown(thrown)))
      if (!answer && (!isDoubtful || open.size !== message.asks.length)) throw thrown
      signal.throwIfAborted()
      const next = await changeOnce(chosen)
      if (!next || next === 'same') {
        changes.delete(chosen)
        if (answer) chosen.isAsItWas = true
        else if (doubtsModernThrown(thrown)) chosen.isAsItWasFor4xx = true
        return release(held, pending, deliver)
      }
      if (message.kind === 'response') return
      await sendAgain(next.conversation, inFlight, pending, deliver)
    },
    async carryModern(chosen, pending, deliver) {
      // What proves something is seen in the server's own answers: others are given here, and all are translated.
      chosen.known ??= createKnownErrors()
      const proof: Proof = { isProven: chosen.isProven, known: chosen.known, onWithoutType: () => undefined }
      const held = await holdDoubtfulModern(chosen.conversation, pending, proof, deliver)
      if (!held) return
      const next = await changeOnce(chosen)
      if (next && next !== 'same') return sendAgain(next.conversation, inFlight, pending, deliver)
      changes.delete(chosen)
      if (next === 'same') {
        chosen.isProven = true
        if (held.answer) chosen.known.add(held.answer)
      }
      await release(held, pending, deliver)
    },
    heard(chosen, answer) {
      if (answer.failed || chosen.isProven) return
      chosen.isProven = true
      // It may be of a server from before 2026 that has no sessions.
      if (isWithoutType(answer)) void era.ask(hostInfoIn(chosen.initialize), 'background').catch(() => undefined)
    },
  }
}

const CHANGED = new BridgeError('session_lost')

/** Says initialize and initialized behind the host's back; resolves to the answer. */
const introducer =
  ({ inFlight, deliver }: HandshakeHealingOptions) =>
  async (conversation: LegacyConversation, initialize: Message, cause: Cause): Promise<Message | undefined> => {
    const answer = await behindTheHost(conversation, inFlight, initialize, cause, deliver)
    if (answer && !answer.failed) await behindTheHost(conversation, inFlight, own(INITIALIZED), cause, deliver)
    return answer
  }
