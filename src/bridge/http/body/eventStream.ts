// SSE bytes → events, as bytes (WHATWG HTML section 9.2.6). Data that is only passed on is never decoded.
import { retryOf } from '../../../bounds.ts'
import { withoutBom } from '../../message/message.ts'
import { Pieces } from '../../message/pieces.ts'

export interface StreamEvent {
  readonly data: Uint8Array
  /** The `event` field; '' is a plain message. */
  readonly type: string
}

export interface StreamPosition {
  /** Last event id seen, for Last-Event-ID. */
  lastId?: string
  /** Reconnection time in ms the server asked for. */
  retryMs?: number
}

const BOM = [0xef, 0xbb, 0xbf]
const LF = 10
const CR = 13
const COLON = 58
const SPACE = 32
const DELETE = 127
const NEWLINE = Uint8Array.of(LF)
const EMPTY: Uint8Array = Uint8Array.of()
const [DATA, EVENT, ID, RETRY, MESSAGE] = ['data', 'event', 'id', 'retry', 'message'].map((name) =>
  Buffer.from(name),
) as [Buffer, Buffer, Buffer, Buffer, Buffer]
/** A field name with its colon and space. */
const FIELD_BYTES = 16
/** No known event name is longer. */
const LONGEST_TYPE = 64
/** A longer id is not kept: it has to fit into a header. */
const LONGEST_ID = 4096
const UNKNOWN_TYPE = '?'
/** The event of the HTTP+SSE transport (2024-11-05) that is not a message. */
export const ENDPOINT = 'endpoint'
const DATA_FIELD = Buffer.from('data:')
const [CLOSE_BRACKET, CLOSE_BRACE] = [93, 125]
/** Whether a JSON object or array may end with this byte; white space may follow it. */
export const isClose = (byte: number | undefined): boolean =>
  byte !== undefined && (byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= SPACE)

/**
 * Takes a body piece by piece; after each one `next` gives the events it completes, and then undefined. Keeps `position` up to
 * date. An event that has no empty line after it is not among them: `unfinished` gives its data. Lines are read in place,
 * because creating strings, views and generators is expensive.
 */
export class EventReader {
  readonly #position: StreamPosition
  readonly #limit: number
  /** The start of the stream while it may still be a byte order mark. */
  #start: Uint8Array | undefined = EMPTY
  #chunk: Uint8Array = EMPTY
  #from = 0
  #nextCr = -1
  #nextLf = -1
  /** Lines end with LF, CR or CRLF, also when the two halves come in two pieces. */
  #afterCr = false
  /** Pieces of a line whose end has not come. */
  readonly #line = new Pieces()
  /** The data of an event, its lines joined. */
  readonly #data = new Pieces()
  #lines = 0
  #isEmpty = true
  #type = ''
  #id: string | undefined

  /** `limit`: most bytes of one event. */
  constructor(position: StreamPosition, limit: number) {
    this.#position = position
    this.#limit = limit
    this.#id = position.lastId
  }

  push(piece: Uint8Array): void {
    const chunk = this.#start ? this.#begin(this.#start, piece) : piece
    this.#chunk = chunk
    this.#from = this.#afterCr && chunk[0] === LF ? 1 : 0
    if (chunk.byteLength > 0) this.#afterCr = false
    this.#nextCr = chunk.indexOf(CR, this.#from)
    this.#nextLf = chunk.indexOf(LF, this.#from)
  }

