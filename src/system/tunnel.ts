// A connection through an HTTP proxy: CONNECT, then the proxy only passes bytes on (RFC 9110 section 9.3.6).
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'

export interface TunnelOptions {
  /** host:port of the server. */
  readonly authority: string
  /** Proxy-Authorization, when the proxy wants it. */
  readonly headers: Readonly<Record<string, string>>
  /** 0 waits for ever. */
  readonly timeoutMs: number
  /** What an https proxy's certificate is checked against; undefined: Node's own list. */
  readonly secureContext: SecureContext | undefined
}

/** The open connection, or the status with which the proxy refused. Rejects as node:http does; AbortError: too late. */
export function openTunnel(proxy: URL, options: TunnelOptions): Promise<Socket | number> {
  const { authority, headers, timeoutMs, secureContext } = options
  const request = proxy.protocol === 'https:' ? secureRequest : plainRequest
  return new Promise((resolve, reject) => {
    const outgoing = request(proxy.origin, {
      method: 'CONNECT',
      path: authority,
      headers: { ...headers, host: authority },
      agent: false,
      ...(timeoutMs > 0 ? { signal: AbortSignal.timeout(timeoutMs) } : {}),
      // Left out, NODE_TLS_REJECT_UNAUTHORIZED would decide; our own password goes to this proxy.
      ...(proxy.protocol === 'https:' ? { rejectUnauthorized: true, minVersion: 'TLSv1.2' } : {}),
      ...(secureContext ? { secureContext } : {}),
    })
    outgoing.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode >= 200 && statusCode < 300 && head.byteLength === 0) return resolve(socket)
      socket.destroy()
      resolve(statusCode)
    })
    outgoing.once('error', reject)
    outgoing.end()
  })
}
