// Servers of the official SDK v1, 2025 only: with sessions, without, and over HTTP+SSE.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  ResultSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import {
  CONFORMANCE_PROMPTS,
  CONFORMANCE_RESOURCES,
  CONFORMANCE_TEMPLATE,
  CONFORMANCE_TOOLS,
  conformanceContents,
  createEventStore,
  describedPrompts,
} from './conformanceSet.ts'
import {
  type Asked,
  contents,
  createWorld,
  form,
  INSTRUCTIONS,
  ITEMS,
  type Kind,
  LATE_TOOL,
  NAMES,
  PROMPTS,
  promptPage,
  promptText,
  type Question,
  RESOURCES,
  TEMPLATE,
  TOOLS,
  type Tool,
  type World,
} from './eraSet.ts'
import { createSessions, startSeeing } from './webServer.ts'

export type LegacyKind = 'session' | 'stateless' | 'sse'

/** `session`: Streamable HTTP with `mcp-session-id`. `stateless`: a server for each request. `sse`: HTTP+SSE of 2024-11-05. */
export async function startLegacyServer(kind: LegacyKind, { conformance = false }: { conformance?: boolean } = {}) {
  const world = createWorld()
  const sessions = createSessions<StreamableHTTPServerTransport | SSEServerTransport, ReturnType<typeof offer>>()

  async function streamable(request: IncomingMessage, response: ServerResponse, message: unknown) {
    const id = request.headers['mcp-session-id']
    const known = sessions.transport(String(id)) as StreamableHTTPServerTransport | undefined
    if (known) return known.handleRequest(request, response, message)
    if (id !== undefined) return response.writeHead(404).end('Session not found')
    const offered = offer(world, conformance)
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      ...sessions.options(offered, () => transport),
      ...(conformance ? { eventStore: createEventStore(), retryInterval: 50 } : {}),
    })
    await offered.server.connect(transport as any)
    return transport.handleRequest(request, response, message)
  }

  async function stateless(request: IncomingMessage, response: ServerResponse, message: unknown) {
    if (request.method !== 'POST') return response.writeHead(405).end()
    const { server } = offer(world, conformance)
    const transport = new StreamableHTTPServerTransport({})
    response.once('close', () => void transport.close())
    await server.connect(transport as any)
    return transport.handleRequest(request, response, message)
  }

  async function sse(request: IncomingMessage, response: ServerResponse, message: unknown) {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://loopback')
    if (request.method === 'GET' && pathname === '/mcp') {
      const offered = offer(world, conformance)
      const transport = new SSEServerTransport('/messages', response)
      sessions.begin(transport.sessionId, transport, offered)
      response.once('close', () => sessions.end(transport.sessionId))
      return offered.server.connect(transport)
    }
    const known = sessions.transport(searchParams.get('sessionId') ?? '') as SSEServerTransport | undefined
    if (request.method === 'POST' && known) return known.handlePostMessage(request as any, response, message)
    return response.writeHead(404).end('Not found')
  }

  const serve = { session: streamable, stateless, sse }[kind]
  const server = await startSeeing(({ message }, request, response) => serve(request, response, message))
  return {
    ...server,
    world,
    sessions: () => sessions.size,
    /** Puts `late` into a list or takes it out, and tells every session. */
    change(what: Kind) {
      world.late[what] = !world.late[what]
      for (const { server: one } of sessions.offers())
        void {
          tools: () => one.sendToolListChanged(),
          prompts: () => one.sendPromptListChanged(),
          resources: () => one.sendResourceListChanged(),
        }[what]()
    },
    update(uri: string) {
      for (const { server: one, subscribed } of sessions.offers())
        if (subscribed.has(uri)) void one.sendResourceUpdated({ uri })
    },
    /** As if it had been restarted. */
    forgetSessions: () => sessions.clear(),
    async close() {
      world.released = true
      await server.close()
    },
  }
}

