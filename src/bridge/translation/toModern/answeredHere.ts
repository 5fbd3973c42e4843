// The requests of a 2025 host that a 2026 server does not know: they are seen to here.
import type { Message, RawId } from '../../message/message.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, refusal, result } from '../../message/ours.ts'
import { find, stringIn } from '../../message/pick.ts'
import { LEVELS } from '../levels.ts'
import type { HostListen } from './hostListen.ts'
import type { HostMeta } from './hostMeta.ts'

/** What counts since the host's last initialize. */
export interface Introduced {
  readonly host: HostMeta
  /** JSON text; undefined: the host has set none. */
  logLevel: string | undefined
  /** The server tells of changes to single resources. */
  readonly canSubscribe: boolean
  readonly listening: HostListen | undefined
}

const EMPTY = '{}'

/** Resolves to the answer; undefined: the server has one. @throws BridgeError why there is none, the reason of `signal` */
export async function answeredHere(
  message: Message,
  introduced: Introduced,
  signal: AbortSignal,
): Promise<Message | undefined> {
  switch (message.method) {
    case 'ping':
      return result(idOf(message), EMPTY)
    case 'logging/setLevel':
      return setLevel(message, introduced)
    case 'resources/subscribe':
      return subscribe(message, introduced, signal)
    case 'resources/unsubscribe':
      return unsubscribe(message, introduced, signal)
    // Not of the revisions that this host has begun with.
    case 'server/discover':
    case 'subscriptions/listen':
      return refusal(idOf(message), METHOD_NOT_FOUND, 'Method not found')
    default:
      return undefined
  }
}

export const idOf = ({ asks }: Message): RawId => asks[0] ?? 'null'

const refuse = (message: Message, words: string) => refusal(idOf(message), INVALID_PARAMS, words)

/** It goes into each request from now on. */
function setLevel(message: Message, introduced: Introduced): Message {
  const level = textParam(message, 'level')
  if (level === undefined || !LEVELS.includes(level)) return refuse(message, 'Unknown log level.')
  introduced.logLevel = JSON.stringify(level)
  return result(idOf(message), EMPTY)
}

async function subscribe(message: Message, { canSubscribe, listening }: Introduced, signal: AbortSignal) {
  const uri = textParam(message, 'uri')
  if (uri === undefined) return refuse(message, 'No resource URI was given.')
  if (!canSubscribe || !listening) return refuse(message, 'This server does not support subscriptions to resources.')
  const isAgreed = await listening.subscribe(uri, signal)
  if (!isAgreed) return refuse(message, 'The server does not support a subscription to this resource.')
  return result(idOf(message), EMPTY)
}

async function unsubscribe(message: Message, { listening }: Introduced, signal: AbortSignal) {
  const uri = textParam(message, 'uri')
  if (uri !== undefined) await listening?.unsubscribe(uri, signal)
  return result(idOf(message), EMPTY)
}

const textParam = ({ bytes }: Message, name: string): string | undefined =>
  stringIn(bytes, find(bytes, ['params', name]))
