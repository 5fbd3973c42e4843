// Decodes a response that was compressed although we did not request it (RFC 9110 section 8.4.1).
import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { BridgeError } from '../../../errors.ts'
import type { HttpResponse } from '../../../ports.ts'
import { quote } from '../../../redaction/text.ts'

// A flush of the server ends a message, which must not wait for the next one.
const DECODERS: Readonly<Record<string, (() => Transform) | undefined>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  // Available since Node 22.15.
  zstd: (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress,
}

/** The same answer with its plain bytes. @throws BridgeError invalid_protocol for an unknown coding */
export function decode(response: HttpResponse, coding: string): HttpResponse {
  const make = Object.hasOwn(DECODERS, coding.toLowerCase()) ? DECODERS[coding.toLowerCase()] : undefined
  if (!make) {
    response.discard()
    throw new BridgeError('invalid_protocol', {
      message: `The server answered ${response.status} in the content coding ${quote(coding, 40)}, which was not requested.`,
      details: { status: response.status },
    })
  }
  return { ...response, body: decoded(response, make), discard: () => response.discard() }
}

/** Reads little further than its own reader does, and ends the source when that stops. */
async function* decoded({ body, discard }: HttpResponse, make: () => Transform): AsyncGenerator<Uint8Array> {
  const decoder = make()
  let failure: unknown
  const feed = async () => {
    for await (const chunk of body) {
      if (decoder.destroyed) return
      if (!decoder.write(chunk))
        await new Promise<void>((resolve) => decoder.once('drain', resolve).once('close', resolve))
    }
    decoder.end()
  }
  void feed().catch((thrown: unknown) => {
    failure = thrown
    decoder.destroy()
  })
  try {
    for await (const chunk of decoder) yield chunk as Uint8Array
  } catch (thrown) {
    throw failure ?? broken(thrown)
  } finally {
    decoder.destroy()
    discard()
  }
}

const broken = (thrown: unknown) =>
  new BridgeError('invalid_protocol', { message: 'The server’s compressed answer is not valid.', cause: thrown })
