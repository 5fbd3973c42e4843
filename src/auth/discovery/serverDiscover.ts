// The answer to a server/discover outside any session, with its verdict: of its body, what came in time.
import { BridgeError } from '../../errors.ts'
import { type Discovered, readDiscover } from '../../mcp/eraVerdict.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../ports.ts'
import { withinTime } from './deadline.ts'

/** A longer body does not answer such a question, in bytes. */
const LONGEST_BODY = 1024 * 1024

export type DiscoverAnswer = Pick<HttpResponse, 'status' | 'headers'> & { readonly found: Discovered }

/**
 * Waits up to `ms` for the head and as long for the body, of which it reads 1 MB at most, and of a stream no more than its answer: that may
 * stay open. @throws BridgeError server_timeout, or what the client throws, where not even the head came
 */
export async function serverDiscover(
  http: HttpClient,
  request: Omit<HttpRequest, 'signal'>,
  ms: number,
): Promise<DiscoverAnswer> {
  const late = () => new BridgeError('server_timeout')
  const response = await withinTime(ms, late, (signal) => http.request({ ...request, signal }))
  const chunks: Uint8Array[] = []
  // What broke off is judged by what came.
  await withinTime(ms, late, () => read(response, chunks)).catch(() => undefined)
  response.discard()
  const { status, headers } = response
  return { status, headers, found: verdictOf(response, chunks) }
}

async function read(response: HttpResponse, chunks: Uint8Array[]): Promise<void> {
  const isStream = /^text\/event-stream/i.test(String(response.headers['content-type'] ?? ''))
  let size = 0
  for await (const chunk of response.body) {
    chunks.push(chunk)
    size += chunk.byteLength
    const endsLine = chunk.includes(LF) || chunk.includes(CR)
    if (size > LONGEST_BODY || (isStream && endsLine && verdictOf(response, chunks).verdict !== undefined)) return
  }
}

const [LF, CR] = [10, 13]

/** A challenge is about the token. Nobody asked for a compressed body, and it is not worth a decoder here: both say nothing. */
const verdictOf = ({ status, headers }: HttpResponse, chunks: readonly Uint8Array[]): Discovered =>
  headers['content-encoding'] === undefined && (status < 400 || headers['www-authenticate'] === undefined)
    ? readDiscover({ status, body: Buffer.concat(chunks) })
    : { verdict: undefined, revisions: [] }
