// One subscriptions/listen stream at a 2026 server (MCP 2026-07-28, "Subscriptions"): from its request to its acknowledgment, and on to its end.
import { asBridgeError, BridgeError } from '../../../errors.ts'
import type { Cause } from '../../../ports.ts'
import { quote } from '../../../redaction/text.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { InFlight } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { METHOD_NOT_FOUND, own } from '../../message/ours.ts'
import { eachElement, find, stringIn, valueIn } from '../../message/pick.ts'
import { filterOf, type List } from '../changing.ts'
import type { TakeOn } from '../takers.ts'
import { withoutSubscription } from './fromModern.ts'
import { type HostMeta, toModernRequest } from './hostMeta.ts'

export interface Wanted {
  readonly lists: readonly List[]
  readonly uris: readonly string[]
}

export interface ListenStream {
  readonly wanted: Wanted
  /** The URIs that the server agreed to. Rejects where the stream ended before that. */
  readonly acknowledged: Promise<ReadonlySet<string>>
  /** Resolves to why it has ended; undefined: the server ended it. Never rejects. */
  readonly over: Promise<BridgeError | undefined>
  /** Notifications that came, the acknowledgment not counted. */
  readonly heard: number
  close(): void
}

export interface ListenStreamOptions {
  readonly exchange: Exchange
  readonly upstream: InFlight
  readonly takeOn: TakeOn
  readonly host: HostMeta
  /** Takes a notification of it, as a 2025 host knows them. */
  readonly deliver: Deliver
}

let opened = 0
const CLOSED = new Error('The stream was closed here.')

export function openListenStream(
  { exchange, upstream, takeOn, host, deliver }: ListenStreamOptions,
  wanted: Wanted,
  cause: Cause,
): ListenStream {
  const id: RawId = `"mcp-oauth-bridge-l${++opened}"`
  const sending = upstream.begin(toModernRequest(requestOf(wanted), id, host, undefined), cause)
  let heard = 0
  let agree: (uris: ReadonlySet<string>) => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const acknowledged = new Promise<ReadonlySet<string>>((resolve, reject) => {
    agree = resolve
    fail = reject
  })
  acknowledged.catch(() => undefined)
  let refusal: BridgeError | undefined

  const take: Deliver = async (message) => {
    if (message.answers.length > 0) {
      if (message.failed) refusal = refusalIn(message)
      // The connection may stay open although nothing more can come.
      sending.abort(CLOSED)
    } else if (message.method === 'notifications/subscriptions/acknowledged') agree(urisIn(message))
    // The server takes it down: "Cancellation" has it said so, where "Subscriptions" has the request answered.
    else if (message.method === 'notifications/cancelled') sending.abort(CLOSED)
    else {
      heard++
      // One that does not acknowledge sends what it agreed to all the same.
      agree(new Set(wanted.uris))
      await deliver(withoutSubscription(message))
    }
  }

  const run = async (): Promise<BridgeError | undefined> => {
    let end: BridgeError | undefined
    try {
      await takeOn({ id, take, deliver: take, exchange: (route) => exchange(sending, route) })
      end = refusal
    } catch (thrown) {
      end = sending.signal.aborted ? refusal : asBridgeError(thrown)
    } finally {
      upstream.end(sending)
    }
    fail(end ?? new BridgeError('server_error', { message: 'The server ended the stream of its changes at once.' }))
    return end
  }

  return {
    wanted,
    acknowledged,
    over: run(),
    get heard() {
      return heard
    },
    close: () => sending.abort(CLOSED),
  }
}

/** Its id is put in with the rest of what 2026-07-28 wants. */
function requestOf({ lists, uris }: Wanted): Message {
  const params = { notifications: filterOf(lists, uris) }
  const request = { jsonrpc: '2.0', id: 0, method: 'subscriptions/listen', params }
  return own(JSON.stringify(request))
}

function urisIn({ bytes }: Message): ReadonlySet<string> {
  const uris = new Set<string>()
  const list = find(bytes, ['params', 'notifications', 'resourceSubscriptions'])
  if (list)
    eachElement(bytes, list, (uri) => {
      const text = stringIn(bytes, uri)
      if (text !== undefined) uris.add(text)
    })
  return uris
}

/** The details name the JSON-RPC code. */
function refusalIn({ bytes }: Message): BridgeError {
  const said = stringIn(bytes, find(bytes, ['error', 'message']))
  const code = valueIn(bytes, find(bytes, ['error', 'code']))
  return new BridgeError('server_error', {
    message: `The server does not tell of changes${said === undefined ? '' : `: ${quote(said, 160)}`}.`,
    details: code === METHOD_NOT_FOUND ? { reason: NOT_OFFERED } : {},
  })
}

/** The reason in the details of an error: the server has no such stream. */
export const NOT_OFFERED = 'listen_not_offered'
