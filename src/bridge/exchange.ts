// One message → one POST → the answers that come back (MCP Streamable HTTP, "Sending Messages to the Server").
import { BridgeError, quote } from '../errors.ts'
import type { Cause, HttpResponse } from '../ports.ts'
import { readEvents } from './eventStream.ts'
import { look, type Message } from './message.ts'
import type { Send } from './send.ts'
import type { Session } from './session.ts'

/** Hands one message of the server on; resolves when the host may be sent more. */
export type Deliver = (message: Message) => Promise<void>

export interface ExchangeOptions {
  readonly send: Send
  readonly session: Session
  /** Largest message from the server, in bytes. */
  readonly limit: number
}

const ACCEPT = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')

/** Methods that only read, or set what they set again. A tool call is none: it must not run twice. */
const REPEATABLE =
  /^(ping|initialize|(tools|prompts|resources|resources\/templates)\/list|prompts\/get|resources\/(read|subscribe|unsubscribe)|completion\/complete|logging\/setLevel)$/

/**
 * Sends `message` and delivers what comes back; for a request that includes its answer.
 * @throws BridgeError when no answer came, or not all of them
 */
export type Exchange = (message: Message, signal: AbortSignal, deliver: Deliver) => Promise<void>

export function createExchange({ send, session, limit }: ExchangeOptions): Exchange {
  const post = (message: Message, signal: AbortSignal) =>
    send(
      {
        method: 'POST',
        headers: { ...ACCEPT, ...session.headers() },
        body: message.bytes,
        signal,
        repeatable: REPEATABLE.test(message.method ?? ''),
      },
      causeOf(message),
    )

  const receive = async (response: HttpResponse, message: Message, deliver: Deliver) => {
    const open = new Set(message.asks)
    await readAnswers(response, message, limit, async (answer) => {
      if (answer.kind !== 'notification' && answer.kind !== 'request') {
        if (!answer.answers.every((id) => open.delete(id))) throw unexpected(answer)
        if (message.method === 'initialize') session.establish(response, answer)
      }
      await deliver(answer)
    })
    if (open.size > 0) {
      throw new BridgeError('server_unreachable', {
        message: 'The server ended its answer before the result came.',
        details: { reason: 'stream_ended' },
      })
    }
  }

  const initializeAgain = (signal: AbortSignal) => async (initialize: Message) => {
    await receive(await post(initialize, signal), initialize, async () => {})
    const response = await post(look(INITIALIZED) as Message, signal)
    response.discard()
  }

  return async (message, signal, deliver) => {
    if (message.method === 'initialize') session.remember(message)
    await session.settled()
    const { id } = session
    let response = await post(message, signal)
    if (id !== undefined && (response.status === 400 || response.status === 404)) {
      const start = await readStart(response)
      if (isSessionLost(response.status, start)) {
        await session.renew(id, initializeAgain(signal))
        response = await post(message, signal)
      } else {
        response = { ...response, body: once(start) }
      }
    }
    await receive(response, message, deliver)
  }
}

/** What a person or model asked for is a call; what hosts do on their own at start is not. */
function causeOf(message: Message): Cause {
  return /^(tools\/call|prompts\/get|resources\/read|completion\/)/.test(message.method ?? '') ? 'call' : 'start'
}

/** 404 by the specification; servers in the wild also say 400 and name the session in the body. */
const isSessionLost = (status: number, start: Buffer) => status === 404 || /session/i.test(start.toString('utf8'))

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function readAnswers(response: HttpResponse, message: Message, limit: number, deliver: Deliver): Promise<void> {
  const type = String(response.headers['content-type'] ?? '')
    .split(';')[0]
    ?.trim()
    .toLowerCase()
  if (response.status >= 200 && response.status < 300) {
    if (type === 'text/event-stream') return readStream(response, limit, deliver)
    if (message.asks.length === 0) return response.discard()
    if (type === 'application/json') return deliver(parse(await readAll(response, limit)))
    throw invalid(response.status, type, await readStart(response))
  }
  const start = await readStart(response)
  const answer = look(start)
  if (answer && answer.answers.length > 0 && answer.answers.every((id) => message.asks.includes(id)))
    return deliver(answer)
  throw failure(response, start.toString('utf8'))
}

async function readStream(response: HttpResponse, limit: number, deliver: Deliver): Promise<void> {
  try {
    for await (const event of readEvents(response.body, {}, limit)) {
      if (event.type === '' || event.type === 'message') await deliver(parse(event.data))
    }
  } catch (thrown) {
    throw thrown instanceof RangeError ? tooLarge(limit) : thrown
  }
}

function parse(bytes: Uint8Array): Message {
  const message = look(bytes)
  if (message) return message
  throw new BridgeError('invalid_protocol', {
    message: `The server sent what is no MCP message: ${quote(Buffer.from(bytes.subarray(0, 200)).toString('utf8'), 80)}.`,
  })
}

async function readAll(response: HttpResponse, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size)
}

/** The first 64 KiB, enough for any error body. */
async function readStart(response: HttpResponse): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > 64 * 1024) break
  }
  return Buffer.concat(chunks)
}

const tooLarge = (limit: number) =>
  new BridgeError('message_too_large', {
    message: `The server’s message is larger than ${Math.round(limit / 1024 / 1024)} MB.`,
  })

const unexpected = (answer: Message) =>
  new BridgeError('invalid_protocol', {
    message: `The server answered id ${quote(answer.answers.join(', '), 60)}, which was not asked here.`,
  })

function invalid(status: number, type: string | undefined, start: Buffer): BridgeError {
  const what = start.length === 0 ? 'nothing' : `${type || 'no content type'}: ${quote(start.toString('utf8'), 80)}`
  return new BridgeError('invalid_protocol', {
    message: `The server answered ${status} with ${what}.`,
    details: { status },
  })
}

function failure(response: HttpResponse, text: string): BridgeError {
  const { status } = response
  const said = text.trim() === '' ? '' : `: ${quote(text, 160)}`
  return new BridgeError(status === 403 ? 'forbidden' : 'server_error', {
    message: `The server answered ${status}${said}.`,
    details: { status },
  })
}
