// What a failure of TLS says: about the certificate that was presented, or about the handshake.
import { BridgeError } from '../../errors.ts'

/** Errors that another trusted certificate can fix. */
export const UNKNOWN_ISSUER =
  /^(UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_UNTRUSTED)$/

/** The verdicts on a certificate that Node names (openssl-verification-options(1)), and its own on the name in it. */
const CERTIFICATE =
  /^(ERR_TLS_CERT_|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERROR_IN_CERT_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$)/

/** The server speaks of ours: the bridge has none. Which alert it sends differs from one TLS library to another. */
const NO_CLIENT_CERTIFICATE =
  /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|NO_CERTIFICATE|CERTIFICATE_UNKNOWN|UNKNOWN_CA)$/
const ADDRESS = 'Check the port, and whether the URL should begin with http:// or https://.'

/** The failures of a handshake that have one cause each; the first that matches counts. */
const HANDSHAKES: readonly (readonly [RegExp, (origin: string) => string, string])[] = [
  [
    /^ERR_SSL_(WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG)$/,
    (origin) => `${origin} does not speak TLS on this port`,
    ADDRESS,
  ],
  [
    /NO_APPLICATION_PROTOCOL$/,
    (origin) => `${origin} does not speak HTTP/1.1`,
    'Ask the server’s owner to serve HTTP/1.1 beside HTTP/2.',
  ],
  [
    NO_CLIENT_CERTIFICATE,
    (origin) => `${origin} demands a client certificate, which mcp-oauth-bridge cannot present`,
    'Ask the server’s owner for an address that works without a client certificate.',
  ],
  [
    /PROTOCOL_VERSION$|UNSUPPORTED_PROTOCOL$/,
    (origin) => `${origin} speaks no version of TLS from 1.2 on`,
    'Ask the server’s owner to turn on TLS 1.2 or 1.3.',
  ],
  [/UNRECOGNIZED_NAME$/, (origin) => `${origin} does not know this host name`, 'Check the host of the URL.'],
  [
    /^ERR_SSL_.*ALERT/,
    (origin) => `${origin} refused the TLS handshake`,
    'Check the host and the port of the URL. The server may have no cipher in common with mcp-oauth-bridge, or demand a client certificate.',
  ],
]
const OTHER = [/$/, (origin: string) => `The TLS handshake with ${origin} failed`, ADDRESS] as const

/** Alerts of a handshake only; most others can also end a connection that has carried requests (RFC 8446 section 6). */
const OF_HANDSHAKE = /ALERT_(HANDSHAKE_FAILURE|ACCESS_DENIED|NO_APPLICATION_PROTOCOL)$/

export const isAboutCertificate = (reason: string): boolean => CERTIFICATE.test(reason)

/**
 * Whether TLS kept the request from the server. `sent`: it may have left; with TLS 1.3 that is before the server has seen whether there is
 * a client certificate.
 */
export const isTlsRefusal = (reason: string, sent: boolean): boolean =>
  isAboutCertificate(reason) ||
  (/^ERR_(TLS|SSL)_/.test(reason) && (!sent || OF_HANDSHAKE.test(reason) || NO_CLIENT_CERTIFICATE.test(reason)))

/** `reason`: a code of Node. `issuer`: who signed the chain the server presented, already quoted. */
export function tlsFailed(origin: string, reason: string, issuer: string | undefined, cause: unknown): BridgeError {
  const details = { origin, reason, sent: false }
  if (!isAboutCertificate(reason)) {
    const [, what, hint] = HANDSHAKES.find(([pattern]) => pattern.test(reason)) ?? OTHER
    return new BridgeError('tls_failed', { message: `${what(origin)}: ${reason}.`, hint, details, cause })
  }
  const signed = issuer === undefined ? '' : `; the chain it presented was issued by ${issuer}`
  return new BridgeError('tls_failed', {
    message: `The TLS certificate of ${origin} was not accepted: ${reason}${signed}.`,
    ...(UNKNOWN_ISSUER.test(reason)
      ? {}
      : { hint: 'Check the system clock and the URL, or ask the server’s owner to fix the certificate.' }),
    details,
    cause,
  })
}

/**
 * The reason that OpenSSL gave, as Node writes it where it can tell in time; a handshake that is refused while something is being written
 * is EPROTO, with the reason in the text only.
 */
export function sslReason({ message }: Error): string | undefined {
  const [, reason] = /:SSL routines:[^:]*:([^:]+)/.exec(message) ?? []
  return reason && `ERR_SSL_${reason.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}`
}
