// The beginning of a body as text: enough to see what an answer is.

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
