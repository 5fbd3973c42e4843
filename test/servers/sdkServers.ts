// Servers made with both generations of the official SDK: sessions, resumable streams that are polled, notifications of their own.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { McpServer as McpServerV1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport as TransportV1 } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  McpServer as McpServerV2,
  WebStandardStreamableHTTPServerTransport as TransportV2,
} from '@modelcontextprotocol/server'
import { until } from './until.ts'

/** Keeps what was sent, so that a stream can be gone on with. */
function createEventStore() {
  const events: { id: string; stream: string; message: any }[] = []
  return {
    async storeEvent(stream: string, message: any) {
      const id = `${stream}_${events.length}`
      events.push({ id, stream, message })
      return id
    },
    async getStreamIdForEventId(id: string) {
      return events.find((event) => event.id === id)?.stream
    },
    async replayEventsAfter(lastId: string, { send }: { send: (id: string, message: any) => Promise<void> }) {
      const at = events.findIndex(({ id }) => id === lastId)
      const stream = events[at]?.stream ?? ''
      for (const event of events.slice(at + 1))
        if (event.stream === stream && event.message.jsonrpc) await send(event.id, event.message)
      return stream
    },
  }
}

export async function startSdkServer(generation: 'v1' | 'v2') {
  const transports: Map<string, any> = new Map()
  const state = { calls: 0, gets: 0, resumed: 0, initialized: 0 }

  const makeServer = () => {
    // What is used of both is the same.
    const Server = (generation === 'v1' ? McpServerV1 : McpServerV2) as typeof McpServerV1
    const server = new Server(
      { name: `sdk-${generation}`, version: '1.0.0' },
      { capabilities: { logging: {}, tools: { listChanged: true } } },
    )
    server.registerTool(
      'polled',
      { description: 'ends its stream and answers on the next one' },
      async (context: any) => {
        state.calls++
        const close = context.closeSSEStream ?? context.http?.closeSSE
        close?.()
        // The answer comes when the host has asked again.
        await until('a GET that resumes the stream', () => state.resumed > 0)
        return { content: [{ type: 'text', text: 'late' }] }
      },
    )
    server.registerTool(
      'cut',
      { description: 'tells progress, and answers on the stream that goes on after a cut' },
      async (context: any) => {
        const resumed = state.resumed
        const { progressToken } = context._meta ?? context.mcpReq._meta
        const notify = context.sendNotification ?? context.mcpReq.notify
        await notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
        await until('a GET that resumes a stream that was cut', () => state.resumed > resumed)
        return { content: [{ type: 'text', text: 'whole' }] }
      },
    )
    server.registerTool('announce', { description: 'says on the standing stream that tools changed' }, async () => {
      await server.server.notification({ method: 'notifications/tools/list_changed' })
      return { content: [] }
    })
    return server
  }

  const open = async () => {
    const transport = new (generation === 'v1' ? TransportV1 : TransportV2)({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized(id) {
        state.initialized++
        transports.set(id, transport)
      },
      onsessionclosed: (id) => void transports.delete(id),
      eventStore: createEventStore(),
      retryInterval: 20,
    })
    await makeServer().connect(transport)
    return transport
  }

  const server = createServer(async (incoming, outgoing) => {
    const headers = incoming.headers as Record<string, string>
    const body = incoming.method === 'POST' ? { body: Readable.toWeb(incoming), duplex: 'half' } : {}
    const request = new Request(`http://127.0.0.1${incoming.url}`, {
      method: incoming.method,
      headers,
      ...(body as any),
    })
    if (incoming.method === 'GET') state.gets++
    const transport = headers['mcp-session-id'] === undefined ? await open() : transports.get(headers['mcp-session-id'])
    if (!transport) return outgoing.writeHead(404).end('Session not found')
    const response = await transport.handleRequest(request)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).flushHeaders()
    if (headers['last-event-id'] !== undefined) state.resumed++
    if (!response.body) return outgoing.end()
    const answer = Readable.fromWeb(response.body as any).on('error', () => undefined)
    outgoing.once('close', () => answer.destroy())
    answer.pipe(outgoing)
    return undefined
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    state,
    sessions: () => transports.size,
    /** As if it had been restarted. */
    forgetSessions: () => transports.clear(),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
