// Reads a body as what it is, by its first bytes: an event stream or JSON, whatever its content type says.
import { withoutBom } from '../../message/message.ts'
import { Pieces } from '../../message/pieces.ts'
import { skipSpace } from '../../message/scan.ts'
import { EventReader, isClose, type StreamEvent, type StreamPosition } from './eventStream.ts'

export interface BodyReaderOptions {
  /** Largest message, in bytes. */
  readonly limit: number
  /** Where a stream got to, for resuming it. */
  readonly position: StreamPosition
}

/** Neither JSON nor an event stream. */
export class ForeignBody extends Error {
  /** How it begins; empty if there is no body. */
  readonly start: Uint8Array

  constructor(start: Uint8Array) {
    super('neither JSON nor an event stream')
    this.start = start
  }
}

type Kind = 'events' | 'text'

export const EVENT_STREAM = 'text/event-stream'
const JSON_TYPE = 'application/json'
/** Longer white space is not the beginning of anything. */
const LONGEST_SPACE = 1024
const [OPEN_BRACKET, OPEN_BRACE] = [91, 123]
const BOM = '\xef\xbb\xbf'
const FIELDS = ['data:', 'event:', 'id:', 'retry:', ':']

/** Takes a body piece by piece; after each one `next` gives the events it completes, and then undefined. */
export class BodyReader {
  readonly #type: string
  readonly #limit: number
  readonly #events: EventReader
  /** What has come while the kind is not known, and all of a body that is not an event stream. */
  readonly #text = new Pieces()
  #kind: Kind | undefined

  /** `type`: the media type that the server gives. */
  constructor(type: string, { limit, position }: BodyReaderOptions) {
    this.#type = type
    this.#limit = limit
    this.#events = new EventReader(position, limit)
  }

  /** @throws RangeError when the text holds more bytes than the limit; ForeignBody */
  push(piece: Uint8Array): void {
    if (this.#kind !== 'events') {
      this.#text.add(piece)
      this.#kind ??= kindOf(this.#text.peek(), this.#type)
    }
    if (this.#kind === 'events') this.#events.push(this.#text.size > 0 ? this.#text.take() : piece)
    else if (this.#text.size > this.#limit) throw new RangeError('text too large')
  }

  /** @throws RangeError when one event holds more bytes than the limit */
  next(): StreamEvent | undefined {
    return this.#kind === 'events' ? this.#events.next() : undefined
  }

  /** Whether it is worth looking at what is unfinished. */
  get mayBeWhole(): boolean {
    if (this.#kind === 'events') return this.#events.mayBeWhole
    return this.#kind === 'text' && isClose(this.#text.last)
  }

  /** An event or text whose end has not come. It stays until `passOver` is called. */
  unfinished(): StreamEvent | undefined {
    if (this.#kind === 'events') return this.#events.unfinished()
    return this.#kind === 'text' && this.#text.size > 0 ? { data: this.#text.peek(), type: '' } : undefined
  }

  passOver(): void {
    if (this.#kind === 'events') this.#events.passOver()
    else this.#text.take()
  }

  /** The text that ends with the body; undefined: it is an event stream. @throws ForeignBody */
  end(): Uint8Array | undefined {
    if (this.#kind === 'text') return this.#text.take()
    if (this.#kind === 'events' || this.#type === EVENT_STREAM) return undefined
    throw new ForeignBody(this.#text.take())
  }
}

/** undefined: the next bytes decide. @throws ForeignBody */
function kindOf(start: Uint8Array, type: string): Kind | undefined {
  const bytes = withoutBom(start)
  const at = skipSpace(bytes, 0)
  if (bytes[at] === OPEN_BRACE || bytes[at] === OPEN_BRACKET) return 'text'
  const begin = Buffer.from(bytes.subarray(at, at + 6)).toString('latin1')
  const isOpen = begin === '' || (bytes === start && BOM.startsWith(begin))
  if (isOpen && start.length < LONGEST_SPACE) return undefined
  if (begin.startsWith('<')) throw new ForeignBody(start)
  if (type === EVENT_STREAM || FIELDS.some((field) => begin.startsWith(field))) return 'events'
  if (begin !== '' && FIELDS.some((field) => field.startsWith(begin))) return undefined
  if (type === JSON_TYPE) return 'text'
  throw new ForeignBody(start)
}
