// The conversation of a host that was told something in the server's place: lists come from memory, calls wait for the server
// within bounds, and what was told is made true when the server is there. Loaded only then.
import type { BridgeError } from '../../errors.ts'
import type { SignInWatch } from '../../ports.ts'
import type { HiddenTools } from '../hideTools.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import { answerTo, type Capability, isList, LISTS, type ListMethod, listChanged, listResult } from './answers.ts'
import { createLocalLists, heardList, type LocalListsOptions } from './localLists.ts'
import { createMeeting, type Meeting, type MeetOptions, refusal } from './meet.ts'
import type { Carry } from './patience.ts'
import type { Phase, Phases, Told } from './phases.ts'
import { createSignInCall } from './signInCall.ts'
import { createSignal, followSignIn } from './told.ts'
import { createTruth, type TruthOptions } from './truth.ts'

type Made = 'meeting' | 'truth' | 'announce'

export interface InPlaceOptions
  extends Pick<TruthOptions, 'clock' | 'log'>,
    Omit<MeetOptions, Made>,
    Omit<LocalListsOptions, Made> {
  readonly watch: SignInWatch
  readonly write: (line: Uint8Array) => Promise<void>
  readonly hiddenTools?: Promise<HiddenTools> | undefined
  /** How long a call may wait for a person, in ms. */
  readonly holdCallMs: number
  /** To the server itself, once it is there. */
  readonly toServer: Carry
}

export interface InPlace {
  /** Carries or answers a message, in the phases in which something was told here. */
  readonly exchange: Carry
  /** The answer to a list that would have to wait for a sign-in, fails, or comes late, of a server that the host was introduced to. */
  list(request: Message, told: Told, why: BridgeError | 'person' | 'late'): Promise<Uint8Array>
  /** Compares what was told with what the server says now. */
  check(): void
  /** The host's own initialize has failed, or was refused, after the host was answered here. */
  failed(reason: BridgeError | Message): void
  /** The host has a list of the server itself. */
  heard(request: Message, answer: Message): void
}

export function createInPlace(options: InPlaceOptions): InPlace {
  const { phases, watch, hiddenTools, holdCallMs, toServer, write } = options
  const announce = (capability: Capability) => write(listChanged(capability)).then(() => true)
  const saysNothing = ({ code }: BridgeError) => code === 'not_signed_in'
  const truth = createTruth({ ...options, announce, saysNothing, there: () => whatIsThere(phases) })
  const meeting = createMeeting({ ...options, announce, truth })
  const lists = createLocalLists({ ...options, meeting })
  const tools = createSignal()
  const host = { hostName: () => phases.host.name, hears: () => true }
  const signIn = createSignInCall({ ...options, ...host, arrive: arriving(meeting), truth, onTools: tools.on })

  followSignIn(
    { watch, announce },
    () => toldIn(phases),
    (told, failure) => {
      if (meeting.busy) return
      if (failure) meeting.fail(told, failure, 'start')
      else if (phases.now.kind === 'connectedLater') void truth.check()
      else meeting.run('background').catch(() => undefined)
    },
  )

  const isSignIn = async (request: Message, { signInTool, hasTools }: Told): Promise<boolean> => {
    const name = toolOf(request)
    if (signInTool !== undefined || hasTools || !name?.startsWith('sign_in'))
      return name !== undefined && name === signInTool
    // The host may know it from the process before this one, and never ask for the list again.
    return name === (await lists.signInTool())
  }

  /** `undefined`: the server's own answer is the right one. */
  const answerHere = async (
    request: Message,
    before: Promise<unknown>,
    phase: Extract<Phase, { told: Told }>,
  ): Promise<object | undefined> => {
    const { method } = request
    const { told } = phase
    if (await isSignIn(request, told)) return signIn(told, before)
    if (phase.kind === 'connectedLater') return whatItLacks(request, phase)
    if (method === 'logging/setLevel') told.replays.push(request)
    if (method === 'ping' || method === 'logging/setLevel') return {}
    return isList(method) ? lists.answer(method, told) : undefined
  }

  /** An answer of the host is for the server that asked. Nobody is there to hear a notification while the server is not; initialized is said after the server’s initialize. */
  const tell: Carry = async (pending, before, deliver) => {
    if (pending.message.kind === 'response') return toServer(pending, before, deliver)
    await before
    const { now } = phases
    if (now.kind !== 'connectedLater' || pending.message.method !== 'notifications/initialized') {
      if (now.kind !== 'answeredHere') await toServer(pending, before, deliver)
    } else if (!now.told.greeted) {
      now.told.greeted = true
      const said = toServer(pending, before, deliver)
      const greet = () => meeting.greeted(now.told)
      // Its response may be a stream that goes on.
      await Promise.race([said, pending.done]).then(greet, greet)
      await said
    }
  }

  const carry: Carry = async (pending, before, deliver) => {
    const { message, signal, cause } = pending
    if (message.asks.length === 0) return tell(pending, before, deliver)
    if (phases.now.kind === 'answeredHere') {
      // Nobody is asked to sign in for a call that is not allowed anyway.
      if (hiddenTools) (await hiddenTools).refuse(message)
      await watch.bounded(() => meeting.run(cause), holdCallMs)
      signal.throwIfAborted()
    }
    await toServer(pending, before, deliver)
    // Somebody may have signed in elsewhere.
    void truth.check()
  }

  return {
    async exchange(pending, before, deliver) {
      const { message } = pending
      const { now } = phases
      const answer = 'told' in now && message.kind === 'request' ? await answerHere(message, before, now) : undefined
      if (!answer) return carry(pending, before, deliver)
      if (!pending.signal.aborted) await write(answerTo(message, answer))
    },
    list: async (request, told, why) =>
      answerTo(request, await lists.answerLost(request.method as ListMethod, told, why)),
    check: () => void truth.check(),
    failed(reason) {
      const { now } = phases
      if (now.kind !== 'answeredHere') return
      meeting.fail(now.told, 'bytes' in reason ? refusal(reason) : reason, 'start')
    },
    heard(request, answer) {
      const told = toldIn(phases)
      if (told && heardList(request, answer, told)) tools.fire()
    },
  }
}

/** The tool that is called; undefined: this is no call of one. */
const toolOf = ({ method, bytes }: Message) =>
  method === 'tools/call' ? stringIn(bytes, find(bytes, ['params', 'name'])) : undefined

/** The server is initialized, and the host has heard of what is other than it was told. */
const arriving = (meeting: Meeting) => async (told: Told, before: Promise<unknown>) => {
  await meeting.run('signIn')
  // If the host has said that it is initialized, the server has heard it by then.
  await before
  if (told.greeted) await told.trueAgain.over
}

const toldIn = ({ now }: Phases) => ('told' in now ? now.told : undefined)

function whatIsThere({ now }: Phases) {
  if (!('capabilities' in now)) return undefined
  const has = (capability: Capability) => now.capabilities.has(capability)
  return now.kind === 'connectedLater' ? { told: now.told, has } : { has }
}

/** What the host was promised and the server does not have is empty, not an error. */
function whatItLacks(
  { method }: Message,
  { capabilities, told }: Extract<Phase, { kind: 'connectedLater' }>,
): object | undefined {
  const lacks = (name: string) => told.capabilities.has(name) && !capabilities.has(name)
  if (method === 'logging/setLevel') return lacks('logging') ? {} : undefined
  return isList(method) && lacks(LISTS[method].capability) ? listResult(method, []) : undefined
}