function offer(world: World, conformance: boolean) {
  const listChanged = { listChanged: true }
  const server = new Server(
    { name: 'sdk-v1', version: '1.0.0' },
    {
      instructions: INSTRUCTIONS,
      capabilities: {
        tools: listChanged,
        prompts: listChanged,
        resources: { subscribe: true, ...listChanged },
        logging: {},
        completions: {},
      },
    },
  )
  const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']
  let least = 0
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    least = levels.indexOf(params.level)
    return {}
  })
  const tools = () => [
    ...TOOLS.filter(({ era }) => era !== '2026'),
    ...(conformance ? CONFORMANCE_TOOLS : []),
    ...(world.late.tools ? [LATE_TOOL] : []),
  ]
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools().map(({ name, inputSchema, outputSchema }) => ({
      name,
      description: `tool ${name}`,
      inputSchema: inputSchema as { type: 'object' },
      ...(outputSchema ? { outputSchema: outputSchema as { type: 'object' } } : {}),
    })),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools().find(({ name }) => name === params.name)
    if (!tool) throw new McpError(ErrorCode.InvalidParams, `Unknown tool ${params.name}`)
    return (await runWhole(tool, params.arguments ?? {})) as any

    async function runWhole({ run, standing }: Tool, args: unknown) {
      let asked: Asked = {}
      let answers: Record<string, unknown> | undefined
      const progressToken = extra._meta?.progressToken
      for (;;) {
        const outcome = await run(
          args,
          {
            signal: extra.signal,
            answers,
            state: asked.state,
            async progress(progress, total) {
              if (progressToken === undefined) return
              await extra.sendNotification({
                method: 'notifications/progress',
                params: { progressToken, progress, total },
              })
            },
            closeStream: extra.closeSSEStream,
            async log(level, data) {
              if (levels.indexOf(level) >= least)
                await extra.sendNotification({ method: 'notifications/message', params: { level, data } })
            },
          },
          world,
        )
        if (!('ask' in outcome || 'state' in outcome)) return outcome
        asked = outcome as Asked
        const ask = ({ method, params }: Question) =>
          standing
            ? server.request({ method, params } as any, ResultSchema)
            : extra.sendRequest({ method, params } as any, ResultSchema)
        if (asked.ask) {
          const heard = Object.entries(asked.ask).map(async ([key, question]) => [key, await ask(question)])
          answers = Object.fromEntries(await Promise.all(heard))
        }
      }
    }
  })
  server.setRequestHandler(ListPromptsRequestSchema, ({ params }) =>
    conformance ? { prompts: describedPrompts() } : promptPage(world, params?.cursor),
  )
  server.setRequestHandler(GetPromptRequestSchema, async ({ params: { name, arguments: given } }, { sendRequest }) => {
    const asked = conformance ? CONFORMANCE_PROMPTS.find((one) => one.name === name) : undefined
    if (asked) return asked.get(given ?? {}) as any
    if (![...PROMPTS, 'late'].includes(name)) throw new McpError(ErrorCode.InvalidParams, `Unknown prompt ${name}`)
    if (name !== 'ask_prompt') return promptText(name, given?.name)
    return promptText(name, JSON.stringify({ who: await sendRequest(form('Who asks?') as any, ResultSchema) }))
  })
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      ...RESOURCES,
      ...(conformance ? CONFORMANCE_RESOURCES : []),
      ...(world.late.resources ? ['test://late'] : []),
    ].map((uri) => ({ name: uri, uri })),
  }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [
      { name: 'items', uriTemplate: TEMPLATE },
      ...(conformance ? [{ name: 'data', uriTemplate: CONFORMANCE_TEMPLATE }] : []),
    ],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }, { sendRequest }) => {
    const known = conformance ? conformanceContents(uri) : undefined
    if (known) return { contents: [known] }
    if (uri === 'test://asked') {
      const who = await sendRequest(form('Who reads?') as any, ResultSchema)
      return contents(uri, JSON.stringify({ who }))
    }
    if (RESOURCES.some((one) => one === uri) || uri.startsWith('test://items/')) return contents(uri)
    throw new McpError(-32002, 'Resource not found', { uri })
  })
  const subscribed: Set<string> = new Set()
  server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    subscribed.add(params.uri)
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscribed.delete(params.uri)
    return {}
  })
  server.setRequestHandler(CompleteRequestSchema, ({ params: { ref, argument } }) => {
    const among = ref.type === 'ref/prompt' ? NAMES : ITEMS
    return { completion: { values: among.filter((value) => value.startsWith(argument.value)) } }
  })
  return { server, subscribed }
}
