// A call to the tool that signs in: answered when the sign-in is complete and the host knows what there is now, or with the reason.
import { asBridgeError } from '../../errors.ts'
import type { Clock, SignInWatch } from '../../ports.ts'
import { restartNote } from './hosts.ts'
import type { Meeting } from './meet.ts'
import type { Phases, Told } from './phases.ts'
import { type Account, doneText, pendingText, reasonText, toolResult, type Words } from './signInTool.ts'
import type { Truth } from './truth.ts'

export interface SignInCallOptions extends Words {
  readonly phases: Phases
  readonly watch: SignInWatch
  readonly meeting: Meeting
  readonly truth: Truth
  /** Whose account is used. */
  readonly account: () => Promise<Account>
  /** How long it may wait for a person, in ms. */
  readonly holdCallMs: number
  readonly clock: Clock
  /** Calls back when the host has got the tools of the server itself; gives what stops that. */
  readonly onTools: (listener: () => void) => () => void
}

/** Longest time that a host gets to load the tools before its model goes on, in ms. */
const LOAD_MS = 1_000

/** `before` resolves when what the host has said before has reached the server. */
export function createSignInCall(options: SignInCallOptions) {
  const { phases, watch, meeting, truth, account, holdCallMs, clock, onTools } = options

  /** A model that goes on at once would still have the tools of before; the host has been told to load the new ones. */
  const hostLoads = async ({ toolsChangedAt }: Told) => {
    const left = toolsChangedAt === undefined ? 0 : toolsChangedAt + LOAD_MS - clock.now()
    if (left <= 0) return
    const over = new AbortController()
    const stop = onTools(() => over.abort())
    await clock.sleep(left, over.signal).catch(() => undefined)
    stop()
  }

  const complete = async (told: Told, before: Promise<unknown>) => {
    await meeting.run('signIn')
    // If the host has said that it is initialized, the server has heard it by then.
    await before
    if (told.greeted) await told.trueAgain.over
    const tools = await truth.tools('signIn')
    await truth.check()
    if (restartNote(phases.host.name) === undefined) await hostLoads(told)
    return doneText(await account(), tools, phases.host.name)
  }

  return async (told: Told, before: Promise<unknown>): Promise<object> => {
    try {
      return toolResult(await watch.bounded(() => complete(told, before), holdCallMs), false)
    } catch (thrown) {
      const error = asBridgeError(thrown)
      if (error.code !== 'sign_in_pending') return toolResult(reasonText(error, options), true)
      return toolResult(pendingText(watch.address, options), false)
    }
  }
}
