// SSE bytes → events, as bytes (WHATWG HTML section 9.2.6). Never decodes what it only passes on.

import { withoutBom } from './message.ts'

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
const NEWLINE = Uint8Array.of(LF)
/** A field name with its colon and space. */
const FIELD_BYTES = 16

/**
 * Yields each dispatched event and keeps `position` up to date. An event cut off by the end of the stream is dropped.
 * @throws RangeError when one event holds more than `limit` bytes
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  position: StreamPosition,
  limit: number,
): AsyncGenerator<StreamEvent> {
  const dispatched: Dispatched[] = []
  const onLine = createFieldReader(position, limit, (one) => dispatched.push(one))
  const push = createLineSplitter(limit + FIELD_BYTES, onLine)
  let start: Uint8Array | undefined = new Uint8Array()
  let failure: unknown
  for await (const chunk of body) {
    try {
      if (start) start = begin(start, chunk, push)
      else push(chunk)
    } catch (thrown) {
      failure = thrown
    }
    for (const { event, id } of dispatched.splice(0)) {
      // Only what was handed on moves the position, so that resuming brings the rest again.
      if (id !== undefined) position.lastId = id
      if (event) yield event
    }
    if (failure) throw failure
  }
}

interface Dispatched {
  /** undefined: an event with empty data only moves the position; servers prime a stream with it (MCP 2025-11-25). */
  readonly event: StreamEvent | undefined
  readonly id: string | undefined
}

/** A byte order mark at the very start is not part of the first line, in whatever pieces it comes. Gives what has to wait. */
function begin(start: Uint8Array, chunk: Uint8Array, push: (chunk: Uint8Array) => void): Uint8Array | undefined {
  const known = start.byteLength === 0 ? chunk : Buffer.concat([start, chunk])
  if (known.byteLength < BOM.length && known.every((byte, at) => byte === BOM[at])) return known
  push(withoutBom(known))
  return undefined
}

/** Takes lines, gives an event at each empty one. */
function createFieldReader(position: StreamPosition, limit: number, dispatch: (one: Dispatched) => void) {
  let data: Uint8Array[] = []
  let size = 0
  let type = ''
  let id = position.lastId

  return (line: Uint8Array) => {
    if (line.byteLength === 0) {
      dispatch({ event: size > 0 ? { data: joinLines(data), type } : undefined, id })
      data = []
      size = 0
      type = ''
      return
    }
    const colon = line.indexOf(COLON)
    if (colon === 0) return
    const field = ascii(colon === -1 ? line : line.subarray(0, colon))
    const value =
      colon === -1 ? line.subarray(line.byteLength) : line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1)
    if (field === 'data') {
      size += value.byteLength
      if (size > limit) throw new RangeError('event too large')
      data.push(value)
    } else if (field === 'event') {
      type = utf8(value)
    } else if (field === 'id') {
      if (!value.includes(0)) id = utf8(value)
    } else if (field === 'retry' && /^\d+$/.test(ascii(value))) {
      position.retryMs = Number(ascii(value))
    }
  }
}

/** Lines end with LF, CR or CRLF, also when the two halves come in two chunks. */
function createLineSplitter(limit: number, onLine: (line: Uint8Array) => void): (chunk: Uint8Array) => void {
  let parts: Uint8Array[] = []
  let size = 0
  let afterCr = false

  return (chunk) => {
    let from = afterCr && chunk[0] === LF ? 1 : 0
    if (chunk.byteLength > 0) afterCr = false
    let nextCr = chunk.indexOf(CR, from)
    let nextLf = chunk.indexOf(LF, from)
    while (nextCr !== -1 || nextLf !== -1) {
      const at = nextCr === -1 ? nextLf : nextLf === -1 ? nextCr : Math.min(nextCr, nextLf)
      const piece = chunk.subarray(from, at)
      const line = parts.length === 0 ? piece : Buffer.concat([...parts, piece])
      parts = []
      size = 0
      from = at + 1
      if (at === nextCr) {
        if (chunk[from] === LF) from++
        else if (from === chunk.byteLength) afterCr = true
        nextCr = chunk.indexOf(CR, from)
      }
      if (nextLf !== -1 && nextLf < from) nextLf = chunk.indexOf(LF, from)
      onLine(line)
    }
    const rest = chunk.subarray(from)
    if (rest.byteLength > 0) parts.push(rest)
    size += rest.byteLength
    if (size > limit) throw new RangeError('event too large')
  }
}

function joinLines(lines: Uint8Array[]): Uint8Array {
  const [only] = lines
  if (only && lines.length === 1) return only
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [NEWLINE, line])))
}

const ascii = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
