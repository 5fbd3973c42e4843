// A 2026 server as a 2025 host knows servers: its handshake is answered here, each of its requests says what 2026-07-28 wants said, and
// the questions and changes of the server come to it as they always did.
import type { BridgeError } from '../../../errors.ts'
import type { Cause, Clock, Logger } from '../../../ports.ts'
import type { LegacyConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Exchange } from '../../http/exchange.ts'
import { answerTo } from '../../message/ask.ts'
import type { InFlight } from '../../message/inFlight.ts'
import type { Message } from '../../message/message.ts'
import { result } from '../../message/ours.ts'
import { type Bytes, find, valueIn } from '../../message/pick.ts'
import { rpcError } from '../../message/rpcError.ts'
import { changedList, LISTS } from '../changing.ts'
import { toInitializeResult } from '../describe.ts'
import type { Lists } from '../lists.ts'
import { orAborted } from '../orAborted.ts'
import { createTakers } from '../takers.ts'
import { answeredHere, type Introduced, idOf } from './answeredHere.ts'
import { carryBatch } from './batch.ts'
import { createHostListen } from './hostListen.ts'
import { hostIn, NOBODY } from './hostMeta.ts'
import { createQuestions } from './questions.ts'
import { createRounds, type Errand } from './rounds.ts'
import { createToServer } from './toServer.ts'

export interface ToModernOptions {
  readonly url: URL
  /** To the server, for messages that are on `upstream`. */
  readonly exchange: Exchange
  readonly upstream: InFlight
  /** Sends the host what does not answer a request of its own. */
  readonly deliver: Deliver
  /** The `result` of the server's DiscoverResult, asked for if it is not known. @throws BridgeError why there is none */
  readonly discovered: (initialize: Message, cause: Cause) => Promise<Bytes>
  readonly clock: Clock
  readonly log: Logger
  /** Longest silence of the server in ms; 0: no limit. */
  readonly timeoutMs: number
  /** Called with each answer of the server to a request of the host, as it came. */
  readonly heard?: ((answer: Message) => void) | undefined
  /** Left out: every list comes from the server. */
  readonly lists?: Lists | undefined
}

export function createToModern(options: ToModernOptions): LegacyConversation {
  const { url, upstream, lists, heard, log } = options
  const ending = new AbortController()
  const questions = createQuestions(options.deliver)
  const parts = { ...options, takeOn: createTakers() }
  const rounds = createRounds({ ...parts, questions, ending: ending.signal })
  const toServer = createToServer({ rounds, lists, heard })
  /** The host's last initialize. */
  let initialize: Message | undefined
  let introduced: Introduced = { host: NOBODY, logLevel: undefined, canSubscribe: false, listening: undefined }

  /** Passes on a message, also for what it says of the lists that are kept. */
  const noting =
    (deliver: Deliver): Deliver =>
    (one) => {
      const changed = changedList(one.method)
      if (changed) lists?.drop(changed)
      return deliver(one)
    }

  const introduce = async (message: Message, cause: Cause, signal: AbortSignal): Promise<Message> => {
    const discover = await orAborted(options.discovered(message, cause), signal)
    const host = hostIn(message)
    introduced.listening?.stop()
    // What a server lists may depend on what the host can do.
    lists?.drop()
    introduced = {
      host,
      logLevel: undefined,
      canSubscribe: offers(discover, 'resources', 'subscribe'),
      listening: createHostListen({
        ...parts,
        host,
        deliver: noting(options.deliver),
        lists: LISTS.filter((list) => offers(discover, list, 'listChanged')),
      }),
    }
    return result(idOf(message), toInitializeResult(discover, { wanted: host.wanted, url }))
  }

  const request = async (message: Message, errand: Errand, deliver: Deliver): Promise<void> => {
    if (message.method === 'initialize') {
      initialize = message
      return deliver(await introduce(message, errand.cause, errand.signal))
    }
    const here = await answeredHere(message, introduced, errand.signal)
    if (here) return deliver(here)
    await toServer(message, introduced, errand, noting(deliver))
    introduced.listening?.poke()
  }

  const carry = async (message: Message, errand: Errand, deliver: Deliver): Promise<void> => {
    ending.signal.throwIfAborted()
    const { kind, method } = message
    if (kind === 'request') return request(message, errand, deliver)
    if (kind === 'batch') return carryBatch(message, carry, deliver, { ...errand, open: undefined })
    if (method === 'notifications/initialized') return introduced.listening?.start()
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
      introduced.listening?.start()
      return answer
    },
    tell: (message) => carry(message, { cause: 'background', signal: ending.signal }, async () => undefined),
    ask(message, cause) {
      const errand = { cause, signal: ending.signal }
      return answerTo(message, (take) => rounds(message, introduced, errand, noting(take)), options.deliver)
    },
    leave: questions.end,
    async end(reason: BridgeError) {
      ending.abort(reason)
      introduced.listening?.stop()
      questions.end(reason)
      upstream.abort(reason)
    },
  }
}

/** Whether a capability of a DiscoverResult is `true`. */
const offers = (discover: Bytes, ...path: readonly string[]): boolean =>
  valueIn(discover, find(discover, ['capabilities', ...path])) === true
