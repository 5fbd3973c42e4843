// The body of an answer, piece by piece as its reader takes them; a comment line goes into a stream that has been quiet
import type { ServerResponse } from 'node:http'
import type { HttpResponse } from '../../ports.ts'
import { EventEnds } from './eventEnds.ts'
import type { Leaving } from './leaving.ts'

/** Why a stream ends although its server has not ended it. */
export class StreamEnd extends Error {
  override readonly name = 'StreamEnd'
}

export interface EventsOptions {
  /** The silence after which a comment line is sent, in ms; 0: never. */
  readonly quietMs: number
  /** When the stream is to end after the event that is on its way; undefined: it goes on to its end. */
  readonly leaving: Leaving | undefined
  /** Ends the request to the server; then `body` throws the reason. */
  readonly cut: (reason: StreamEnd) => void
}

const COMMENT = ':\n\n'
/** The first event of the HTTP+SSE transport (2024-11-05); it is short. */
const ENDPOINT = 'endpoint'
const MOST_HELD = 16 * 1024
const NOT_CARRIED = ': The HTTP+SSE transport of MCP 2024-11-05 is not supported by this gateway.\n\n'
const BOM = [0xef, 0xbb, 0xbf]

export const isEventStream = ({ headers }: Pick<HttpResponse, 'headers'>): boolean =>
  /^text\/event-stream\s*(;|$)/i.test(String(headers['content-type'] ?? '')) &&
  /^(identity)?$/i.test(String(headers['content-encoding'] ?? ''))

/** Sends the headers: with the first piece, if that is here already, in one write; else at once. */
const flushSoon = (response: ServerResponse) => setImmediate(() => response.destroyed || response.flushHeaders())

/** @throws what the body throws; then the answer has no end */
export async function passBody(body: HttpResponse['body'], response: ServerResponse): Promise<void> {
  const early = flushSoon(response)
  try {
    for await (const chunk of body) {
      if (response.destroyed) return
      if (!response.write(chunk)) await writable(response)
    }
  } finally {
    clearImmediate(early)
  }
  response.end()
}

/** An answer that has come with its headers, as most do: both go in one write. @returns as for `passEvents` */
export function passWhole(bytes: Uint8Array, isStream: boolean, response: ServerResponse): 'legacy' | undefined {
  const ends = isStream ? new EventEnds() : undefined
  ends?.push(bytes)
  if (ends?.first === ENDPOINT) return endLegacy(response)
  // Not in `end`, which would add the length where the server gave none.
  if (bytes.byteLength > 0) response.write(bytes)
  response.end()
  return undefined
}

/**
 * @returns 'legacy': it was a stream of HTTP+SSE (2024-11-05), and nothing of it was passed on
 * @throws what the body throws; then the answer has no end
 */
export async function passEvents(
  body: HttpResponse['body'],
  response: ServerResponse,
  { quietMs, leaving, cut }: EventsOptions,
): Promise<'legacy' | undefined> {
  const ends = new EventEnds()
  const held = createHeld(ends)
  let isCommented = false
  const isQuiet = () => ends.between && held.isEmpty && !response.writableNeedDrain && !response.destroyed
  const comment = () => {
    timer?.refresh()
    if (!isQuiet()) return
    isCommented = true
    response.write(COMMENT)
  }
  const timer = quietMs > 0 ? setTimeout(comment, quietMs) : undefined
  const depart = () => {
    if (isQuiet()) cut(new StreamEnd('the gateway stops'))
  }
  const stay = leaving?.onBegin(depart)
  let isFirst = true
  const early = flushSoon(response)
  if (leaving?.isNow) depart()
  try {
    for await (const chunk of body) {
      if (response.destroyed) return undefined
      // Only at the very start of a stream it is a mark (WHATWG HTML section 9.2.5).
      const piece = isFirst && isCommented && BOM.every((byte, at) => chunk[at] === byte) ? chunk.subarray(3) : chunk
      isFirst = false
      ends.push(piece)
      const ready = held.take(piece)
      if (ready === 'legacy') return endLegacy(response)
      timer?.refresh()
      if (ready && !response.write(ready)) await writable(response)
      if (leaving?.isNow) depart()
    }
  } catch (thrown) {
    if (!(thrown instanceof StreamEnd) || !ends.between || response.destroyed) throw thrown
    response.end()
    return undefined
  } finally {
    clearImmediate(early)
    clearTimeout(timer)
    stay?.()
  }
  response.end(held.rest())
  return undefined
}

/** Holds back the first event until its type is known. */
function createHeld(ends: EventEnds) {
  let chunks: Uint8Array[] = []
  let size = 0
  let isKnown = false
  const rest = () => {
    const all = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
    chunks = []
    size = 0
    return all
  }
  return {
    get isEmpty(): boolean {
      return size === 0
    },
    rest,
    /** What may be passed on now. */
    take(chunk: Uint8Array): Uint8Array | 'legacy' | undefined {
      if (isKnown) return chunk
      if (ends.first === ENDPOINT) return 'legacy'
      chunks.push(chunk)
      size += chunk.byteLength
      isKnown = ends.first !== undefined || size > MOST_HELD
      return isKnown || ends.between ? rest() : undefined
    },
  }
}

function endLegacy(response: ServerResponse): 'legacy' {
  response.end(NOT_CARRIED)
  return 'legacy'
}

/** Resolves when the reader has taken what was written, or is gone. */
function writable(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}
