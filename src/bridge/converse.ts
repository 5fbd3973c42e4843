// The conversation of one host, put together: what the host speaks, what the server speaks, the tools that are hidden, and what the host is
// told while a person signs in.
import type { Era, EraMemory } from '../eraMemory.ts'
import type { Authorizer, KnownAnswers } from '../ports.ts'
import type { Conversation, LegacyConversation, ModernConversation } from './conversation.ts'
import { createHandshakeSide } from './era/handshakeSide.ts'
import { createHostEra } from './era/hostEra.ts'
import { createServerEra, type ServerEra } from './era/serverEra.ts'
import { withoutHiddenTools } from './hiddenConversation.ts'
import type { HiddenTools } from './hideTools.ts'
import type { Deliver } from './http/body/messages.ts'
import { createLegacyConversation, type LegacyOptions } from './legacy/legacyConversation.ts'
import type { InFlight } from './message/inFlight.ts'
import type { Message } from './message/message.ts'
import { createHostQuestions } from './session/hostQuestions.ts'

export interface ConverseOptions extends Omit<LegacyOptions, 'inFlight' | 'deliver' | 'questions'> {
  /** Which revisions the server speaks: `auto` finds out. */
  readonly protocol: 'auto' | Era
  /** Left out: nothing is remembered of the server and its hosts. */
  readonly eras?: EraMemory
  /** Left out: what the server answered last is not known. */
  readonly known?: KnownAnswers
  /** Tells whose lists are kept while they are fresh. Left out: none are. */
  readonly authorizer?: Pick<Authorizer, 'headers' | 'outlived'>
  /** How long a call may wait for a person, in ms. Left out: not at all. */
  readonly holdCallMs?: number
  /** Left out: nothing is hidden. */
  readonly hiddenTools?: Promise<HiddenTools>
  /** What the host is told while a person signs in. Left out: the host waits for a person as long as that takes. */
  readonly signIn?: SignIn
}

export interface SignIn {
  /** Whether it is known that nobody is signed in. */
  readonly isSignedOut: () => Promise<boolean>
  readonly legacy: (conversation: LegacyConversation, inFlight: InFlight) => Conversation
  readonly modern: (conversation: ModernConversation, inFlight: InFlight, era: ServerEra) => Promise<Conversation>
}

/** `write` hands a message to the host. */
export function converse(options: ConverseOptions, inFlight: InFlight, write: Deliver): Conversation {
  const { hiddenTools, signIn, log } = options
  const deliver: Deliver = hiddenTools ? async (message) => write((await hiddenTools).strip(message)) : write
  const own = { ...options, inFlight, deliver }
  const era = createServerEra({
    ...options,
    memory: options.eras,
    protocol: options.transport === 'sse' ? '2025' : options.protocol,
  })

  // One host, however many conversations it has.
  const questions = createHostQuestions(log)
  const legacy = () => createLegacyConversation({ ...own, questions })
  const toModern = async (heard: (answer: Message) => void) =>
    (await import('./otherEra.ts')).openToModern({ ...own, heard }, era)
  const side = createHandshakeSide({ era, inFlight, deliver, log, legacy, toModern })
  const shown = hiddenTools ? withoutHiddenTools(side, hiddenTools) : side
  const handshake = signIn ? signIn.legacy(shown, inFlight) : shown

  const modern = async () => {
    const { createModernSide } = await import('./era/modernSide.ts')
    const { openModern, openToLegacy } = await import('./otherEra.ts')
    const all = createModernSide({
      era,
      inFlight,
      log,
      modern: () => openModern(own),
      toLegacy: () => openToLegacy(own),
    })
    const visible = hiddenTools ? withoutHiddenTools(all, hiddenTools) : all
    return signIn ? signIn.modern(visible, inFlight, era) : visible
  }
  return createHostEra({
    ...options,
    era,
    memory: options.eras,
    handshake,
    modern,
    isSignedOut: signIn?.isSignedOut ?? (async () => false),
  })
}
