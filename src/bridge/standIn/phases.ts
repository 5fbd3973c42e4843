// Who has answered the host's initialize, the server or the bridge in its place, and what follows until both know the same.
import type { BridgeError } from '../../errors.ts'
import type { Clock, Logger, SignInWatch } from '../../ports.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import type { SignInNotice } from './notice.ts'
import { capabilitiesIn, type Recall, revisionIn } from './recall.ts'
import { createTurn, type ToldHere, type Turn } from './told.ts'

type Capabilities = ReadonlySet<string>

/** What a host that has said initialize was told in the server's place. */
export interface Told extends ToldHere {
  /** What the host said; undefined: the server has answered that itself. */
  readonly initialize?: Message
  readonly capabilities: Capabilities
  /** Requests that were answered here and have to reach the server. */
  readonly replays: Message[]
  /** The server knows that the host is initialized. */
  greeted: boolean
  /** Resolves when the host has heard of everything that is other than it was told. */
  readonly trueAgain: Turn
}

export type Phase =
  /** The host's initialize has no answer yet. */
  | { readonly kind: 'waiting' }
  /** The bridge has answered it, and the server does not know that it has been said. */
  | { readonly kind: 'answeredHere'; readonly told: Told }
  | { readonly kind: 'connected'; readonly capabilities: Capabilities }
  /** The server has answered it, and the host was told something that is the bridge's, or has other capabilities in mind. */
  | { readonly kind: 'connectedLater'; readonly capabilities: Capabilities; readonly told: Told }

export interface PhasesOptions {
  readonly watch: SignInWatch
  readonly recall: Recall
  readonly notice: SignInNotice
  /** The server's URL as a model may see it. */
  readonly server: string
  /** Of this program. */
  readonly version: () => string
  /** How long the host may wait for the answer to initialize, in ms. */
  readonly holdInitializeMs: number
  /** False: nobody will ever be asked, so an error is the truth. */
  readonly asks: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly write: (line: Uint8Array) => Promise<void>
}

/** What the host says of itself in its initialize. */
export interface Host {
  /** In its clientInfo. */
  readonly name?: string | undefined
  /** It follows addresses that it is given (MCP 2025-11-25, "URL Mode Elicitation"). */
  readonly followsAddresses: boolean
}

export interface Phases {
  readonly now: Phase
  readonly host: Host
  /** Resolves when the host's initialize has an answer or gets none any more; undefined: it waits for none. */
  readonly held: Promise<void> | undefined
  /** Resolves when the server has answered the host's own initialize, or has failed to; undefined: that is over. */
  readonly hostsOwn: Promise<void> | undefined
  /** How long the host may wait for the answer to its next message, in ms. */
  boundMs(): number
  /** Answers the host's initialize here when its time is up. `done`: the server has answered it, or has failed to. */
  hold(initialize: Message, done: Promise<void>): void
  /** Whether this initialize was answered here: the server's own answer to it, or its failure, is not for the host. */
  hasAnswered(initialize: Message): boolean
  /** Answers it here because it has failed. False: the failure is the host's to know. */
  standInFor(initialize: Message, error: BridgeError): Promise<boolean>
  /** The server's answer to initialize. True: the host has one already, so this one is not for it. */
  establish(answer: Message): Promise<boolean>
  /** The server is there, and the host is told something in its place: what it was told, to be added to. */
  stepIn(): Told | undefined
}

/** How long the host may wait, in ms: the bound of what it says first began with the process. */
export const boundOf = (
  { holdInitializeMs, clock }: Pick<PhasesOptions, 'holdInitializeMs' | 'clock'>,
  isFirst: boolean,
) => (isFirst ? Math.max(holdInitializeMs - clock.uptime(), holdInitializeMs / 3) : holdInitializeMs)

/** Reading the cached answer and the words for it may take this long, in ms. */
const LEAD_MS = 100

