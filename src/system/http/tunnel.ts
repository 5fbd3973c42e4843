// A connection through an HTTP proxy: CONNECT, after which the proxy only forwards bytes (RFC 9110 section 9.3.6).
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { isIP, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { bareHost } from '../../bareHost.ts'
import { present } from '../../present.ts'

export interface TunnelOptions {
  /** host:port of the server. */
  readonly authority: string
  /** Proxy-Authorization, if the proxy requires it. */
  readonly headers: Readonly<Record<string, string>>
  /** 0 waits indefinitely. */
  readonly timeoutMs: number
  /** The CA certificates for an https proxy; undefined: Node's own list. */
  readonly secureContext: SecureContext | undefined
}

/** The open connection, or the status with which the proxy refused. Rejects as node:http does; AbortError: too late. */
export function openTunnel(proxy: URL, options: TunnelOptions): Promise<Socket | number> {
  const { authority, headers, timeoutMs, secureContext } = options
  const request = proxy.protocol === 'https:' ? secureRequest : plainRequest
  // Otherwise Node checks the certificate for the name in the Host header, which is the server's.
  const servername = isIP(bareHost(proxy)) === 0 ? proxy.hostname : ''
  const signal = timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : undefined
  return new Promise((resolve, reject) => {
    const outgoing = request(proxy.origin, {
      method: 'CONNECT',
      path: authority,
      headers: { ...headers, host: authority },
      agent: false,
      // Without this, NODE_TLS_REJECT_UNAUTHORIZED would decide, and our password is sent to this proxy.
      ...(proxy.protocol === 'https:' ? { servername, rejectUnauthorized: true, minVersion: 'TLSv1.2' } : {}),
      ...present({ signal, secureContext }),
    })
    outgoing.once('connect', async ({ statusCode = 0 }, socket: Socket, head) => {
      const late = () => socket.destroy(new DOMException('The proxy did not answer in time.', 'AbortError'))
      signal?.addEventListener('abort', late)
      try {
        // node:http returns the first response to CONNECT, even an interim response.
        const { status, rest } = isInterim(statusCode)
          ? await finalAnswer(socket, head)
          : { status: statusCode, rest: head }
        if (status >= 200 && status < 300 && rest.byteLength === 0) return resolve(socket)
        socket.destroy()
        resolve(status)
      } catch (thrown) {
        reject(thrown)
      } finally {
        signal?.removeEventListener('abort', late)
      }
    })
    outgoing.once('error', reject)
    outgoing.end()
  })
}

const isInterim = (status: number) => status >= 100 && status < 200 && status !== 101

/** Longest total size of interim responses and the response header. */
const MOST_BYTES = 64 * 1024

/** Continues to the final response (RFC 9110 section 15.2). Status 0: none arrived. */
async function finalAnswer(socket: Socket, head: Uint8Array): Promise<{ status: number; rest: Uint8Array }> {
  let known = Buffer.from(head)
  let read = known.byteLength
  for (;;) {
    for (let end = known.indexOf('\r\n\r\n'); end !== -1; end = known.indexOf('\r\n\r\n')) {
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(known.toString('latin1', 0, end))?.[1] ?? 0)
      known = known.subarray(end + 4)
      if (!isInterim(status)) return { status, rest: known }
    }
    const more = read > MOST_BYTES ? undefined : await nextPiece(socket)
    if (!more) return { status: 0, rest: known }
    read += more.byteLength
    known = Buffer.concat([known, more])
  }
}

/** undefined: the connection has ended. Leaves the socket in its initial state: neither flowing nor paused. */
function nextPiece(socket: Socket): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const piece = socket.read() as Buffer | null
      if (piece || socket.readableEnded || socket.destroyed) settle(piece ?? undefined)
    }
    const gone = () => settle(undefined)
    const settle = (piece: Buffer | undefined) => {
      socket.off('readable', look).off('end', gone).off('close', gone).off('error', reject)
      resolve(piece)
    }
    socket.on('end', gone).on('close', gone).on('error', reject).on('readable', look)
    look()
  })
}
