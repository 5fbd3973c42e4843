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
  let data: Uint8Array[] = []
  let size = 0
  let type = ''
  let id = position.lastId
  for await (const line of readLines(withoutLeadingBom(body), limit + FIELD_BYTES)) {
    if (line.byteLength === 0) {
      // An event with empty data only moves the position: servers prime a stream with it (MCP 2025-11-25).
      // Only an event that came whole moves it, so that resuming brings one that was cut off again.
      if (id !== undefined) position.lastId = id
      if (size > 0) yield { data: joinLines(data), type }
      data = []
      size = 0
      type = ''
      continue
    }
    const colon = line.indexOf(COLON)
    if (colon === 0) continue
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

/** Lines end with LF, CR or CRLF, also when the two halves come in two chunks. A line is valid until the next one is asked for. */
async function* readLines(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = []
  let size = 0
  let afterCr = false
  for await (let chunk of body) {
    if (afterCr && chunk.byteLength > 0) {
      if (chunk[0] === LF) chunk = chunk.subarray(1)
      afterCr = false
    }
    let from = 0
    let nextCr = chunk.indexOf(CR)
    let nextLf = chunk.indexOf(LF)
    while (nextCr !== -1 || nextLf !== -1) {
      const at = nextCr === -1 ? nextLf : nextLf === -1 ? nextCr : Math.min(nextCr, nextLf)
      const piece = chunk.subarray(from, at)
      yield parts.length === 0 ? piece : Buffer.concat([...parts, piece])
      parts = []
      size = 0
      from = at + 1
      if (at === nextCr) {
        if (chunk[from] === LF) from++
        else if (from === chunk.byteLength) afterCr = true
        nextCr = chunk.indexOf(CR, from)
      }
      if (nextLf !== -1 && nextLf < from) nextLf = chunk.indexOf(LF, from)
    }
    const rest = chunk.subarray(from)
    if (rest.byteLength > 0) parts.push(rest)
    size += rest.byteLength
    if (size > limit) throw new RangeError('event too large')
  }
}

/** A byte order mark at the very start is not part of the first line, in whatever pieces it comes. */
async function* withoutLeadingBom(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | undefined = new Uint8Array()
  for await (const chunk of body) {
    if (!start) {
      yield chunk
      continue
    }
    start = start.byteLength === 0 ? chunk : Buffer.concat([start, chunk])
    if (start.byteLength < 3 && start.every((byte, at) => byte === BOM[at])) continue
    yield withoutBom(start)
    start = undefined
  }
  if (start) yield start
}

function joinLines(lines: Uint8Array[]): Uint8Array {
  const [only] = lines
  if (only && lines.length === 1) return only
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [NEWLINE, line])))
}

const ascii = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
