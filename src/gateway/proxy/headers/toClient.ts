// Headers towards the client: what a server says, without what only the gateway says to its clients
import type { ServerResponse } from 'node:http'
import type { HttpResponse } from '../../../ports.ts'
import { isWithheld, namedByConnection } from './names.ts'

/** Of every answer of a server. */
const OURS = [
  ['Cache-Control', 'no-store'],
  ['X-Accel-Buffering', 'no'],
] as const

/** Sets status and headers; what was set before stays. `sealed`: the session id as the client knows it. */
export function setHeaders(
  response: ServerResponse,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  { sealed, isStream }: { readonly sealed: string | undefined; readonly isStream: boolean },
): void {
  const ofConnection = namedByConnection(headers.connection)
  response.statusCode = status
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || name === SESSION || withholds(name) || ofConnection.has(name)) continue
    // Comment lines make a stream longer than it was.
    if (name === 'content-length' && isStream) continue
    const values = [value].flat()
    if (!values.every((one) => PRINTABLE.test(one))) continue
    if (name === 'vary') response.appendHeader(name, values)
    else response.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  }
  for (const [name, value] of OURS) response.setHeader(name, value)
  if (sealed !== undefined) response.setHeader('Mcp-Session-Id', sealed)
}

export const SESSION = 'mcp-session-id'

const decided = new Map<string, boolean>()

/** Servers send the same few names again and again. */
function withholds(name: string): boolean {
  const known = decided.get(name)
  if (known !== undefined) return known
  const verdict = isWithheld(name)
  if (decided.size < 1_000) decided.set(name, verdict)
  return verdict
}

/** Characters are bytes: it is read and written as Latin-1. */
const PRINTABLE = /^[\t\x20-\x7e\x80-\xff]*$/
