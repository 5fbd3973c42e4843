// A 2026 server as a 2025 host knows servers: its handshake is answered here, each of its requests says what 2026-07-28 wants said, and
// the questions and changes of the server come to it as they always did.
import type { BridgeError } from '../../../errors.ts'
import type { Cause, Clock, Logger } from '../../../ports.ts'
import type { LegacyConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { InFlight } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { type Bytes, find, stringIn, valueIn } from '../../message/pick.ts'
import { rpcError } from '../../message/rpcError.ts'
import { toInitializeResult } from '../describe.ts'
import type { Lists } from '../lists.ts'
import { carryBatch } from './batch.ts'
import { answerTo, errorTo, INVALID_PARAMS, METHOD_NOT_FOUND } from './fromModern.ts'
import { createHostListen, type HostListen } from './hostListen.ts'
import { type HostMeta, hostIn, NOBODY } from './hostMeta.ts'
import type { Changing } from './listenStream.ts'
import { orAborted } from './orAborted.ts'
import { createQuestions } from './questions.ts'
import { createRounds, type Errand } from './rounds.ts'

export interface ToModernOptions {
  readonly url: URL
  /** To the server, for messages that are on `upstream`. */
  readonly exchange: Exchange
  readonly upstream: InFlight
  /** Sends the host what is no answer to a request of its own. */
  readonly deliver: Deliver
  /** The `result` of the server's DiscoverResult, asked for if it is not known. @throws BridgeError why there is none */
  readonly discovered: (initialize: Message, cause: Cause) => Promise<Bytes>
  readonly clock: Clock
  readonly log: Logger
  /** Longest silence of the server in ms; 0: no limit. */
  readonly timeoutMs: number
  /** Left out: every list comes from the server. */
  readonly lists?: Lists | undefined
}

const LEVELS = new Set('debug info notice warning error critical alert emergency'.split(' '))
const CHANGING: readonly Changing[] = ['tools', 'prompts', 'resources']
const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/
const EMPTY = '{}'

export function createToModern(options: ToModernOptions): LegacyConversation {
  const { url, upstream, lists, log } = options
  const ending = new AbortController()
  const questions = createQuestions(options.deliver)
  const rounds = createRounds({ ...options, questions, ending: ending.signal })
  /** The host's last initialize. */
  let initialize: Message | undefined
  let host: HostMeta = NOBODY
  let logLevel: string | undefined
  let canSubscribe = false
  let listening: HostListen | undefined

  /** Sends on what is no answer. */
  const passingOn =
    (deliver: Deliver): Deliver =>
    (one) => {
      const kind = LIST_CHANGED.exec(one.method ?? '')?.[1]
      if (kind !== undefined) lists?.drop(kind as Changing)
      return deliver(one)
    }

  const begin = (message: Message, discover: Bytes) => {
    const offers = (...path: string[]) => valueIn(discover, find(discover, ['capabilities', ...path])) === true
    listening?.stop()
    // What a server lists may depend on what the host can do.
    lists?.drop()
    host = hostIn(message)
    logLevel = undefined
    canSubscribe = offers('resources', 'subscribe')
    listening = createHostListen({
      ...options,
      host,
      deliver: passingOn(options.deliver),
      lists: CHANGING.filter((capability) => offers(capability, 'listChanged')),
    })
  }

  const introduce = async (message: Message, cause: Cause, signal: AbortSignal): Promise<Message> => {
    const discover = await orAborted(options.discovered(message, cause), signal)
    begin(message, discover)
    return answerTo(idOf(message), toInitializeResult(discover, { wanted: host.wanted, url }))
  }

  const toServer = async (message: Message, errand: Errand, deliver: Deliver) => {
    const kept = await lists?.find(message)
    if (kept) return deliver(answerTo(idOf(message), kept))
    const asking = await lists?.begin(message)
    let seen: Message | undefined
    const take: Deliver = async (one) => {
      const written = deliver(one)
      if (seen && one.answers.length > 0) asking?.keep(seen, () => resultIn(one.bytes))
      await written
    }
    await rounds(message, { host, logLevel }, errand, passingOn(take), (answer) => {
      seen = answer
    })
    listening?.poke()
  }

  const setLevel = (message: Message): Message => {
    const level = textParam(message, 'level')
    if (level === undefined || !LEVELS.has(level))
      return errorTo(idOf(message), INVALID_PARAMS, 'There is no such log level.')
    logLevel = JSON.stringify(level)
    return answerTo(idOf(message), EMPTY)
  }

  const subscribe = async (message: Message, { signal }: Errand): Promise<Message> => {
    const uri = textParam(message, 'uri')
    const refuse = (words: string) => errorTo(idOf(message), INVALID_PARAMS, words)
    if (uri === undefined) return refuse('No resource is named.')
    if (!canSubscribe || !listening) return refuse('This server does not tell of changes to single resources.')
    const isAgreed = await listening.subscribe(uri, signal)
    return isAgreed ? answerTo(idOf(message), EMPTY) : refuse('The server does not tell of changes to this resource.')
  }

  const unsubscribe = async (message: Message, { signal }: Errand): Promise<Message> => {
    const uri = textParam(message, 'uri')
    if (uri !== undefined && listening) await orAborted(listening.unsubscribe(uri), signal)
    return answerTo(idOf(message), EMPTY)
  }

  const request = async (message: Message, errand: Errand, deliver: Deliver): Promise<void> => {
    switch (message.method) {
      case 'initialize':
        initialize = message
        return deliver(await introduce(message, errand.cause, errand.signal))
      case 'ping':
        return deliver(answerTo(idOf(message), EMPTY))
      case 'logging/setLevel':
        return deliver(setLevel(message))
      case 'resources/subscribe':
        return deliver(await subscribe(message, errand))
      case 'resources/unsubscribe':
        return deliver(await unsubscribe(message, errand))
      // Not of the revisions that this host has begun with.
      case 'server/discover':
      case 'subscriptions/listen':
        return deliver(errorTo(idOf(message), METHOD_NOT_FOUND, 'Method not found'))
      default:
        return toServer(message, errand, deliver)
    }
  }

  const carry = async (message: Message, errand: Errand, deliver: Deliver): Promise<void> => {
    ending.signal.throwIfAborted()
    const { kind, method } = message
    if (kind === 'request') return request(message, errand, deliver)
    if (kind === 'batch') return carryBatch(message, (one, take) => carry(one, errand, take), deliver, errand.signal)
    if (method === 'notifications/initialized') return listening?.start()
    // The request that it ends is aborted by whoever hears it from the host.
    if (method === 'notifications/cancelled' || (kind === 'response' && questions.take(message))) return
    log.debug('proxy:dropped', { kind, method })
  }

  return {
    async exchange(pending, before, deliver) {
      await before
      const { message, signal, open } = pending
      signal.throwIfAborted()
      await carry(message, pending, async (one) => {
        if (one.answers.length > 0 && signal.aborted) return
        for (const id of one.answers) open.delete(id)
        await deliver(one)
        if (open.size === 0) pending.finish()
      })
    },
    refusal: rpcError,
    async initialize(cause) {
      if (!initialize) return undefined
      const answer = await introduce(initialize, cause, ending.signal)
      listening?.start()
      return answer
    },
    tell: (message) => carry(message, { cause: 'background', signal: ending.signal }, async () => undefined),
    async ask(message, cause) {
      let answer: Message | undefined
      const take: Deliver = async (one) => {
        if (one.answers.length > 0) answer = one
        else await options.deliver(one)
      }
      await rounds(message, { host, logLevel }, { cause, signal: ending.signal }, passingOn(take))
      return answer
    },
    async end(reason: BridgeError) {
      ending.abort(reason)
      listening?.stop()
      questions.end(reason)
      upstream.abort(reason)
    },
  }
}

const idOf = ({ asks }: Message): RawId => asks[0] ?? 'null'

const textParam = ({ bytes }: Message, name: string): string | undefined =>
  stringIn(bytes, find(bytes, ['params', name]))

/** A copy, which keeps nothing else alive. */
function resultIn(bytes: Bytes): Bytes | undefined {
  const span = find(bytes, ['result'])
  return span && Buffer.from(bytes.subarray(span.start, span.end))
}
