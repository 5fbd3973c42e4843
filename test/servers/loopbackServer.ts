// A plain HTTP server on a free port of loopback, and an end that waits for nobody: what every scripted server stands on.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** `answer` gets each request with its whole body; one that is cut off before that is passed over. */
export async function startLoopbackServer(
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown,
  port = 0,
) {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    await answer(request, response, Buffer.concat(chunks))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  const { port: taken } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${taken}`,
    port: taken,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
