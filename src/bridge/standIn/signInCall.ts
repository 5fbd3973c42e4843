// A call to the tool that signs in: answered when the sign-in is complete and the host knows what there is now, or with the reason.
import { asBridgeError } from '../../errors.ts'
import type { SignInWatch } from '../../ports.ts'
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
}

/** `before` resolves when what the host has said before has reached the server. */
export function createSignInCall(options: SignInCallOptions) {
  const { phases, watch, meeting, truth, account, holdCallMs } = options

  const complete = async (told: Told, before: Promise<unknown>) => {
    await meeting.run('signIn')
    // If the host has said that it is initialized, the server has heard it by then.
    await before
    if (told.greeted) await told.trueAgain.over
    const tools = await truth.tools('signIn')
    await truth.check()
    return doneText(await account(), tools, phases.host.name)
  }

  return async (told: Told, before: Promise<unknown>): Promise<object> => {
    try {
      return toolResult(await watch.bounded(complete(told, before), holdCallMs), false)
    } catch (thrown) {
      const error = asBridgeError(thrown)
      if (error.code !== 'sign_in_pending') return toolResult(reasonText(error, options), true)
      return toolResult(pendingText(watch.address, options), false)
    }
  }
}
