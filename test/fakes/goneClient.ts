// A client that goes away in the middle of the body that it announced
import { once } from 'node:events'
import { connect } from 'node:net'

/** Resolves once the server has closed the connection. */
export async function goAwayWhileSending(origin: string, path: string, headers: Record<string, string>): Promise<void> {
  const { host, hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const lines = Object.entries({ host, ...headers, 'content-length': '50' }).map(([name, value]) => `${name}: ${value}`)
  const closed = once(socket.resume(), 'close')
  socket.end(`POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\nx`)
  await closed
}
