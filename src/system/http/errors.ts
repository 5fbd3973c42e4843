// Errors of the network and of undici → BridgeError, by code.
import { BridgeError } from '../../errors.ts'
import { isTlsRefusal, sslReason, tlsFailed } from './tlsErrors.ts'

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
/** A connection that ended: by its peer's FIN, by a reset, by TLS, or found dead on writing. */
const ENDED = /^(UND_ERR_SOCKET|ECONNRESET|EPIPE|ERR_SSL_.*)$/

type NetError = Error & { code?: string; errors?: { code?: string }[] }

export function reasonOf(thrown: unknown): string {
  const error = thrown as NetError
  const code = error.code ?? error.errors?.[0]?.code ?? error.name
  return code === 'EPROTO' ? (sslReason(error) ?? code) : code
}

/** `sent`: the request may have left, so that the server may have acted on it. */
export function translate(thrown: unknown, url: URL, sent: boolean): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  const { origin } = url
  const reason = reasonOf(thrown)
  const options = { details: { origin, reason, sent }, cause: thrown }
  if (TIMEOUTS.has(reason))
    return new BridgeError('server_timeout', { message: `${origin} did not answer in time.`, ...options })
  if (isTlsRefusal(reason, sent)) return tlsFailed(origin, reason, undefined, thrown)
  return new BridgeError('server_unreachable', { message: `${origin} cannot be reached: ${reason}.`, ...options })
}

/** Whether the connection broke under a request that may have left. */
export const brokeOff = (thrown: unknown): boolean =>
  thrown instanceof BridgeError && thrown.details.sent === true && ENDED.test(String(thrown.details.reason))