  /** @throws RangeError when one event holds more bytes than the limit */
  next(): StreamEvent | undefined {
    const chunk = this.#chunk
    while (this.#nextCr !== -1 || this.#nextLf !== -1) {
      const from = this.#from
      const end = this.#lineEnd(chunk)
      if (this.#line.size > 0) {
        this.#line.add(chunk.subarray(from, end))
        const line = this.#line.take()
        this.#takeField(line, 0, line.byteLength)
      } else if (end > from) this.#takeField(chunk, from, end)
      else {
        const event = this.#dispatch()
        if (event) return event
      }
    }
    this.#line.add(chunk.subarray(this.#from))
    this.#chunk = EMPTY
    this.#from = 0
    if (this.#line.size > this.#limit + FIELD_BYTES) throw tooLarge()
    return undefined
  }

  /** Whether the data of the event that has not ended may be whole: it ends as a JSON text does, or is a whole line of an endpoint. */
  get mayBeWhole(): boolean {
    if (this.#line.size > 0 && isClose(this.#line.last)) return true
    if (this.#lines === 0) return false
    return isClose(this.#data.last) || (this.#type === ENDPOINT && this.#line.size === 0)
  }

  /** What there is of the event that has not ended; undefined: no data. It stays until `passOver` is called. */
  unfinished(): StreamEvent | undefined {
    const before = this.#lines === 0 ? undefined : this.#data.peek()
    const last = dataOf(this.#line.peek())
    const data = before && last ? Buffer.concat([before, NEWLINE, last]) : (before ?? last)
    return data && { data, type: this.#type }
  }

  /** The unfinished event was delivered: what follows up to its empty line is more of it. */
  passOver(): void {
    this.#moveOn()
    this.#forget()
    // The start of any other line is not part of what was delivered.
    if (!isDataLine(this.#line.peek())) return
    this.#line.take()
    this.#line.add(DATA_FIELD)
  }

  /** A byte order mark at the very start is not part of the first line, in whatever pieces it comes. */
  #begin(start: Uint8Array, piece: Uint8Array): Uint8Array {
    const known = start.byteLength === 0 ? piece : Buffer.concat([start, piece])
    const mayBeMark = known.byteLength < BOM.length && known.every((byte, at) => byte === BOM[at])
    this.#start = mayBeMark ? known : undefined
    return mayBeMark ? EMPTY : withoutBom(known)
  }

  /** Where the line ends that begins at `#from`; moves that on to the next one. */
  #lineEnd(chunk: Uint8Array): number {
    const cr = this.#nextCr
    const lf = this.#nextLf
    const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
    this.#from = end + 1
    if (end === cr) {
      if (chunk[end + 1] === LF) this.#from++
      else if (end + 1 === chunk.byteLength) this.#afterCr = true
      this.#nextCr = chunk.indexOf(CR, this.#from)
    }
    if (lf !== -1 && lf < this.#from) this.#nextLf = indexOfLf(chunk, this.#from)
    return end
  }

  #takeField(bytes: Uint8Array, from: number, end: number): void {
    let colon = from
    while (colon < end && bytes[colon] !== COLON) colon++
    if (colon === from) return
    const start = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1
    const value = start < end ? bytes.subarray(start, end) : EMPTY
    if (is(DATA, bytes, from, colon)) {
      // A line without data counts too, by its line feed.
      if (this.#lines++ > 0) this.#data.add(NEWLINE)
      this.#data.add(value)
      if (this.#data.size > this.#limit) throw tooLarge()
      if (value.byteLength > 0) this.#isEmpty = false
    } else if (is(EVENT, bytes, from, colon)) {
      if (is(MESSAGE, value, 0, value.byteLength)) this.#type = 'message'
      else this.#type = value.byteLength > LONGEST_TYPE ? UNKNOWN_TYPE : utf8(value)
    } else if (is(ID, bytes, from, colon)) {
      if (!value.includes(0)) this.#id = fitsHeader(value) ? utf8(value) : undefined
    } else if (is(RETRY, bytes, from, colon) && value.byteLength < 20 && /^\d+$/.test(utf8(value))) {
      this.#position.retryMs = retryOf(utf8(value))
    }
  }

  #dispatch(): StreamEvent | undefined {
    this.#moveOn()
    // An event with empty data only moves the position; servers prime a stream with it (MCP 2025-11-25).
    const event = this.#isEmpty ? undefined : { data: this.#data.take(), type: this.#type }
    this.#forget()
    this.#type = ''
    return event
  }

  /** Only delivered events move the position, so that resuming repeats the rest. */
  #moveOn(): void {
    if (this.#id === undefined) delete this.#position.lastId
    else this.#position.lastId = this.#id
  }

  #forget(): void {
    if (this.#data.size > 0) this.#data.take()
    this.#lines = 0
    this.#isEmpty = true
  }
}

/** Short lines are looked through here: a call costs more. */
const SHORT = 16

function indexOfLf(bytes: Uint8Array, from: number): number {
  const short = Math.min(from + SHORT, bytes.byteLength)
  for (let at = from; at < short; at++) if (bytes[at] === LF) return at
  return bytes.indexOf(LF, short)
}

/** What a line that has not ended adds to the data; undefined: nothing. */
function dataOf(line: Uint8Array): Uint8Array | undefined {
  if (!isDataLine(line)) return undefined
  return line.subarray(line[DATA_FIELD.length] === SPACE ? DATA_FIELD.length + 1 : DATA_FIELD.length)
}

const isDataLine = (line: Uint8Array) => DATA_FIELD.every((byte, at) => line[at] === byte)

const is = (name: Uint8Array, bytes: Uint8Array, from: number, end: number): boolean => {
  if (end - from !== name.byteLength) return false
  for (let at = 0; at < name.byteLength; at++) if (bytes[from + at] !== name[at]) return false
  return true
}

const fitsHeader = (value: Uint8Array) =>
  value.byteLength <= LONGEST_ID && !value.some((byte) => byte < SPACE || byte === DELETE)

/** The header that resumes a stream, its bytes unchanged; none if nothing can be resumed. */
export const resumption = ({ lastId }: StreamPosition): Record<string, string> =>
  lastId === undefined ? {} : { 'last-event-id': Buffer.from(lastId).toString('latin1') }

const tooLarge = () => new RangeError('event too large')

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
