// One HTTP response → its messages, or the error that says why there are none.
import { BridgeError } from '../../errors.ts'
import type { HttpResponse, MaybePromise } from '../../ports.ts'
import { wordsOf } from '../../redaction/pageText.ts'
import { quote } from '../../redaction/text.ts'
import { type Message, nameOf, type RawId } from '../message/message.ts'
import { Pieces } from '../message/pieces.ts'
import { type BodyOptions, type Receiver, readBody } from './body/messages.ts'
import { EVENT_STREAM, ForeignBody } from './body/reader.ts'

export interface ReadOptions extends BodyOptions {
  /** The ids the answers may be for. */
  readonly asks: readonly RawId[]
}

/**
 * Takes every message of a response with a 2xx status, whatever its content type says; a page is never an answer. A response to
 * a message without a request is discarded.
 * @throws BridgeError invalid_protocol, message_too_large, or why the body broke off
 */
export async function readAnswers(response: HttpResponse, options: ReadOptions, receiver: Receiver): Promise<void> {
  const type = mediaType(response)
  if (options.asks.length === 0 && type !== EVENT_STREAM) return response.discard()
  if (PAGES.includes(type)) throw invalid(response.status, type, await readStart(response))
  await readMessages(response, options, receiver)
}

/** Takes every message of a body. @throws BridgeError like `readAnswers` */
export async function readMessages(response: HttpResponse, options: BodyOptions, receiver: Receiver): Promise<void> {
  const type = mediaType(response)
  try {
    await readBody(response, type, options, receiver)
  } catch (thrown) {
    if (thrown instanceof ForeignBody) throw invalid(response.status, type, thrown.start)
    throw thrown instanceof RangeError ? tooLarge(options.limit) : thrown
  }
}

const PAGES = ['text/html', 'application/xhtml+xml']

/** The media type without its parameters, in lower case (RFC 9110 section 8.3.1). */
export function mediaType({ headers }: HttpResponse): string {
  const given = headers['content-type']
  if (given === 'application/json' || given === EVENT_STREAM) return given
  const [type = ''] = String(given ?? '').split(';', 1)
  return type.trim().toLowerCase()
}

/** Whether a GET was answered with a stream of messages. */
export const opensStream = (response: HttpResponse): boolean =>
  response.status === 200 && mediaType(response) === EVENT_STREAM

/** The reason in the details of an error: an HTTP+SSE stream names an endpoint that gets nothing. */
export const ENDPOINT_REFUSED = 'endpoint_refused'

const START_BYTES = 64 * 1024

/** The first 64 KiB, enough for any error body. */
export async function readStart(response: HttpResponse): Promise<Buffer> {
  const start = new Pieces()
  for await (const chunk of response.body) {
    start.add(chunk.subarray(0, START_BYTES - start.size))
    if (start.size === START_BYTES) break
  }
  const bytes = start.take()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The error of a response whose status is not 2xx. */
export function failure({ status }: HttpResponse, start: Uint8Array): BridgeError {
  const text = utf8(start)
  const said = text.trim() === '' ? '' : `: ${quote(wordsOf(text), 160)}`
  return new BridgeError(status === 403 ? 'forbidden' : 'server_error', {
    message: `The server answered ${status}${said}.`,
    details: { status },
  })
}

export const unexpected = (answer: Message) =>
  new BridgeError('invalid_protocol', {
    message: `The server answered id ${quote(nameOf(answer.answers), 60)}, which does not match a request: ${quoteStart(answer.bytes)}.`,
  })

/** Revision 2025-06-18 removed batches from the protocol. */
export const noBatches = ({ bytes }: Message) =>
  new BridgeError('invalid_protocol', {
    message: `The server sent a batch, which this protocol version does not support: ${quoteStart(bytes)}.`,
  })

/** In revision 2026-07-28 a server asks by its answers only. */
export const noRequests = ({ bytes }: Message) =>
  new BridgeError('invalid_protocol', {
    message: `The server sent a request, which this protocol version does not support: ${quoteStart(bytes)}.`,
  })

/** The stream ended, or the server said so, before every id had its answer. */
export const endedEarly = () =>
  new BridgeError('server_unreachable', {
    message: 'The server ended its answer before it sent the result.',
    details: { reason: 'stream_ended' },
  })

/** The connection broke; the server sent nothing invalid. */
export const isCut = (thrown: unknown) => thrown instanceof BridgeError && thrown.code === 'server_unreachable'

export const noMessage = (bytes: Uint8Array) =>
  new BridgeError('invalid_protocol', {
    message: `The server sent something that is not an MCP message: ${quoteStart(bytes)}.`,
  })

const tooLarge = (limit: number) =>
  new BridgeError('message_too_large', {
    message: `The server’s message is larger than ${Math.round(limit / 1024 / 1024)} MB.`,
  })

function invalid(status: number, type: string, start: Uint8Array): BridgeError {
  const what = `${type || 'no content type'}: ${quote(wordsOf(utf8(start)), 80)}`
  return new BridgeError('invalid_protocol', {
    message: `The server answered ${status} with ${start.byteLength === 0 ? 'nothing, but this request needs an answer' : what}.`,
    details: { status },
  })
}

const quoteStart = (bytes: Uint8Array) => quote(utf8(bytes.subarray(0, 200)), 80)
const utf8 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')

/** We ask for no content coding; a server may still use one (RFC 9110 section 12.5.3). */
export function plain(response: HttpResponse): MaybePromise<HttpResponse> {
  const coding = response.headers['content-encoding']
  if (coding === undefined || coding === 'identity') return response
  return import('./body/contentCoding.ts').then(({ decode }) => decode(response, String(coding)))
}
