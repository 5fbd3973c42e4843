// Errors of the network and of undici → BridgeError, by code.
import { BridgeError } from '../../errors.ts'
import { isTlsRefusal, sslReason, tlsFailed } from './tlsErrors.ts'

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
/** A connection that ended: by its peer's FIN, by a reset, by TLS, or found dead on writing. */
const ENDED = /^(UND_ERR_SOCKET|ECONNRESET|EPIPE|ERR_SSL_.*)$/

/** errno(3), getaddrinfo(3) and undici, in words. */
const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known, or there is no network',
  EAI_AGAIN: 'the DNS server does not answer',
  ECONNREFUSED: 'no program listens at that port',
  ECONNRESET: 'the connection was broken off',
  UND_ERR_SOCKET: 'the connection was closed',
  EHOSTUNREACH: 'the network has no route to it',
  ENETUNREACH: 'the network has no route to it',
  ENETDOWN: 'the network is down',
  EACCES: 'a firewall does not allow it',
  EPERM: 'a firewall does not allow it',
  EMFILE: 'this process may open no more files, see ulimit -n',
  ENFILE: 'this machine may open no more files',
}

/** The reason, and what it means where that is known. */
export const explained = (reason: string): string =>
  Object.hasOwn(WORDS, reason) ? `${reason} (${WORDS[reason]})` : reason

type NetError = Error & { code?: string; errors?: { code?: string }[] }

export function reasonOf(thrown: unknown): string {
  const error = thrown as NetError
  const code = error.code ?? error.errors?.[0]?.code ?? error.name
  return code === 'EPROTO' ? (sslReason(error) ?? code) : code
}

/** What macOS answers a program that an app has started, where that app may not use the local network (anthropics/claude-code#55169). */
const LOCAL_NETWORK =
  'If the server is in your local network and answers in a terminal: macOS does not let what an app starts reach it. Allow the app in System Settings > Privacy & Security > Local Network, or set HTTPS_PROXY (HTTP_PROXY) in the host’s entry to a proxy on this machine that you start in a terminal.'

/** `sent`: the request may have left, so that the server may have acted on it. */
export function translate(thrown: unknown, url: URL, sent: boolean, platform = process.platform): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  const { origin } = url
  const reason = reasonOf(thrown)
  const options = { details: { origin, reason, sent }, cause: thrown }
  if (TIMEOUTS.has(reason))
    return new BridgeError('server_timeout', { message: `${origin} did not answer in time.`, ...options })
  if (isTlsRefusal(reason, sent)) return tlsFailed(origin, reason, undefined, thrown)
  return new BridgeError('server_unreachable', {
    message: `${origin} cannot be reached: ${explained(reason)}.`,
    ...(platform === 'darwin' && reason === 'EHOSTUNREACH' ? { hint: LOCAL_NETWORK } : {}),
    ...options,
  })
}

/** Whether the connection broke under a request that may have left. */
export const brokeOff = (thrown: unknown): boolean =>
  thrown instanceof BridgeError && thrown.details.sent === true && ENDED.test(String(thrown.details.reason))
