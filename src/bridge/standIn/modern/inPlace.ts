// What a host of MCP 2026-07-28 is told in the server's place: what the server is, its lists, and what the tool that signs in says; and how
// that is made true when the server is there. Loaded only when something is told.
import { asBridgeError, type BridgeError } from '../../../errors.ts'
import type { Cause } from '../../../ports.ts'
import type { ModernConversation } from '../../conversation.ts'
import { hostInfoIn, hostNameIn } from '../../era/hostInfo.ts'
import { META, MODERN } from '../../era/revisions.ts'
import type { HostInfo } from '../../era/serverEra.ts'
import type { Message } from '../../message/message.ts'
import { answerTo, type Capability, knownList, type ListMethod } from '../answers.ts'
import { heardList, isSignInShown, tellList } from '../localLists.ts'
import type { Recall } from '../recall.ts'
import { createSignInCall } from '../signInCall.ts'
import { freeName } from '../signInTool.ts'
import { createSignal, followSignIn, noteFailure, type ToldHere } from '../told.ts'
import { createTruth } from '../truth.ts'
import type { ModernStandInOptions } from './modernStandIn.ts'
import { complete, fleeting } from './results.ts'

export interface ModernInPlaceOptions extends ModernStandInOptions {
  readonly conversation: ModernConversation
  readonly recall: Recall
  /** The last request of the host, which says what that is. */
  readonly lastRequest: () => Message
  readonly isMet: () => boolean
  /** Whether a listen of the host wants to know of changed lists. */
  readonly announce: (capability: Capability) => Promise<boolean>
  readonly hears: (capability: Capability) => boolean
}

export interface ModernInPlace {
  /** When to tell a list whose server is slow: as late as may be; now, if it is not sure that the server comes; or never. */
  whenToTell(request: Message): Promise<'later' | 'now' | 'never'>
  /** The answer to a list. `reason`: why the server does not give it; undefined: a person is waited for, or it is slow. */
  list(request: Message, reason: BridgeError | undefined): Promise<Uint8Array>
  /** Whether a tool of that name is the one that signs in. */
  isSignIn(name: string): Promise<boolean>
  /** The answer to a call of it. `before`: what the host has said before has reached the server. */
  signIn(request: Message, before: Promise<unknown>): Promise<Uint8Array>
  /** Compares what was told with what the server says now. */
  check(): void
  /** The server has answered a request of the host. */
  heard(request: Message, answer: Message): void
  /** A request of the host has failed. */
  failed(error: BridgeError, cause: Cause): void
}

export function createModernInPlace(options: ModernInPlaceOptions): ModernInPlace {
  const { watch, era, account, recall, lastRequest, isMet, announce, hears } = options
  const told: ToldHere = { lists: new Map() }
  const news = { watch, announce }
  const truth = createTruth({
    ...options,
    there: () => ({ told, has: () => true }),
    // The host was told that nothing may be kept: what cannot be asked now is asked another time, and why not is told.
    saysNothing(error) {
      noteFailure(told, error, 'start', news)
      return true
    },
    meta: () => metaOf(hostInfoIn(lastRequest())),
  })
  const tools = createSignal()
  const signIn = createSignInCall<ToldHere>({
    ...options,
    truth,
    arrive: async (_, before) => void (await before),
    hostName: () => hostNameIn(lastRequest()),
    hears: () => hears('tools'),
    onTools: tools.on,
  })

  followSignIn(
    news,
    () => told,
    (_, failure) => {
      if (failure) noteFailure(told, failure, 'start', news)
      else void truth.check()
    },
  )

  const isSignedOut = async () => (await account()).state === 'signedOut'

  return {
    async whenToTell({ method }) {
      if (knownList(method as ListMethod, await recall.load(method as ListMethod))) return 'later'
      const { state } = await account()
      const isUsable = state === 'signedIn' || (state === 'unknown' && (await era.known()) !== undefined)
      return told.reason === undefined && isUsable ? 'never' : 'now'
    },
    async list(request, reason) {
      const method = request.method as ListMethod
      const known = knownList(method, await recall.load(method))
      if (reason) noteFailure(told, reason, 'background', news)
      const isShown = await isSignInShown(known, told, options)
      return answerTo(request, fleeting(tellList(method, told, known ?? [], isShown, options)))
    },
    async isSignIn(name) {
      if (told.signInTool !== undefined || told.lists.has('tools/list') || isMet()) return told.signInTool === name
      // The host may know it from the process before this one.
      if (!watch.waiting && !(await isSignedOut())) return false
      return name === freeName(knownList('tools/list', await recall.load('tools/list')) ?? [])
    },
    async signIn(request, before) {
      return answerTo(request, complete(await signIn(told, before)))
    },
    check: () => void truth.check(),
    heard(request, answer) {
      told.reason = undefined
      if (heardList(request, answer, told)) tools.fire()
      // Somebody may have signed in elsewhere.
      void truth.check()
    },
    failed: (error, cause) => void noteFailure(told, asBridgeError(error), cause, news),
  }
}

const metaOf = ({ clientInfo, capabilities }: HostInfo) =>
  `{"${META.version}":"${MODERN}","${META.client}":${clientInfo},"${META.capabilities}":${capabilities}}`
