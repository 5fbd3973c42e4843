// The host's listen streams (MCP 2026-07-28, "Subscriptions") while the server is not there: acknowledged here, opened at the server when
// it is, and the way by which the host hears that lists have changed.
import { asBridgeError, type BridgeError, ERRORS } from '../../../errors.ts'
import type { Clock, SignInWatch } from '../../../ports.ts'
import type { ModernConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import { type Bytes, find } from '../../message/pick.ts'
import { textAt } from '../../message/scan.ts'
import type { Capability } from '../answers.ts'
import { createPatience, never } from '../patience.ts'
import { createSignal } from '../told.ts'
import { listenOver, onListen } from './results.ts'

export interface ListensOptions {
  readonly conversation: Pick<ModernConversation, 'exchange'>
  readonly watch: SignInWatch
  readonly clock: Clock
  readonly holdInitializeMs: number
  /** The server has answered something in this run. */
  readonly isMet: () => boolean
  /** Whether the server is known to send news of single resources. */
  readonly hasSubscriptions: () => Promise<boolean>
  readonly write: (line: Uint8Array) => Promise<void>
}

export interface Listens {
  /** Carries a listen of the host until it ends. */
  carry(pending: PendingRequest, before: Promise<unknown>, deliver: Deliver): Promise<void>
  /** Lets the host ask again for the lists of a capability. False: no listen of the host wants to know. */
  announce(capability: Capability): Promise<boolean>
  /** Whether a listen of the host wants to know of them. */
  hears(capability: Capability): boolean
  /** The server is there: what waits for it is opened. */
  serverIsThere(): void
  /** The host hears that what is acknowledged here ends. */
  end(): Promise<void>
}

const WANTED: Readonly<Record<Capability, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
}
const CAPABILITIES = Object.keys(WANTED) as Capability[]
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'

interface Listen {
  readonly pending: PendingRequest
  readonly wants: ReadonlySet<Capability>
  /** The host has its acknowledgment. */
  isAcknowledged: boolean
  /** It is open at the server. */
  isOpen: boolean
  /** It was open before, and what came meanwhile is lost. */
  wasOpen: boolean
  /** News that came before its acknowledgment. */
  readonly owed: Set<Capability>
}

