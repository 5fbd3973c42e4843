// The body of a response → its messages, however the server wrote them: an event stream, one JSON text, or a message on each line.
import { asBridgeError } from '../../../errors.ts'
import type { Clock, HttpResponse } from '../../../ports.ts'
import { type Message, parseMessage, type RawId } from '../../message/message.ts'
import { ENDPOINT, type StreamEvent } from './eventStream.ts'
import { BodyReader, type BodyReaderOptions } from './reader.ts'
import { createSilence } from './silence.ts'

/** Delivers one message of the server; resolves when more may be read. */
export type Deliver = (message: Message) => Promise<void>

export interface BodyOptions extends BodyReaderOptions {
  readonly clock: Clock
  /** Whether somebody waits for the answers to these ids. */
  awaits(ids: readonly RawId[]): boolean
}

export interface Receiver {
  take(message: Message): Promise<void>
  /** What is neither a message nor empty; the answer may be beside it. */
  odd(bytes: Uint8Array): void
  /** The data of an event `endpoint`, which is never a message. */
  endpoint?(data: Uint8Array): void
  /** Asked while a body goes on: when this resolves, the rest of it is discarded. undefined: there is more to come. */
  enough?(): Promise<undefined> | undefined
}

/** An answer of `enough`: the rest is discarded at once. */
export const NOTHING_MORE = Promise.resolve(undefined)

/** After so long without a byte, in ms, what has come of an event is looked at. */
const QUIET_MS = 250
/** The time between two looks, as a multiple of what a look takes: a byte now and then must not make us read megabytes again and again. */
const LOOK_SHARE = 20
const [LF, OPEN_BRACE] = [10, 123]

/**
 * Takes every message of a body. An answer that is whole and awaited counts although the end of its event or of the body has not
 * come: at once when the body ends or breaks off, after a moment of silence when it stays open. The names of events do not matter.
 * @throws ForeignBody, RangeError when one message holds more bytes than the limit, or why the body broke off
 */
export function readBody(
  response: HttpResponse,
  type: string,
  options: BodyOptions,
  receiver: Receiver,
): Promise<void> {
  const whole = response.body.whole?.()
  return whole ? readWhole(whole, type, options, receiver) : readPieces(response, type, options, receiver)
}

/** Most answers have come with their headers. */
function readWhole(bytes: Uint8Array, type: string, options: BodyOptions, receiver: Receiver): Promise<void> {
  const message = bytes[0] === OPEN_BRACE && bytes.byteLength <= options.limit ? parseMessage(bytes) : undefined
  return message ? receiver.take(message) : readOdd(bytes, type, options, receiver)
}

async function readOdd(bytes: Uint8Array, type: string, options: BodyOptions, receiver: Receiver): Promise<void> {
  const reader = new BodyReader(type, options)
  if (bytes.byteLength > 0) await takePiece(reader, bytes, receiver)
  await takeRest(reader, options, receiver)
}

async function readPieces(
  response: HttpResponse,
  type: string,
  options: BodyOptions,
  receiver: Receiver,
): Promise<void> {
  const source = response.body[Symbol.asyncIterator]()
  const reader = new BodyReader(type, options)
  const silence = createSilence(options.clock)
  const leave = () => {
    // Not awaited: a source that is being read answers only with its next piece.
    void source.return?.()
    response.discard()
  }
  try {
    let coming = source.next()
    /** Nothing has come since the last look at an event without an end. */
    let looked = false
    let quietMs = QUIET_MS
    for (;;) {
      let next: IteratorResult<Uint8Array> | undefined
      const enough = receiver.enough?.()
      try {
        if (enough !== undefined) next = await Promise.race([coming, enough])
        else next = await (reader.mayBeWhole && !looked ? silence.or(coming, quietMs) : coming)
      } catch (thrown) {
        if (isBrokenOff(thrown)) await takeUnfinished(reader, options, receiver)
        throw thrown
      }
      if (enough !== undefined && !next) return leave()
      if (next?.done) return await takeRest(reader, options, receiver)
      if (next) {
        await takePiece(reader, next.value, receiver)
        coming = source.next()
      } else quietMs = Math.max(QUIET_MS, LOOK_SHARE * (await takeUnfinished(reader, options, receiver)))
      looked = next === undefined
    }
  } catch (thrown) {
    leave()
    throw thrown
  } finally {
    silence.end()
  }
}

/** The messages that end in this piece. */
async function takePiece(reader: BodyReader, piece: Uint8Array, receiver: Receiver): Promise<void> {
  reader.push(piece)
  for (let event = reader.next(); event; event = reader.next()) await takeEvent(event, receiver)
}

/** The connection broke, or nothing came for too long. */
export const isBrokenOff = (thrown: unknown) =>
  ['server_unreachable', 'server_timeout'].includes(asBridgeError(thrown).code)

/** The end of the body: a JSON text ends with it; an event does only if it holds an awaited answer. */
async function takeRest(reader: BodyReader, options: BodyOptions, receiver: Receiver): Promise<void> {
  const text = reader.end()
  if (text) await takeEvent({ data: text, type: '' }, receiver)
  else await takeUnfinished(reader, options, receiver)
}

/** All of an event that has not ended, if it holds an awaited answer and breaks off in no message. Resolves to how long the look took, in ms. */
async function takeUnfinished(reader: BodyReader, options: BodyOptions, receiver: Receiver): Promise<number> {
  const { clock } = options
  const began = clock.awake()
  const event = reader.unfinished()
  const isTaken = event !== undefined && (event.type === ENDPOINT || isAwaited(event.data, options))
  const took = clock.awake() - began
  if (!event || !isTaken) return took
  reader.passOver()
  await takeEvent(event, receiver)
  return took
}

function isAwaited(data: Uint8Array, options: BodyOptions): boolean {
  let awaited = false
  let broken = false
  for (const { message } of partsOf(data)) {
    awaited ||= message !== undefined && message.answers.length > 0 && options.awaits(message.answers)
    broken = message === undefined
  }
  return awaited && !broken
}

async function takeEvent({ data, type }: StreamEvent, receiver: Receiver): Promise<void> {
  if (type === ENDPOINT) return receiver.endpoint?.(data)
  const whole = parseMessage(data)
  if (whole) return receiver.take(whole)
  let none: Uint8Array | undefined
  let found = false
  for (const { bytes, message } of linesOf(data)) {
    found ||= message !== undefined
    if (message) await receiver.take(message)
    else none ??= bytes
  }
  if (none) receiver.odd(found ? none : data)
}

interface Part {
  readonly bytes: Uint8Array
  readonly message: Message | undefined
}

/** The data itself, or its lines: some servers write one message on each. */
function* partsOf(data: Uint8Array): Generator<Part> {
  const message = parseMessage(data)
  if (message) yield { bytes: data, message }
  else yield* linesOf(data)
}

function* linesOf(data: Uint8Array): Generator<Part> {
  for (let from = 0; from < data.length; ) {
    const feed = data.indexOf(LF, from)
    const end = feed === -1 ? data.length : feed
    const bytes = data.subarray(from, end)
    if (!isBlank(bytes)) yield { bytes, message: parseMessage(bytes) }
    from = end + 1
  }
}

const isBlank = (bytes: Uint8Array) => !bytes.some((byte) => byte > 32)
