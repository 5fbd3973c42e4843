// The body of a request: read whole up to a limit, and ended where a client goes on sending what nobody reads
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../../errors.ts'

/**
 * Reads the body of a request.
 * @param limit in bytes
 * @throws BridgeError message_too_large (what is left of the body is read and forgotten), cancelled when the client is gone
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const stop = () => {
      request.off('data', take).off('end', end).off('close', gone).off('error', gone)
    }
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) return refuse()
      chunks.push(chunk)
    }
    const refuse = () => {
      stop()
      request.on('error', () => undefined).resume()
      reject(tooLarge(limit))
    }
    const end = () => {
      stop()
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size))
    }
    const gone = () => {
      stop()
      request.on('error', () => undefined)
      reject(new BridgeError('cancelled', { message: 'The client is gone.' }))
    }
    if (isTooLong(request, limit)) return refuse()
    if (request.destroyed && !request.readableEnded) return gone()
    request.on('data', take).on('end', end).on('close', gone).on('error', gone)
  })
}

/** The same; undefined: it is larger. */
export const readBodyWithin = (request: IncomingMessage, limit: number): Promise<Uint8Array | undefined> =>
  readBody(request, limit).catch((thrown: unknown) => {
    if (thrown instanceof BridgeError && thrown.code === 'message_too_large') return undefined
    throw thrown
  })

/** Whether the client has announced more than this many bytes. */
export const isTooLong = (request: IncomingMessage, limit: number): boolean =>
  Number(request.headers['content-length'] ?? 0) > limit

export const tooLarge = (limit: number): BridgeError =>
  new BridgeError('message_too_large', { message: `The body of the request is larger than ${limit} bytes.` })

/** How long a client may go on sending a body after its answer, in ms: closed at once, it would not see the answer (RFC 9112 section 9.6). */
const LINGER_MS = 5_000

/** Once the answer is out, a body that is still being sent is read and forgotten, but not for ever. */
export function endBodyAfter(request: IncomingMessage, response: ServerResponse): void {
  response.once('finish', () => {
    if (request.complete) return
    const timer = setTimeout(() => request.complete || request.socket.destroy(), LINGER_MS)
    timer.unref()
    request.once('close', () => clearTimeout(timer))
  })
}
