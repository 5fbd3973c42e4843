// A request that got no answer of its server: a JSON-RPC error to its id, in words for the client's person
import type { ServerResponse } from 'node:http'
import { BridgeError, ERRORS, type ErrorCode } from '../../errors.ts'
import type { HttpRequest } from '../../ports.ts'

/** What a body says of itself: the ids that ask for an answer, as JSON texts. */
export interface Looked {
  readonly kind: 'request' | 'notification' | 'response' | 'batch'
  readonly asks: readonly string[]
}

/** Makes the JSON-RPC error response to an id, which is a JSON text; undefined: without one, for what has none (MCP, Streamable HTTP). */
export type RpcError = (id: string | undefined, error: BridgeError) => Uint8Array

/** A batch may hold a hundred thousand ids, each of which would get as many bytes back. */
const MOST_ANSWERS = 1_000

/** `looked`: undefined for a request without a message, or whose body is none. */
export function answerFailure(
  response: ServerResponse,
  status: number,
  error: BridgeError,
  { looked, rpcError }: { readonly looked: Looked | undefined; readonly rpcError: RpcError },
): void {
  const asks = looked?.asks ?? []
  const answers = asks.slice(0, MOST_ANSWERS).map((id) => Buffer.from(rpcError(id, error)).toString())
  const text = looked?.kind === 'batch' && answers.length > 0 ? `[${answers.join(',')}]` : answers[0]
  const body = text === undefined ? rpcError(undefined, error) : Buffer.from(text)
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Cache-Control', 'no-store')
  response.setHeader('Content-Length', body.byteLength)
  response.end(body)
}

/** Where a person asks next who did not configure the server. */
export const askOperator = (requestId: string): string =>
  `Try again later. If it keeps failing, ask the operator of this gateway: its log has the request ${requestId}.`

/**
 * What the client is told, without the server's address, which is not for everybody; and the status for it. Whether a call was carried out whose
 * connection broke is not known.
 */
export function toldOf(
  error: BridgeError,
  method: HttpRequest['method'],
  requestId: string,
): { readonly status: number; readonly error: BridgeError } {
  const { sent, reason } = error.details
  const isUnknown = error.code === 'server_unreachable' && sent === true && method !== 'GET'
  const code: ErrorCode = isUnknown ? 'outcome_unknown' : error.code
  const why = code === 'server_unreachable' && typeof reason === 'string'
  const told = new BridgeError(code, {
    message: why ? `The MCP server cannot be reached: ${reason}.` : ERRORS[code].message,
    hint: isUnknown ? ERRORS[code].hint : askOperator(requestId),
  })
  return { status: code === 'server_timeout' ? 504 : 502, error: told }
}

/** The server does not accept what the gateway sent. Were it a 401, the client would throw its own tokens away. */
export const refusedByServer = (status: number, requestId: string): BridgeError =>
  new BridgeError('server_error', {
    message: `The MCP server refused the gateway with ${status}.`,
    hint: `Your sign-in at the gateway is valid. Ask the operator: its log has the request ${requestId}.`,
  })

export const sessionLost = (): BridgeError =>
  new BridgeError('session_lost', {
    message: 'The session does not belong to this sign-in and server.',
    hint: 'Start a new session: send initialize without Mcp-Session-Id. Most clients do that when they are started again.',
  })

/** The server wants the person's own token, and there is none that can be sent. `code`: of the failure, if it was one. */
export const noUserToken = (code: ErrorCode = 'not_signed_in'): BridgeError =>
  new BridgeError(code, {
    message:
      code === 'not_signed_in'
        ? 'The gateway has no token of yours at the provider that this MCP server needs.'
        : ERRORS[code].message,
    hint: 'Sign in again: remove the sign-in for this server in your client, then connect again.',
  })

const SIGN_IN: ReadonlySet<string> = new Set([
  'not_signed_in',
  'token_expired',
  'refresh_token_missing',
  'sign_in_pending',
  'access_denied',
  'consent_required',
])

/** The person has to sign in again. */
export const needsSignIn = ({ code }: BridgeError): boolean => SIGN_IN.has(code)
