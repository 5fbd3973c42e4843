// Initializes the server behind the back of a host that was answered in its place: one try at a time, and its failure is the
// reason that the host is told.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Cause, SignInWatch } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { LegacyConversation } from '../conversation.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import type { Phases, Told } from './phases.ts'
import type { Recall } from './recall.ts'
import { type News, noteFailure } from './told.ts'
import type { Truth } from './truth.ts'

export interface MeetOptions {
  readonly conversation: LegacyConversation
  readonly phases: Phases
  readonly truth: Truth
  readonly recall: Recall
  readonly watch: SignInWatch
  readonly announce: News['announce']
}

export interface Meeting {
  /** Resolves when the server is initialized, by this try or by one that was on its way. @throws BridgeError why it is not */
  run(cause: Cause): Promise<void>
  /** A try is on its way, of ours or of the host. */
  readonly busy: boolean
  /** The server knows that the host is initialized: it gets what it has missed, and the host the truth. */
  greeted(told: Told): Promise<void>
  /** Keeps why it failed, and lets the host ask again for what says so. Returns the reason to be told. */
  fail(told: Told, error: BridgeError, cause: Cause): BridgeError
}

export function createMeeting({ conversation, phases, truth, recall, watch, announce }: MeetOptions): Meeting {
  let current: Promise<void> | undefined

  const fail: Meeting['fail'] = (told, error, cause) => noteFailure(told, error, cause, { watch, announce })

  const greeted = async (told: Told) => {
    told.greeted = true
    const { now } = phases
    const replays = told.replays.splice(0)
    if (now.kind === 'connectedLater' && now.capabilities.has('logging'))
      for (const message of replays) await conversation.tell(message).catch(() => undefined)
    void truth.check().then(told.trueAgain.end)
  }

  const attempt = async (told: Told, cause: Cause) => {
    let answer: Message | undefined
    try {
      answer = await conversation.initialize(cause)
    } catch (thrown) {
      throw fail(told, asBridgeError(thrown), cause)
    }
    const { now } = phases
    // The host may have begun anew meanwhile.
    if (now.kind !== 'answeredHere' || now.told !== told) return
    if (answer && told.initialize) recall.learn(told.initialize, answer)
    if (answer) await phases.establish(answer)
    if (phases.now.kind === 'answeredHere') throw fail(told, refusal(answer), cause)
    await greeted(told)
  }

  return {
    async run(cause) {
      for (let joined = current ?? phases.hostsOwn; joined; joined = current ?? phases.hostsOwn) {
        await joined.catch(() => undefined)
        const { now } = phases
        if (now.kind !== 'answeredHere') return
        const { reason } = now.told
        // Whoever may ask a person does so where that one might not.
        if (reason && (reason.code !== 'not_signed_in' || cause === 'background')) throw reason
      }
      const { now } = phases
      if (now.kind !== 'answeredHere') return
      current = attempt(now.told, cause).finally(() => {
        current = undefined
      })
      return current
    },
    get busy() {
      return (current ?? phases.hostsOwn) !== undefined
    },
    greeted,
    fail,
  }
}

/** The server's own error to initialize, in words. */
export function refusal(answer: Message | undefined): BridgeError {
  const said = answer && stringIn(answer.bytes, find(answer.bytes, ['error', 'message']))
  return new BridgeError('server_error', {
    message: `The server refuses to initialize${said === undefined ? '' : `: ${quote(said, 160)}`}.`,
  })
}
