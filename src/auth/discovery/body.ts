// The body of a response during a sign-in: all of it up to a limit, its beginning, or the JSON object that it is.
import type { BridgeError } from '../../errors.ts'

/** No metadata and no token response is larger. */
const LIMIT_BYTES = 1024 * 1024

/** @throws the result of `tooLarge` for a body over 1 MB */
export async function wholeBody(body: AsyncIterable<Uint8Array>, tooLarge: () => BridgeError): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > LIMIT_BYTES) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** Reads until more than `limit` bytes are there, and drops the rest. */
export async function textStart(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > limit) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

export type JsonObject = Readonly<Record<string, unknown>>

/** undefined: the text is something else than a JSON object. */
export function jsonObject(text: string): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(withoutMark(text))
    return isObject(json) ? json : undefined
  } catch {
    return undefined
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Without the byte order mark, which a JSON text must not begin with, and some do (RFC 8259 section 8.1). */
export const withoutMark = (text: string): string => (text.startsWith('\ufeff') ? text.slice(1) : text)
