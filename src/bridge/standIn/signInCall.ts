// A call to the tool that signs in: answered when the sign-in is complete and the host knows what there is now, or with the reason.
import { asBridgeError } from '../../errors.ts'
import type { Clock, SignInWatch } from '../../ports.ts'
import { type Account, doneText, pendingText, reasonText, restartNote, toolResult, type Words } from './signInTool.ts'
import type { ToldHere } from './told.ts'
import type { Truth } from './truth.ts'

export interface SignInCallOptions<Told extends ToldHere> extends Words {
  readonly watch: SignInWatch
  readonly truth: Truth
  /**
   * Resolves when the server is there, and the host has heard of what is other than it was told. `before`: what it has said before
   * has reached the server. @throws BridgeError why the server is not there
   */
  readonly arrive: (told: Told, before: Promise<unknown>) => Promise<void>
  /** Whose account is used. */
  readonly account: () => Promise<Account>
  /** The name in the host's clientInfo. */
  readonly hostName: () => string | undefined
  /** The host hears of changed lists. */
  readonly hears: () => boolean
  /** How long it may wait for a person, in ms. */
  readonly holdCallMs: number
  readonly clock: Clock
  /** Calls back when the host has got the tools of the server itself; gives what stops that. */
  readonly onTools: (listener: () => void) => () => void
}

/** Longest time that a host gets to load the tools before its model goes on, in ms. */
const LOAD_MS = 1_000

/** Gives the result of the call. */
export function createSignInCall<Told extends ToldHere>(options: SignInCallOptions<Told>) {
  const { watch, truth, arrive, account, hostName, hears, holdCallMs, clock, onTools } = options

  /** A model that goes on at once would still have the tools of before; the host has been told to load the new ones. */
  const hostLoads = async ({ toolsChangedAt }: ToldHere) => {
    const left = toolsChangedAt === undefined ? 0 : toolsChangedAt + LOAD_MS - clock.awake()
    if (left <= 0) return
    const over = new AbortController()
    const stop = onTools(() => over.abort())
    await clock.sleep(left, over.signal).catch(() => undefined)
    stop()
  }

  const complete = async (told: Told, before: Promise<unknown>) => {
    await arrive(told, before)
    const tools = await truth.tools('signIn')
    await truth.check()
    if (restartNote(hostName()) === undefined) await hostLoads(told)
    return doneText(await account(), tools, hostName(), hears() ? 'told' : 'asks')
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
