// Who has answered the host's initialize, the server or the bridge in its place, and what follows from that until both know
// the same.
import type { BridgeError } from '../../errors.ts'
import type { Clock, Logger, SignInWatch } from '../../ports.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn } from '../message/pick.ts'
import type { Capability } from './answers.ts'
import type { SignInNotice } from './notice.ts'
import { capabilitiesIn, type Recall } from './recall.ts'

type Capabilities = ReadonlySet<string>

/** What the host was told in the server's place. */
export interface Told {
  /** The words for it, loaded when they are first needed. */
  readonly answers: typeof import('./answers.ts')
  readonly capabilities: Capabilities
  /** Lists that were given here, so that the host is told to ask again. */
  readonly lists: Set<Capability>
  /** Requests that were answered here and have to reach the server. */
  readonly replays: Message[]
}

export type Phase =
  /** The host's initialize has no answer yet. */
  | { readonly kind: 'waiting' }
  /** The bridge has answered it, and the server does not know that it has been said. */
  | { readonly kind: 'answeredHere'; readonly told: Told }
  /** The server has answered it. */
  | { readonly kind: 'connected'; readonly capabilities: Capabilities }
  /** The bridge has answered it, then the server, which may have other capabilities than the host was told. */
  | { readonly kind: 'connectedLater'; readonly capabilities: Capabilities; readonly told: Told }

export interface PhasesOptions {
  readonly watch: SignInWatch
  readonly recall: Recall
  readonly notice: SignInNotice
  /** The server's URL as a model may see it. */
  readonly server: string
  /** Of this program. */
  readonly version: () => string
  /** How long initialize may wait for a person, in ms. */
  readonly holdInitializeMs: number
  /** False: nobody will ever be asked, so an error is the truth. */
  readonly asks: boolean
  readonly clock: Clock
  readonly log: Logger
  readonly write: (line: Uint8Array) => Promise<void>
}

export interface Phases {
  readonly now: Phase
  /** The host follows addresses that it is given (MCP 2025-11-25, "URL Mode Elicitation"). */
  readonly followsAddresses: boolean
  /** Answers the host's initialize here when the time is up and a person is still waited for. `done`: it needs none any more. */
  hold(initialize: Message, done: Promise<void>): void
  /** True: the failure is told later, with the first call; the host is answered here. */
  deferInitializeError(initialize: Message, error: BridgeError): Promise<boolean>
  /** The server's answer to initialize. True: the host has one already, so this one is not for it. */
  establish(answer: Message): Promise<boolean>
  /** What was answered here and has to reach the server now that it is there; each is given once. */
  pendingReplays(): Message[]
  /** The host has said that it is initialized: it may be asked things. */
  ready(): void
}

export function createPhases(options: PhasesOptions): Phases {
  const { watch, recall, notice, clock, log, write } = options
  let phase: Phase = { kind: 'waiting' }
  let followsAddresses = false
  let isReady = false

  const allow = () => notice.allow({ messages: toldIn(phase).has('logging'), questions: isReady && followsAddresses })

  const answerHere = async (initialize: Message) => {
    const answers = await import('./answers.ts')
    const wanted = stringIn(initialize.bytes, find(initialize.bytes, ['params', 'protocolVersion']))
    const known = await recall.load('initialize')
    const { server, version } = options
    const result = answers.initializeResult({ known, wanted, server, version: version() })
    if (phase.kind !== 'waiting') return
    const capabilities = new Set(Object.keys(result.capabilities))
    phase = { kind: 'answeredHere', told: { answers, capabilities, lists: new Set(), replays: [] } }
    log.info('proxy:sign-in', { outcome: 'answered the host', reason: known ? 'from memory' : 'nothing is known' })
    await write(answers.answerTo(initialize, result))
    allow()
  }

  return {
    get now() {
      return phase
    },
    get followsAddresses() {
      return followsAddresses
    },
    hold(initialize, done) {
      phase = { kind: 'waiting' }
      followsAddresses = find(initialize.bytes, ['params', 'capabilities', 'elicitation', 'url']) !== undefined
      isReady = false
      const over = new AbortController()
      void done.then(() => over.abort())
      const wait = async () => {
        await clock.sleep(options.holdInitializeMs, over.signal)
        await until(watch, () => watch.waiting, over.signal)
        if (!over.signal.aborted) await answerHere(initialize)
      }
      // The sleep ends early when the server has answered.
      wait().catch(() => undefined)
    },
    async deferInitializeError(initialize, error) {
      if (phase.kind === 'answeredHere') return true
      if (!options.asks || error.code !== 'not_signed_in') return false
      await answerHere(initialize)
      return true
    },
    async establish(answer) {
      const capabilities = capabilitiesIn(answer)
      const told = 'told' in phase ? phase.told : undefined
      if (!capabilities) return told !== undefined
      if (!told) {
        phase = { kind: 'connected', capabilities }
        allow()
        return false
      }
      phase = { kind: 'connectedLater', capabilities, told }
      for (const capability of told.lists) await write(told.answers.listChanged(capability))
      told.lists.clear()
      return true
    },
    pendingReplays() {
      if (phase.kind !== 'connectedLater') return []
      const replays = phase.told.replays.splice(0)
      return phase.capabilities.has('logging') ? replays : []
    },
    ready() {
      isReady = true
      allow()
    },
  }
}

const NONE: Capabilities = new Set()

/** The capabilities that the host believes in. */
function toldIn(phase: Phase): Capabilities {
  if (phase.kind === 'waiting') return NONE
  return 'told' in phase ? phase.told.capabilities : phase.capabilities
}

/** Resolves when `over` aborts, or when something of the sign-in has changed and `wanted` holds. */
export const until = (watch: SignInWatch, wanted: () => boolean, over: AbortSignal) =>
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
