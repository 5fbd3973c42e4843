// A load balancer: each request goes to the next of several ports on loopback, whatever connection it came on
import { createServer, request as httpRequest } from 'node:http'

export async function startRoundRobin(port: number, targets: readonly number[]) {
  let next = 0
  const state = {
    /** How many requests each target got, by method and path: `POST /token`. */
    got: targets.map(() => new Map<string, number>()),
    /** Headers of every request: a client that cannot send its own. */
    headers: {} as Record<string, string>,
  }
  const server = createServer((request, response) => {
    const at = next++ % targets.length
    const what = `${request.method} ${new URL(request.url ?? '', 'http://loopback').pathname.replace(/\/[\w-]{20,}/, '/*')}`
    state.got[at]?.set(what, (state.got[at].get(what) ?? 0) + 1)
    const { method, url } = request
    const headers = { ...request.headers, ...state.headers }
    const onward = httpRequest(
      { host: '127.0.0.1', port: targets[at], path: url, method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders()
        answer.on('error', () => response.destroy()).pipe(response)
      },
    )
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, 'localhost', resolve))
  return {
    state,
    /** How many targets got such a request. */
    reached: (what: string) => state.got.filter((one) => one.has(what)).length,
    /** Cuts every connection of a client. */
    cut: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
