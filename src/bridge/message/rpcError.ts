// The JSON-RPC error response for a request id: what a BridgeError says, and the refusal of a method.
import { type BridgeError, ERRORS } from '../../errors.ts'
import { hideKnown } from '../../redaction/known.ts'
import { withoutQueries } from '../../redaction/text.ts'
import type { RawId } from './message.ts'

export function rpcError(id: RawId | undefined, error: BridgeError): Uint8Array {
  const { url } = error.details
  const body = JSON.stringify({
    code: ERRORS[error.code].rpc,
    // The address of a sign-in needs its query; any other URL may contain a key there.
    message: typeof url === 'string' ? error.message : plain(error.message),
    data: errorData(error),
  })
  return Buffer.from(`{"jsonrpc":"2.0",${id === undefined ? '' : `"id":${id},`}"error":${body}}`)
}

/** What a host gets as the `data` of an error: of its details only the address where a person continues. */
export function errorData({ code, hint, details: { url } }: BridgeError) {
  return { source: 'mcp-oauth-bridge', code, hint: plain(hint), ...(typeof url === 'string' ? { url } : {}) }
}

/** Without secrets in the server’s address or headers. */
const plain = (text: string) => hideKnown(withoutQueries(text))

/** What a server says of a method that it does not have (JSON-RPC 2.0 section 5.1). */
export const methodNotFound = (id: RawId): Uint8Array =>
  Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"Method not found"}}`)
