// BridgeError → the JSON-RPC error response for a request id.
import { type BridgeError, ERRORS } from '../../errors.ts'
import { hideKnown } from '../../redaction/known.ts'
import { withoutQueries } from '../../redaction/text.ts'
import type { RawId } from './message.ts'

export function rpcError(id: RawId, error: BridgeError): Uint8Array {
  const { url } = error.details
  const body = JSON.stringify({
    code: ERRORS[error.code].rpc,
    // The address of a sign-in is nothing without its query; any other URL may hold a key there.
    message: typeof url === 'string' ? error.message : plain(error.message),
    data: {
      source: 'mcp-oauth-bridge',
      code: error.code,
      hint: plain(error.hint),
      // Where a person goes on; no other detail is for the host.
      ...(typeof url === 'string' ? { url } : {}),
    },
  })
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${body}}`)
}

/** Without what a person put into the server’s address or into its headers. */
const plain = (text: string) => hideKnown(withoutQueries(text))