export function createPhases(options: PhasesOptions): Phases {
  const { notice, clock, log, write } = options
  let phase: Phase = { kind: 'waiting' }
  let current: Message | undefined
  const answered = new WeakSet<Message>()
  let isFirst = true
  let host: Host = { followsAddresses: false }
  let held: Turn | undefined
  let hostsOwn: Promise<void> | undefined

  const settled = () => {
    notice.allow({ messages: toldIn(phase).has('logging'), questions: host.followsAddresses })
    held?.end()
    held = undefined
  }

  const answerHere = async (initialize: Message, reason?: BridgeError) => {
    const { capabilities, line, source } = await introduction(initialize, options)
    if (phase.kind === 'waiting' && current === initialize) {
      answered.add(initialize)
      phase = { kind: 'answeredHere', told: { ...createTold(capabilities), initialize, reason } }
      log.info('proxy:sign-in', { outcome: 'answered the host', reason: source })
      await write(line)
      settled()
    } else if (reason && phase.kind === 'answeredHere') phase.told.reason = reason
  }

  const boundMs = () => boundOf(options, isFirst)

  return {
    get now() {
      return phase
    },
    get host() {
      return host
    },
    get held() {
      return held?.over
    },
    get hostsOwn() {
      return hostsOwn
    },
    boundMs,
    hasAnswered: (initialize) => answered.has(initialize),
    hold(initialize, done) {
      phase = { kind: 'waiting' }
      current = initialize
      host = hostIn(initialize.bytes)
      held?.end()
      const holding = createTurn()
      held = holding
      hostsOwn = done
      const bound = boundMs()
      isFirst = false
      const over = new AbortController()
      void done.then(() => {
        over.abort()
        holding.end()
        if (held === holding) held = undefined
        if (hostsOwn === done) hostsOwn = undefined
      })
      // The sleep ends early when the server has answered.
      clock
        .sleep(bound - Math.min(LEAD_MS, bound / 2), over.signal)
        .then(() => answerHere(initialize))
        .catch((thrown: Error) => over.signal.aborted || log.warn('proxy:sign-in', { message: thrown.message }))
    },
    async standInFor(initialize, error) {
      if (phase.kind === 'waiting' && !options.asks && error.code === 'not_signed_in') {
        current = undefined
        return false
      }
      await answerHere(initialize, error)
      return answered.has(initialize)
    },
    async establish(answer) {
      const capabilities = capabilitiesIn(answer)
      const told = 'told' in phase ? phase.told : undefined
      // Whatever it is: the host has its answer.
      if (!told) current = undefined
      if (!capabilities) return told !== undefined
      if (told) told.reason = undefined
      phase = told ? { kind: 'connectedLater', capabilities, told } : { kind: 'connected', capabilities }
      settled()
      return told !== undefined
    },
    stepIn() {
      if (phase.kind === 'connected') {
        const { capabilities } = phase
        const told = createTold(capabilities)
        told.greeted = true
        told.trueAgain.end()
        phase = { kind: 'connectedLater', capabilities, told }
      }
      return 'told' in phase ? phase.told : undefined
    },
  }
}

const hostIn = (bytes: Message['bytes']): Host => ({
  name: stringIn(bytes, find(bytes, ['params', 'clientInfo', 'name'])),
  followsAddresses: find(bytes, ['params', 'capabilities', 'elicitation', 'url']) !== undefined,
})

/** The answer to initialize in the server's place. */
async function introduction(initialize: Message, { recall, server, version }: PhasesOptions) {
  const { answerTo, initializeResult } = await import('./answers.ts')
  const memory = await recall.loadInitialize()
  const wanted = revisionIn(initialize.bytes)
  const result = initializeResult({ ...memory, wanted, server, version: version() })
  return {
    line: answerTo(initialize, result),
    capabilities: new Set(Object.keys(result.capabilities)),
    source: memory.known ? 'from memory' : 'nothing is known',
  }
}

const createTold = (capabilities: Capabilities): Told => ({
  capabilities,
  lists: new Map(),
  replays: [],
  greeted: false,
  trueAgain: createTurn(),
})

const NONE: Capabilities = new Set()

/** The capabilities that the host believes in. */
function toldIn(phase: Phase): Capabilities {
  if (phase.kind === 'waiting') return NONE
  return 'told' in phase ? phase.told.capabilities : phase.capabilities
}
