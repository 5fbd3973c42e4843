// One session with a 2025 server, for all requests of the host that declare the same capabilities; begun with our own initialize.
import { asBridgeError, BridgeError } from '../../../errors.ts'
import type { Cause, Clock, Logger } from '../../../ports.ts'
import { quote } from '../../../redaction/text.ts'
import { doubtsHandshake } from '../../era/doubt.ts'
import { mayAsk, NEWEST_LEGACY } from '../../era/revisions.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { own } from '../../message/ours.ts'
import { type Bytes, find, stringIn } from '../../message/pick.ts'
import { LISTS } from '../changing.ts'
import { asksAnything } from '../hostCan.ts'
import { toModernAnswer } from './answer.ts'
import { type Call, createCall } from './call/call.ts'
import type { Retries } from './call/retries.ts'
import type { Ride } from './call/ride.ts'
import type { Visits } from './call/visits.ts'
import type { Declared } from './declared.ts'
import { createHearing } from './hearing.ts'
import { type CreateLegacy, createLink, type Link, nextId } from './link.ts'
import { createListens, type Listens } from './listens.ts'
import { createLevel } from './logLevel.ts'
import { type Asked, isSame, toLegacyNotification, toLegacyRequest } from './request.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface SessionOptions {
  readonly declared: Declared
  readonly createLegacy: CreateLegacy
  readonly clock: Clock
  readonly log: Logger
  readonly retries: Retries
  readonly visits: Visits
  /** A call has ended. */
  readonly onOver: () => void
  /** The server has lost it and refuses to make it again. */
  readonly onLost: () => void
  /** Aborts when the bridge ends. */
  readonly ending: AbortSignal
}

export interface Session {
  /** The `result` of the server's answer to initialize. */
  readonly described: Bytes
  readonly listens: Listens
  /** Calls that are open at the server. */
  readonly calls: ReadonlyMap<RawId, Call>
  /** Sends a request of the host; what comes of it goes to `ride`. */
  open(message: Message, ride: Ride, pending: PendingRequest): Promise<Call>
  /** Resolves when log messages come as the host's request wants them. Never throws. */
  raiseLevel(ride: Ride, cause: Cause): Promise<void>
  /** Tells the server that the host has taken the request of this call back. */
  cancel(call: Call, notification: Message): Promise<void>
  say(message: Message): Promise<void>
  end(reason: BridgeError): Promise<void>
}

/** How long a call waits for the stream that questions may come on, in ms: some servers send its headers with the first of them. */
const STREAM_MS = 500
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'

/** @throws BridgeError why there is no session */
export async function openSession(options: SessionOptions, cause: Cause): Promise<Session> {
  const { declared, clock, log, retries, visits } = options
  const calls = new Map<RawId, Call>()
  let listens: Listens | undefined

  const say = (message: Message): Promise<void> => link.say(message)
  const hearing = createHearing({ can: declared.can, calls, visits, listens: () => listens, say, clock, log })
  const link = createLink(options.createLegacy, hearing.hear, (refused) => {
    if (!refused) return listens?.restored()
    listens?.end('cancelled')
    options.onLost()
    // Nothing is listened for in it any more; calls that are out end by themselves.
    void link.conversation.end(refused)
  })

  const described = await begin(link, options, cause)
  const offers = (...path: string[]) => isOffered(described, path)
  const subscriptions = createSubscriptions({ isOffered: offers('resources', 'subscribe'), ask: link.ask, log })
  listens = createListens(
    LISTS.filter((list) => offers(list, 'listChanged')),
    subscriptions,
    log,
  )
  const level = createLevel({ isOffered: offers('logging'), calls, ask: link.ask, log })

  const stream = createStream(link, clock)

  /** A token that another open call has would make the progress of both one. */
  const tokenFor = ({ token }: Asked, id: RawId) => {
    const isTaken = token !== undefined && [...calls.values()].some((call) => isSame(call.token, token))
    return isTaken ? id : token
  }

  const open = async (message: Message, ride: Ride, pending: PendingRequest): Promise<Call> => {
    const { asked } = ride
    const isAsking = mayAsk(asked.method) && asksAnything(declared.can)
    if (isAsking && !stream.isHeard) await stream.heard()
    if (level.isOffered) await level.raise(ride, pending.cause)
    pending.signal.throwIfAborted()
    const id = nextId()
    const token = tokenFor(asked, id)
    let upstream: PendingRequest | undefined
    const call = createCall({
      id,
      ride,
      token,
      clock,
      retries,
      say,
      abort: (reason) => upstream?.abort(reason),
      toHost: (answer, { asked: now }) =>
        visits.ask(answer, now, declared.can) ??
        toModernAnswer(answer, { id: now.id, method: now.method, can: declared.can }),
      onOver(left) {
        calls.delete(id)
        hearing.left(left)
        options.onOver()
      },
    })
    calls.set(id, call)
    if (isAsking) pending.transmission.patience = call.patience
    const bytes = toLegacyRequest(message, id, asked, token)
    // The bytes are known to be a request: they are not read again.
    upstream = link.send({ ...message, asks: [id], bytes }, call, pending)
    hearing.begun(call)
    return call
  }

  return {
    described,
    listens,
    calls,
    open,
    raiseLevel: level.raise,
    async cancel({ id }, notification) {
      link.forget(id)
      await say(own(toLegacyNotification(notification, id)))
    },
    say,
    end(reason) {
      hearing.end()
      return link.end(reason)
    },
  }
}

