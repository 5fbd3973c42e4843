// The host's `subscriptions/listen` (MCP 2026-07-28, "Subscriptions") of one session, fed from what a 2025 server says unasked.
import { BridgeError } from '../../../errors.ts'
import type { Logger } from '../../../ports.ts'
import { META } from '../../era/revisions.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import { type Message, parseMessage, type RawId } from '../../message/message.ts'
import { own, result } from '../../message/ours.ts'
import { find, stringIn, valueIn } from '../../message/pick.ts'
import { splice } from '../../message/splice.ts'
import { changedList, filterOf, type List, listChanged, UPDATED, wish } from '../changing.ts'
import type { Subscriptions } from './subscriptions.ts'

export interface Listens {
  readonly size: number
  /** One request of the host; resolves when it is over. @throws the reason of its signal */
  carry(pending: PendingRequest, deliver: Deliver): Promise<void>
  /** A notification of the server; false: it is none that anybody can listen for. */
  notify(message: Message): Promise<boolean>
  /** The session has been made again: what changed meanwhile was not told. */
  restored(): void
  /** `complete`: the end is meant; `cancelled`: it is not. */
  end(how: 'complete' | 'cancelled'): void
}

/** Notifications that may wait for the acknowledgment. */
const MOST_EARLY = 64

interface Listen {
  readonly id: RawId
  readonly lists: readonly List[]
  uris: readonly string[]
  /** What came before the acknowledgment. */
  early: Message[] | undefined
  readonly tell: (message: Message) => Promise<void>
  readonly end: (how: 'complete' | 'cancelled') => void
}

/** `offered`: the lists whose changes the server tells. */
export function createListens(offered: readonly List[], subscriptions: Subscriptions, log: Logger): Listens {
  const open = new Set<Listen>()
  let isEnding = false

  const tell = async (listen: Listen, message: Message) => {
    if (listen.early === undefined) await listen.tell(tagged(message, listen.id))
    else if (listen.early.length < MOST_EARLY) listen.early.push(message)
  }

  const isWanted = ({ lists, uris }: Listen, { method, bytes }: Message) => {
    const changed = changedList(method)
    if (changed) return lists.includes(changed)
    const uri = stringIn(bytes, find(bytes, ['params', 'uri']), bytes.length)
    return uri !== undefined && uris.some((wanted) => isWithin(uri, wanted))
  }

  const carry: Listens['carry'] = async ({ message, signal, cause, finish, open: unanswered }, deliver) => {
    const id = message.asks[0] ?? 'null'
    const filter = filterIn(message)
    const lists = offered.filter((list) => filter[wish(list)] === true)
    let close: () => void = () => undefined
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    const end = (how: 'complete' | 'cancelled') => {
      if (!open.delete(listen)) return
      unanswered.clear()
      void deliver(how === 'complete' ? completed(id) : cancelled(id)).then(close, close)
    }
    const wanted = urisIn(filter)
    const listen: Listen = { id, lists, uris: wanted, early: [], tell: deliver, end }
    open.add(listen)
    // The host takes it back, or the bridge ends.
    const stop = () => {
      if (isEnd(signal.reason)) end('complete')
      open.delete(listen)
      close()
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      listen.uris = await subscriptions.add(wanted, cause)
      signal.throwIfAborted()
      if (!open.has(listen)) return
      await deliver(acknowledged(id, lists, listen.uris))
      finish()
      const { early } = listen
      listen.early = undefined
      for (const one of early ?? []) if (isWanted(listen, one)) await deliver(tagged(one, id))
      await closed
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', stop)
      open.delete(listen)
      // With the session its subscriptions end.
      if (!isEnding && !isEnd(signal.reason)) subscriptions.remove(listen.uris)
    }
  }

  return {
    get size() {
      return open.size
    },
    carry,
    async notify(message) {
      if (message.method !== UPDATED && !changedList(message.method)) return false
      for (const listen of open) if (isWanted(listen, message)) await tell(listen, message)
      return true
    },
    restored() {
      for (const listen of open) {
        for (const list of listen.lists) void tell(listen, own(notification(listChanged(list))))
        for (const uri of listen.uris) void tell(listen, own(notification(UPDATED, `"uri":${JSON.stringify(uri)}`)))
      }
    },
    end(how) {
      isEnding = true
      if (how === 'cancelled' && open.size > 0) log.warn('proxy:listen', { reason: 'the session cannot be made again' })
      for (const { end } of [...open]) end(how)
    },
  }
}

/** The bridge gives a BridgeError as its reason; the host gives none of those. */
const isEnd = (reason: unknown) => reason instanceof BridgeError

type Filter = Readonly<Record<string, unknown>>

function filterIn({ bytes }: Message): Filter {
  const filter = valueIn(bytes, find(bytes, ['params', 'notifications']), bytes.length)
  return typeof filter === 'object' && filter !== null ? (filter as Filter) : {}
}

function urisIn({ resourceSubscriptions }: Filter): readonly string[] {
  const listed: readonly unknown[] = Array.isArray(resourceSubscriptions) ? resourceSubscriptions : []
  return [...new Set(listed.filter((uri) => typeof uri === 'string'))]
}

/** A server may tell of a part of what is subscribed to (MCP 2025-11-25, "Resources"). */
function isWithin(uri: string, wanted: string): boolean {
  if (!uri.startsWith(wanted)) return false
  return uri.length === wanted.length || wanted.endsWith('/') || '/?#'.includes(uri.charAt(wanted.length))
}

const tag = (id: RawId) => `"_meta":{${JSON.stringify(META.subscription)}:${id}}`

function tagged(message: Message, id: RawId): Message {
  const bytes = splice(message.bytes, [{ path: ['params', '_meta', META.subscription], json: id }])
  return parseMessage(bytes) ?? message
}

const notification = (method: string, params = '') =>
  `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":{${params}}}`

function acknowledged(id: RawId, lists: readonly List[], uris: readonly string[]): Message {
  const params = `${tag(id)},"notifications":${JSON.stringify(filterOf(lists, uris))}`
  return own(notification('notifications/subscriptions/acknowledged', params))
}

const completed = (id: RawId): Message => result(id, `{"resultType":"complete",${tag(id)}}`)

const cancelled = (id: RawId): Message =>
  own(
    notification(
      'notifications/cancelled',
      `${tag(id)},"requestId":${id},"reason":"The server has ended the session."`,
    ),
  )
