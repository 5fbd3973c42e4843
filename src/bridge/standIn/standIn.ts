// Answers the host while a person signs in: initialize is held for a while and then answered here, lists come from
// the cache, and calls wait for a limited time. After the sign-in, the server is initialized and the host told of changed lists.
import { asBridgeError, type BridgeError } from '../../errors.ts'
import type { Clock, SignInWatch } from '../../ports.ts'
import { withoutQueries } from '../../redaction/text.ts'
import type { Message, RawId } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import type { Capability } from './answers.ts'
import { createSignInNotice } from './notice.ts'
import { capabilitiesIn, createRecall, type RecallOptions } from './recall.ts'

export interface StandInOptions extends RecallOptions {
  readonly watch: SignInWatch
  /** The server's URL as a model may see it. */
  readonly server: string
  /** What signs a person in. */
  readonly loginCommand: string
  /** Of this program. */
  readonly version: () => string
  /** How long initialize may wait for a person, in ms. */
  readonly holdInitializeMs: number
  /** How long a call may, in ms. */
  readonly holdCallMs: number
  /** False: nobody will ever be asked, so an error is the truth. */
  readonly asks: boolean
  readonly clock: Clock
  readonly write: (line: Uint8Array) => Promise<void>
}

export interface HostSignIn {
  /** Answers the host's initialize here when the time is up and a person is still waited for. `done`: it needs none any more. */
  hold(initialize: Message, done: Promise<void>): void
  /** True: the failure is told later, with the first call; the host is answered here. */
  deferInitializeError(initialize: Message, error: BridgeError): Promise<boolean>
  /** The server's answer to initialize. True: the host has one already, so this one is not for it. */
  establish(answer: Message): Promise<boolean>
  /** The host was answered here and the server does not know it yet. */
  readonly serverNotInitialized: boolean
  /** Answers a request that the server cannot have, or would deny though the host was told otherwise. False: it is the server's. */
  answerLocally(request: Message, meet: Meet): Promise<boolean>
  /** What a call may wait for: a person is given some time. @throws BridgeError sign_in_pending */
  patiently<T>(work: Promise<T>): Promise<T>
  /** What was answered here and has to reach the server now that it is there; each is given once. */
  pendingReplays(): Message[]
  /** The host has said that it is initialized: it may be asked things. */
  ready(): void
  /** True: an answer of the host to a question of ours. */
  isReplyToUs(response: Message): boolean
  /** True: the host heard something from us instead of the server, so its requests may need {@link answerLocally}. */
  readonly stands: boolean
  /** The error answer for a host that follows addresses; undefined: any other error will do. */
  refusal(id: RawId, error: BridgeError): Uint8Array | undefined
  /** Keeps what a host may be told next time. */
  learn(request: Message, answer: Message): void
}

type Capabilities = ReadonlySet<string>
const NONE: Capabilities = new Set()
/** Initializes the server behind the host's back, with a sign-in where it wants one. */
type Meet = () => Promise<void>
type StandIn = typeof import('./answers.ts')

/** MCP 2025-11-25, "URL Elicitation Required Error". */
const URL_REQUIRED = -32042