export function createListens(options: ListensOptions): Listens {
  const { conversation, watch, isMet, hasSubscriptions, write } = options
  const patience = createPatience(options)
  const all = new Set<Listen>()
  const server = createArrivals(watch)

  const tell = ({ pending }: Listen, capability: Capability) =>
    write(onListen(pending.message.asks[0] ?? '', `notifications/${capability}/list_changed`))

  const acknowledged = async (listen: Listen) => {
    listen.isAcknowledged = true
    const owed = [...listen.owed]
    listen.owed.clear()
    for (const capability of owed) await tell(listen, capability)
  }

  const acknowledgeHere = async (listen: Listen) => {
    const { message, signal } = listen.pending
    const accepted = acceptedIn(message.bytes, await hasSubscriptions().catch(() => false))
    // The server's own may be on its way to the host.
    if (listen.isAcknowledged || listen.isOpen || signal.aborted) return
    listen.isAcknowledged = true
    await write(onListen(message.asks[0] ?? '', ACKNOWLEDGED, `,"notifications":${accepted}`))
    listen.pending.finish()
    await acknowledged(listen)
  }

  const open = async (listen: Listen, before: Promise<unknown>, deliver: Deliver) => {
    const { pending } = listen
    const take: Deliver = async (message) => {
      if (message.method !== ACKNOWLEDGED) return deliver(message)
      listen.isOpen = true
      if (!listen.isAcknowledged) {
        await deliver(message)
        await acknowledged(listen)
      }
      if (listen.wasOpen) for (const capability of listen.wants) await tell(listen, capability)
      listen.wasOpen = false
    }
    const over = new AbortController()
    if (!listen.isAcknowledged)
      Promise.race([patience.person(pending, over.signal), isMet() ? never() : patience.server(over.signal)])
        .then(() => (over.signal.aborted ? undefined : acknowledgeHere(listen)))
        .catch(() => undefined)
    try {
      await conversation.exchange(pending, before, take)
    } finally {
      over.abort()
      listen.wasOpen ||= listen.isOpen
      listen.isOpen = false
    }
  }

  /** A sign-in that has failed or is still to come; or a server that has not said a word yet. */
  const isWorthWaiting = (error: BridgeError) => !isMet() || ERRORS[error.code].exit === SIGN_IN

  return {
    async carry(pending, before, deliver) {
      const { message, signal, transmission, open: unanswered } = pending
      const wants = new Set(CAPABILITIES.filter((capability) => isTrueIn(message.bytes, WANTED[capability])))
      const states = { isAcknowledged: false, isOpen: false, wasOpen: false }
      const listen: Listen = { pending, wants, ...states, owed: new Set() }
      all.add(listen)
      try {
        for (;;) {
          let thrown: unknown
          const seen = server.arrivals
          try {
            return await open(listen, before, deliver)
          } catch (failure) {
            thrown = failure
          }
          if (signal.aborted || unanswered.size === 0 || !isWorthWaiting(asBridgeError(thrown))) throw thrown
          await acknowledgeHere(listen)
          await server.since(seen, signal)
          signal.throwIfAborted()
          transmission.sent = false
        }
      } finally {
        all.delete(listen)
      }
    },
    async announce(capability) {
      let hears = false
      for (const listen of [...all]) {
        if (!listen.wants.has(capability)) continue
        hears = true
        if (listen.isAcknowledged) await tell(listen, capability)
        else listen.owed.add(capability)
      }
      return hears
    },
    hears: (capability) => [...all].some(({ wants }) => wants.has(capability)),
    serverIsThere: server.isThere,
    async end() {
      const held = [...all].filter(({ isAcknowledged, isOpen }) => isAcknowledged && !isOpen)
      await Promise.allSettled(held.map(({ pending }) => write(listenOver(pending.message))))
    },
  }
}

/** When the server was seen to be there, or a sign-in has come to its end. */
function createArrivals(watch: SignInWatch) {
  const there = createSignal()
  let arrivals = 0
  there.on(() => {
    arrivals++
  })
  let wasWaiting = watch.waiting
  watch.onChange(() => {
    const isOver = wasWaiting && !watch.waiting && watch.failure === undefined
    wasWaiting = watch.waiting
    if (isOver) there.fire()
  })
  return {
    get arrivals() {
      return arrivals
    },
    isThere: there.fire,
    /** Resolves when there was one after `seen` of them, or when `signal` aborts. */
    async since(seen: number, signal: AbortSignal) {
      if (arrivals !== seen || signal.aborted) return
      await new Promise<void>((resolve) => {
        const go = () => {
          stop()
          signal.removeEventListener('abort', go)
          resolve()
        }
        const stop = there.on(go)
        signal.addEventListener('abort', go)
      })
    },
  }
}

/** The exit code of errors of a sign-in. */
const SIGN_IN = 3

const isTrueIn = (bytes: Bytes, name: string): boolean => {
  const at = find(bytes, ['params', 'notifications', name])
  return at !== undefined && textAt(bytes, at) === 'true'
}

/** JSON text of the part of the host's filter that is kept: lists change with the sign-in whatever the server can do. */
function acceptedIn(bytes: Bytes, hasSubscriptions: boolean): string {
  const lists = Object.values(WANTED).filter((name) => isTrueIn(bytes, name))
  const uris = hasSubscriptions ? find(bytes, ['params', 'notifications', 'resourceSubscriptions']) : undefined
  const isList = uris !== undefined && bytes[uris.start] === OPEN_BRACKET
  const members = lists.map((name) => `"${name}":true`)
  return `{${[...members, ...(isList ? [`"resourceSubscriptions":${textAt(bytes, uris)}`] : [])].join(',')}}`
}

const OPEN_BRACKET = 91
