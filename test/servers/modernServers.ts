// Servers of the official SDK v2: 2026 only, 2026 and 2025 without sessions, and 2026 in front of a server with sessions.
// Behind a sign-in: `stage.server.state.target = server.url`, and hosts of `stage.host()`.
import {
  completable,
  createMcpHandler,
  fromJsonSchema,
  type InputRequiredResult,
  inputRequired,
  isLegacyRequest,
  McpServer,
  ResourceTemplate,
  type ServerContext,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import {
  CONFORMANCE_PROMPTS,
  CONFORMANCE_RESOURCES,
  CONFORMANCE_TEMPLATE,
  CONFORMANCE_TOOLS,
  conformanceContents,
} from './conformanceSet.ts'
import {
  type Asked,
  type Call,
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
  RESOURCES,
  TEMPLATE,
  TOOLS,
  type Tool,
  type World,
} from './eraSet.ts'
import { createSessions, sendResponse, startSeeing, toRequest } from './webServer.ts'

export type ModernKind = 'modern' | 'dual' | 'dualSessions'

export interface ModernServerOptions {
  /** What lists and discover promise; default the SDK's `ttlMs: 0`, `private`. */
  readonly cache?: { readonly ttlMs: number; readonly cacheScope: 'public' | 'private' }
  /** What the scenarios of the public conformance suite ask for, too. */
  readonly conformance?: boolean
}

/** `modern`: 2025 is refused. `dual`: `initialize` is answered, without sessions. `dualSessions`: sessions behind `isLegacyRequest`. */
export async function startModernServer(kind: ModernKind, options: ModernServerOptions = {}) {
  const world = createWorld()
  const handler = createMcpHandler(() => offer(world, options).server, {
    legacy: kind === 'dual' ? 'stateless' : 'reject',
    keepAliveMs: 0,
  })
  const sessions = createSessions<WebStandardStreamableHTTPServerTransport, ReturnType<typeof offer>>()

  const legacy = async (request: Request): Promise<Response> => {
    const id = request.headers.get('mcp-session-id')
    const known = id === null ? undefined : sessions.transport(id)
    if (known) return known.handleRequest(request)
    if (id !== null) return new Response('Session not found', { status: 404 })
    const offered = offer(world, options)
    const transport = new WebStandardStreamableHTTPServerTransport(sessions.options(offered, () => transport))
    await offered.server.connect(transport)
    return transport.handleRequest(request)
  }

  const server = await startSeeing(async (_seen, incoming, outgoing, body) => {
    const request = toRequest(incoming, outgoing, body)
    const isLegacy = kind === 'dualSessions' && (await isLegacyRequest(request))
    const answer = await (isLegacy ? legacy(request) : handler.fetch(request)).catch(() => undefined)
    return answer ? sendResponse(answer, outgoing) : outgoing.destroy()
  })

  world.change = (what: Kind) => {
    world.late[what] = !world.late[what]
    for (const { late } of sessions.offers()) late[what][world.late[what] ? 'enable' : 'disable']()
    const { notify } = handler
    ;({ tools: notify.toolsChanged, prompts: notify.promptsChanged, resources: notify.resourcesChanged })[what]()
  }

  return {
    ...server,
    world,
    sessions: () => sessions.size,
    change: (what: Kind) => world.change(what),
    update(uri: string) {
      handler.notify.resourceUpdated(uri)
      for (const { server: one, subscribed } of sessions.offers())
        if (subscribed.has(uri)) void one.server.sendResourceUpdated({ uri })
    },
    async close() {
      world.released = true
      await handler.close()
      await server.close()
    },
  }
}

function offer(world: World, { cache, conformance = false }: ModernServerOptions) {
  const server = new McpServer(
    { name: 'sdk-v2', version: '2.0.0' },
    {
      instructions: INSTRUCTIONS,
      capabilities: { logging: {}, resources: { subscribe: true, listChanged: true } },
      ...(cache
        ? {
            cacheHints: {
              'tools/list': cache,
              'prompts/list': cache,
              'resources/list': cache,
              'resources/read': cache,
              'server/discover': cache,
            },
          }
        : {}),
    },
  )
  for (const tool of TOOLS.filter(({ standing }) => !standing)) register(server, tool, world)
  const late = {
    tools: register(server, LATE_TOOL, world),
    prompts: server.registerPrompt('late', conformance ? { description: 'prompt late' } : {}, () => promptText('late')),
    resources: server.registerResource('late', 'test://late', {}, () => contents('test://late')),
  }
  if (conformance) registerConformance(server, world)
  else for (const name of PROMPTS) registerPrompt(server, name)
  if (!conformance)
    server.server.setRequestHandler('prompts/list', async ({ params }) => promptPage(world, params?.cursor) as any)
  for (const uri of RESOURCES.filter((one) => one !== 'test://asked'))
    server.registerResource(uri, uri, { mimeType: 'text/plain' }, () => contents(uri))
  server.registerResource('test://asked', 'test://asked', {}, (_uri, { mcpReq }) =>
    mcpReq.inputResponses
      ? contents('test://asked', JSON.stringify(mcpReq.inputResponses))
      : toInputRequired({ ask: { who: form('Who reads?') } }),
  )
  const complete = { id: (value: string) => ITEMS.filter((item) => item.startsWith(value)) }
  const template = new ResourceTemplate(TEMPLATE, { list: undefined, complete })
  server.registerResource('items', template, {}, (uri) => contents(uri.href))
  const subscribed: Set<string> = new Set()
  server.server.setRequestHandler('resources/subscribe', async ({ params }) => {
    subscribed.add(params.uri)
    return {}
  })
  server.server.setRequestHandler('resources/unsubscribe', async ({ params }) => {
    subscribed.delete(params.uri)
    return {}
  })
  for (const what of ['tools', 'prompts', 'resources'] as const) if (!world.late[what]) late[what].disable()
  return { server, late, subscribed }
}

function register(server: McpServer, tool: Tool, world: World) {
  const { name, inputSchema, outputSchema } = tool
  const schemas = {
    inputSchema: fromJsonSchema<any>(inputSchema),
    ...(outputSchema ? { outputSchema: fromJsonSchema<any>(outputSchema) } : {}),
  }
  return server.registerTool(name, { description: `tool ${name}`, ...schemas }, async (args: any, context) => {
    const outcome = await tool.run(args, callOf(context), world)
    return 'ask' in outcome || 'state' in outcome ? toInputRequired(outcome as Asked) : (outcome as any)
  })
}

function registerPrompt(server: McpServer, name: (typeof PROMPTS)[number]) {
  if (name === 'greet') {
    const person = completable(z.string(), (value) => NAMES.filter((one) => one.startsWith(value)))
    server.registerPrompt(name, { argsSchema: z.object({ name: person }) }, (given) => promptText(name, given.name))
  } else if (name === 'ask_prompt')
    server.registerPrompt(name, {}, ({ mcpReq }) =>
      mcpReq.inputResponses
        ? promptText(name, JSON.stringify(mcpReq.inputResponses))
        : toInputRequired({ ask: { who: form('Who asks?') } }),
    )
  else server.registerPrompt(name, {}, () => promptText(name))
}

function registerConformance(server: McpServer, world: World) {
  for (const tool of CONFORMANCE_TOOLS) register(server, tool, world)
  for (const { name, takes, get } of CONFORMANCE_PROMPTS) {
    const argument = completable(z.string(), (value) => [`${value}s`])
    const argsSchema = z.object(Object.fromEntries(takes.map((one) => [one, argument])))
    server.registerPrompt(name, { description: `prompt ${name}`, argsSchema }, (given: any) => get(given) as any)
  }
  server.registerPrompt('test_input_required_result_prompt', { description: 'asks' }, ({ mcpReq }) =>
    mcpReq.inputResponses
      ? promptText('asked', JSON.stringify(mcpReq.inputResponses))
      : toInputRequired({ ask: { user_context: form('What context should the prompt use?') } }),
  )
  const read = (uri: URL) => ({ contents: [conformanceContents(uri.href)] }) as any
  for (const uri of CONFORMANCE_RESOURCES) server.registerResource(uri, uri, {}, read)
  server.registerResource('data', new ResourceTemplate(CONFORMANCE_TEMPLATE, { list: undefined }), {}, read)
}

function callOf({ mcpReq }: ServerContext): Call {
  const progressToken = mcpReq._meta?.progressToken
  return {
    signal: mcpReq.signal,
    answers: mcpReq.inputResponses,
    state: mcpReq.requestState(),
    async progress(progress, total) {
      if (progressToken === undefined) return
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total } })
    },
    log: (level, data) => mcpReq.log(level, data),
  }
}

/** 2026 has no `elicitationId`. */
function toInputRequired({ ask, state }: Asked): InputRequiredResult {
  const requests = Object.entries(ask ?? {}).map(([name, { method, params: { elicitationId, ...params } = {} }]) => [
    name,
    method === 'roots/list' ? { method } : { method, params },
  ])
  return inputRequired({
    ...(ask ? { inputRequests: Object.fromEntries(requests) } : {}),
    ...(state === undefined ? {} : { requestState: state }),
  })
}
