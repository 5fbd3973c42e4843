// BridgeError → the JSON-RPC error answer to a request id (contract section 6).
import { type BridgeError, ERRORS, withoutQueries } from '../errors.ts'
import type { IdText } from './message.ts'

export function rpcError(id: IdText, error: BridgeError): Uint8Array {
  const body = JSON.stringify({
    code: ERRORS[error.code].rpc,
    message: withoutQueries(error.message),
    data: { source: 'mcp-oauth-bridge', code: error.code, hint: error.hint },
  })
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${body}}`)
}
