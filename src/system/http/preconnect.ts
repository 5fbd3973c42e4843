// Opens a connection before there is a request for it, and passes it to the first one.
import type { Socket } from 'node:net'
import { bareHost } from '../../bareHost.ts'
import type { Connect } from './connections.ts'

/** `connect` returns the open connection once, if it is still usable; else it opens a new one. */
export function warmable(origin: URL, connector: Connect): { connect: Connect; warm(): void; close(): void } {
  let ready: Promise<Socket | undefined> | undefined
  let ended = false

  const connect: Connect = (options, callback) => {
    const first = ready
    ready = undefined
    if (!first) return connector(options, callback)
    void first.then((socket) => (socket && take(socket) ? callback(null, socket) : connector(options, callback)))
  }

  const warm = () => {
    const { host, protocol, port } = origin
    ready ??= new Promise((resolve) => {
      connector({ host, hostname: bareHost(origin), protocol, port }, (error, socket) => {
        if (error || ended) {
          socket?.destroy()
          return resolve(undefined)
        }
        // Reading detects that the server closes the connection. Unexpected data would be taken for a response.
        socket.on('error', destroy).on('data', destroy).resume()
        resolve(socket)
      })
    })
  }

  return {
    connect,
    warm,
    close() {
      ended = true
      void ready?.then((socket) => socket?.destroy())
    },
  }
}

function destroy(this: Socket): void {
  this.destroy()
}

/** False if the connection is no longer usable. */
function take(socket: Socket): boolean {
  socket.off('data', destroy).pause().off('error', destroy)
  return !socket.destroyed && socket.readyState === 'open'
}