export function createHostSignIn(options: StandInOptions): HostSignIn {
  const { watch, server, clock, log, write } = options
  const recall = createRecall(options)
  const notice = createSignInNotice(options)
  let standIn: StandIn | undefined
  /** 'told': answered here, unknown to the server. 'met': the server has answered. */
  let state: 'new' | 'told' | 'met' = 'new'
  let toldHere = false
  /** The tool that stands for the sign-in is on the host's list. */
  let shown = false
  /** What the host was told, and what the server has. */
  let capabilities = NONE
  let offered = NONE
  let takesAddresses = false
  let isReady = false
  /** Lists that were given here, so that the host is told to ask again. */
  const listed = new Set<Capability>()
  let debts: Message[] = []

  const allow = () => notice.allow({ messages: capabilities.has('logging'), questions: isReady && takesAddresses })

  const tell = async (initialize: Message) => {
    standIn ??= await import('./answers.ts')
    const wanted = stringIn(initialize.bytes, find(initialize.bytes, ['params', 'protocolVersion']))
    const last = await recall.load('initialize')
    const result = standIn.initializeResult({ known: last, wanted, server, version: options.version() })
    if (state !== 'new') return
    state = 'told'
    toldHere = true
    capabilities = new Set(Object.keys(result.capabilities))
    log.info('proxy:sign-in', { outcome: 'answered the host', reason: last ? 'from memory' : 'nothing is known' })
    await write(standIn.answer(initialize.asks[0] as RawId, result))
    allow()
  }

  /** Resolves when `over` aborts or the watch says so. */
  const until = (wanted: () => boolean, over: AbortSignal) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!wanted() && !over.aborted) return
        stop()
        over.removeEventListener('abort', look)
        resolve()
      }
      const stop = watch.onChange(look)
      over.addEventListener('abort', look)
      look()
    })

  /** What calling the tool that stands for the sign-in says. Where nobody is waited for, the call is what a person is asked for. */
  const signInCall = async (meet: Meet): Promise<string> => {
    const over = new AbortController()
    try {
      const work = watch.waiting || state === 'met' ? until(() => !watch.waiting, over.signal) : meet()
      await watch.bounded(work, options.holdCallMs)
    } catch (thrown) {
      const { code, message, hint } = asBridgeError(thrown)
      if (code !== 'sign_in_pending') return withoutQueries(`${message} ${hint}`)
      return `The user has to sign in to ${server}${watch.address === undefined ? '.' : ` at this address: ${watch.address}`}`
    } finally {
      over.abort()
    }
    return state === 'met'
      ? `The user is signed in to ${server}.`
      : `The user is not signed in to ${server} yet. To sign in, run: ${options.loginCommand}`
  }

  const listHere = async (module: StandIn, method: Parameters<StandIn['listResult']>[0]) => {
    listed.add(module.LISTS[method].capability)
    const last = await recall.load(method)
    if (method === 'tools/list') shown = !module.isKnown(method, last)
    return module.listResult(method, last, server)
  }

  /** undefined: the server's own answer is the right one. */
  const resultHere = async (module: StandIn, request: Message, meet: Meet): Promise<object | undefined> => {
    const { method } = request
    const met = state === 'met'
    if (method === 'ping') return met ? undefined : {}
    if (method === 'logging/setLevel' && !(met && offered.has('logging'))) {
      if (!met) debts.push(request)
      return {}
    }
    if (module.isList(method)) {
      if (!met) return listHere(module, method)
      return offered.has(module.LISTS[method].capability) ? undefined : module.emptyList(method)
    }
    if (!shown || method !== 'tools/call') return undefined
    const isSignIn = stringIn(request.bytes, find(request.bytes, ['params', 'name'])) === module.SIGN_IN_TOOL
    return isSignIn ? module.signInToolResult(await signInCall(meet)) : undefined
  }

  return {
    hold(initialize, done) {
      takesAddresses = find(initialize.bytes, ['params', 'capabilities', 'elicitation', 'url']) !== undefined
      state = 'new'
      toldHere = false
      isReady = false
      listed.clear()
      debts = []
      const over = new AbortController()
      void done.then(() => over.abort())
      const wait = async () => {
        await clock.sleep(options.holdInitializeMs, over.signal)
        await until(() => watch.waiting, over.signal)
        if (!over.signal.aborted) await tell(initialize)
      }
      // The sleep ends early when the server has answered.
      wait().catch(() => undefined)
    },

    async deferInitializeError(initialize, error) {
      if (state === 'told') return true
      if (!options.asks || error.code !== 'not_signed_in') return false
      await tell(initialize)
      return true
    },

    async establish(answer) {
      const named = capabilitiesIn(answer)
      if (!named) return toldHere
      state = 'met'
      offered = named
      if (!toldHere || !standIn) {
        capabilities = offered
        allow()
        return false
      }
      for (const capability of listed) await write(standIn.listChanged(capability))
      listed.clear()
      return true
    },

    get serverNotInitialized() {
      return state === 'told'
    },

    async answerLocally(request, meet) {
      if (!toldHere || !standIn || request.kind !== 'request') return false
      const result = await resultHere(standIn, request, meet)
      if (result) await write(standIn.answer(request.asks[0] as RawId, result))
      return result !== undefined
    },

    patiently: (work) => watch.bounded(work, options.holdCallMs),
    pendingReplays() {
      const owed = debts
      debts = []
      return offered.has('logging') ? owed : []
    },
    ready() {
      isReady = true
      allow()
    },
    isReplyToUs: notice.takes,
    get stands() {
      return toldHere
    },
    refusal(id, { code, message, details }) {
      if (code !== 'sign_in_pending' || !takesAddresses || typeof details.url !== 'string') return undefined
      const error = { code: URL_REQUIRED, message, data: { elicitations: [notice.elicitation(details.url)] } }
      return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`)
    },

    learn(request, answer) {
      if (request.method === undefined) return
      // After the host has its answer: reading it and the database takes longer than passing it on.
      setImmediate(setImmediate, () => {
        // From the server itself: what was shown in its place is gone from the host's list.
        if (recall.learn(request, answer) && request.method === 'tools/list') shown = false
      })
    },
  }
}