/** The first call that may ask waits until what the server initiates can be heard: what it says on a stream that is not there yet is lost. */
function createStream({ conversation }: Link, clock: Clock) {
  let waiting: Promise<unknown> | undefined
  const wait = () => {
    const over = new AbortController()
    const late = clock.sleep(STREAM_MS, over.signal).catch(() => undefined)
    return Promise.race([conversation.listening?.(), late]).finally(() => over.abort())
  }
  const stream = {
    isHeard: false,
    async heard() {
      waiting ??= wait()
      await waiting
      stream.isHeard = true
    },
  }
  return stream
}

/** The handshake; its result. */
async function begin(link: Link, { declared, ending, log }: SessionOptions, cause: Cause): Promise<Bytes> {
  // One that is not there yet is ended by nobody else.
  const stop = () => void link.end(ending.reason)
  ending.addEventListener('abort', stop, { once: true })
  try {
    const described = await initialize(declared, (params) => link.ask('initialize', params, cause))
    const initialized = link.say(own(INITIALIZED))
    await initialized.catch((thrown: BridgeError) => log.warn('proxy:initialized', { code: thrown.code }))
    return described
  } catch (thrown) {
    // The server may have begun one all the same.
    void link.end(asBridgeError(thrown))
    throw thrown
  } finally {
    ending.removeEventListener('abort', stop)
  }
}

/** The `result` of the answer. */
async function initialize(
  { capabilities, clientInfo }: Declared,
  ask: (params: string) => Promise<Message | undefined>,
): Promise<Bytes> {
  const version = JSON.stringify(NEWEST_LEGACY)
  const answer = await ask(`{"protocolVersion":${version},"capabilities":${capabilities},"clientInfo":${clientInfo}}`)
  if (!answer || doubtsHandshake(answer)) throw refused(answer)
  const result = find(answer.bytes, ['result'])
  return result ? answer.bytes.subarray(result.start, result.end) : Buffer.from('{}')
}

function refused(answer: Message | undefined): BridgeError {
  const version = answer && stringIn(answer.bytes, find(answer.bytes, ['result', 'protocolVersion']))
  const words = answer && stringIn(answer.bytes, find(answer.bytes, ['error', 'message']))
  const said = words === undefined ? '' : `: ${quote(words, 160)}`
  const what = version === undefined ? 'refused initialize' : `answered initialize with revision ${quote(version, 40)}`
  // As if it had said so with a status: the server may speak 2026 by now.
  return new BridgeError('server_error', { message: `The server ${what}${said}.`, details: { status: 400 } })
}

/** A capability is an object, or true. */
function isOffered(described: Bytes, path: readonly string[]): boolean {
  const span = find(described, ['capabilities', ...path])
  const first = span && described[span.start]
  return first === OPEN_BRACE || first === LETTER_T
}

const [OPEN_BRACE, LETTER_T] = [123, 116]
