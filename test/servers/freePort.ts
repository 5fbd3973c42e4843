// A port for something that starts a moment later: one that the system gives to nobody by itself, so that no connection takes it meanwhile.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Below the range that Linux (32768 and up), macOS and Windows (49152 and up) take ports of connections from. */
const FIRST = 12_000
const LAST = 32_000

/** On which nobody listens, in either address family. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST)
    if ((await isFree(port, '127.0.0.1')) && (await isFree(port, '::1'))) return port
  }
}

/** Also where this machine does not have that address at all. */
function isFree(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'),
    )
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
