// Errors of the network and of undici → BridgeError, by code.
import { BridgeError } from '../../errors.ts'

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/
/** A connection that ended: by its peer's FIN, by a reset, or found dead on writing. */
const ENDED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

type NetError = Error & { code?: string; errors?: { code?: string }[] }

export function reasonOf(thrown: unknown): string {
  const error = thrown as NetError
  return error.code ?? error.errors?.[0]?.code ?? error.name
}

/** `sent`: the request may have left, so that the server may have acted on it. */
export function translate(thrown: unknown, url: URL, sent: boolean): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  const { origin } = url
  const reason = reasonOf(thrown)
  const options = { details: { origin, reason, sent }, cause: thrown }
  if (TIMEOUTS.has(reason))
    return new BridgeError('server_timeout', { message: `${origin} did not answer in time.`, ...options })
  if (TLS.test(reason)) return tlsFailed(origin, reason, undefined, thrown)
  return new BridgeError('server_unreachable', { message: `${origin} cannot be reached: ${reason}.`, ...options })
}

/** Whether the connection broke under a request that may have left. */
export const brokeOff = (thrown: unknown): boolean =>
  thrown instanceof BridgeError && thrown.details.sent === true && ENDED.has(String(thrown.details.reason))

/** Errors that another trusted certificate can fix. */
export const UNKNOWN_ISSUER =
  /^(UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED)$/

/** No certificate was seen: the answer was not TLS. */
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG)$/

/** `issuer`: who signed the chain the server presented, already quoted. */
export function tlsFailed(origin: string, reason: string, issuer: string | undefined, cause: unknown): BridgeError {
  if (NO_TLS.test(reason))
    return new BridgeError('tls_failed', {
      message: `${origin} does not speak TLS on this port: ${reason}.`,
      hint: 'Check the port, and whether the URL should begin with http:// or https://.',
      details: { origin, reason, sent: false },
      cause,
    })
  const signed = issuer === undefined ? '' : `; the chain it presented was issued by ${issuer}`
  return new BridgeError('tls_failed', {
    message: `The TLS certificate of ${origin} was not accepted: ${reason}${signed}.`,
    ...(UNKNOWN_ISSUER.test(reason)
      ? {}
      : { hint: 'Check the system clock and the URL, or ask the server’s owner to fix the certificate.' }),
    details: { origin, reason, sent: false },
    cause,
  })
}
