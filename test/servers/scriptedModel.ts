// A model that follows a script, on loopback, in the words of each API that hosts speak: Anthropic Messages, OpenAI Responses and
// Chat Completions, Gemini. It says which tools it saw and what they answered.
import type { ServerResponse } from 'node:http'
import { startLoopbackServer } from './loopbackServer.ts'

/** What the model does in a turn: calls a tool, or says something and ends the turn. */
export type Act = { readonly call: string; readonly arguments: object } | { readonly say: string }

/** One request of the host: the tools that it offers, with their descriptions, and the results of tools so far. */
export interface Turn {
  readonly tools: ReadonlyMap<string, string>
  readonly results: readonly string[]
  /** Since the model was started, in ms. */
  readonly at: number
}

export type Script = (turn: Turn) => Act

export async function startScriptedModel() {
  const turns: Turn[] = []
  const others: string[] = []
  const started = performance.now()
  let script: Script = () => ({ say: 'done' })

  const { origin, close } = await startLoopbackServer((request, response, bytes) => {
    const path = new URL(request.url ?? '/', 'http://model').pathname
    const api = APIS.find((one) => one.path.test(path))
    const body = parsed(bytes)
    if (!api || request.method !== 'POST') {
      others.push(`${request.method} ${path}`)
      return void response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    }
    const { tools, results } = api.read(body)
    const turn = { tools, results, at: performance.now() - started }
    // Hosts also ask for titles and summaries, without tools.
    if (tools.size > 0) turns.push(turn)
    api.write(response, tools.size > 0 ? script(turn) : { say: 'a title' }, body)
  })

  return {
    origin,
    close,
    /** Requests with tools, in their order. */
    turns,
    /** What else the host asked for. */
    others,
    follow(next: Script) {
      turns.length = 0
      script = next
    },
  }
}

export type ScriptedModel = Awaited<ReturnType<typeof startScriptedModel>>

/** A tool of such a name, however the host prefixes it. */
export const toolNamed = ({ tools }: Turn, name: string) =>
  [...tools.keys()].find((full) => full === name || new RegExp(`[_.:-]${name}$`).test(full))

interface Api {
  readonly path: RegExp
  read(body: any): Pick<Turn, 'tools' | 'results'>
  write(response: ServerResponse, act: Act, body: any): void
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''))

const toolsOf = (list: readonly { name?: string; description?: string }[] | undefined) =>
  new Map((list ?? []).flatMap(({ name, description = '' }) => (name === undefined ? [] : [[name, description]])))

function events(response: ServerResponse, list: readonly { event?: string; data: object | string }[]) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const { event, data } of list)
    response.write(
      `${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
    )
  response.end()
}

const anthropic: Api = {
  path: /\/v1\/messages$/,
  read: ({ tools, messages }) => ({
    tools: toolsOf(tools),
    results: (messages ?? []).flatMap(({ content }: any) =>
      Array.isArray(content)
        ? content.filter(({ type }) => type === 'tool_result').map((part) => text(part.content))
        : [],
    ),
  }),
  write(response, act, { stream, model }) {
    const block =
      'call' in act
        ? { type: 'tool_use', id: `toolu_${Date.now()}`, name: act.call, input: act.arguments }
        : { type: 'text', text: act.say }
    const stop_reason = 'call' in act ? 'tool_use' : 'end_turn'
    const message = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model,
      usage: { input_tokens: 1, output_tokens: 1 },
    }
    if (!stream)
      return void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ ...message, content: [block], stop_reason, stop_sequence: null }))
    const empty = 'call' in act ? { ...block, input: {} } : { type: 'text', text: '' }
    const delta =
      'call' in act
        ? { type: 'input_json_delta', partial_json: JSON.stringify(act.arguments) }
        : { type: 'text_delta', text: act.say }
    events(response, [
      {
        event: 'message_start',
        data: { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
      },
      { event: 'content_block_start', data: { type: 'content_block_start', index: 0, content_block: empty } },
      { event: 'content_block_delta', data: { type: 'content_block_delta', index: 0, delta } },
      { event: 'content_block_stop', data: { type: 'content_block_stop', index: 0 } },
      {
        event: 'message_delta',
        data: { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 1 } },
      },
      { event: 'message_stop', data: { type: 'message_stop' } },
    ])
  },
}

const responses: Api = {
  path: /\/responses$/,
  read: ({ tools, input }) => ({
    // A server's tools come one by one, or as a namespace with its name.
    tools: toolsOf(
      (tools ?? []).flatMap((tool: any) =>
        tool.type === 'namespace'
          ? tool.tools.map((inner: any) => ({ ...inner, name: `${tool.name}.${inner.name}` }))
          : [tool],
      ),
    ),
    results: (Array.isArray(input) ? input : [])
      .filter(({ type }: any) => /call_output$/.test(type))
      .map(({ output }: any) => text(output)),
  }),
  write(response, act, { tools }) {
    const namespace =
      'call' in act
        ? (tools ?? []).find((one: any) => one.type === 'namespace' && act.call.startsWith(`${one.name}.`))
        : undefined
    const item =
      'call' in act
        ? {
            type: 'function_call',
            id: 'fc_1',
            call_id: `call_${Date.now()}`,
            name: namespace ? act.call.slice(namespace.name.length + 1) : act.call,
            ...(namespace ? { namespace: namespace.name } : {}),
            arguments: JSON.stringify(act.arguments),
          }
        : { type: 'message', id: 'm_1', role: 'assistant', content: [{ type: 'output_text', text: act.say }] }
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    events(response, [
      { event: 'response.created', data: { type: 'response.created', response: { id: 'r_1' } } },
      { event: 'response.output_item.done', data: { type: 'response.output_item.done', output_index: 0, item } },
      {
        event: 'response.completed',
        data: { type: 'response.completed', response: { id: 'r_1', output: [item], usage } },
      },
    ])
  },
}

const gemini: Api = {
  path: /:(streamG|g)enerateContent$/,
  read: ({ tools, contents }) => ({
    tools: toolsOf((tools ?? []).flatMap(({ functionDeclarations = [] }: any) => functionDeclarations)),
    results: (contents ?? [])
      .flatMap(({ parts = [] }: any) => parts)
      .filter(({ functionResponse }: any) => functionResponse)
      .map(({ functionResponse }: any) => text(functionResponse.response)),
  }),
  write(response, act) {
    const part = 'call' in act ? { functionCall: { name: act.call, args: act.arguments } } : { text: act.say }
    const candidate = { content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }
    const data = {
      candidates: [candidate],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    }
    if (/:generateContent/.test(response.req.url ?? ''))
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(data))
    events(response, [{ data }])
  },
}

const chat: Api = {
  path: /\/chat\/completions$/,
  read: ({ tools, messages }) => ({
    tools: toolsOf((tools ?? []).map((tool: any) => tool.function)),
    results: (messages ?? []).filter(({ role }: any) => role === 'tool').map(({ content }: any) => text(content)),
  }),
  write(response, act, { model }) {
    const delta =
      'call' in act
        ? {
            role: 'assistant',
            tool_calls: [
              {
                index: 0,
                id: `call_${Date.now()}`,
                type: 'function',
                function: { name: act.call, arguments: JSON.stringify(act.arguments) },
              },
            ],
          }
        : { role: 'assistant', content: act.say }
    const chunk = (choice: object) => ({
      id: 'c_1',
      object: 'chat.completion.chunk',
      created: 1,
      model,
      choices: [choice],
    })
    events(response, [
      { data: chunk({ index: 0, delta, finish_reason: null }) },
      { data: chunk({ index: 0, delta: {}, finish_reason: 'call' in act ? 'tool_calls' : 'stop' }) },
      { data: '[DONE]' },
    ])
  },
}

const APIS = [anthropic, responses, gemini, chat]

function parsed(bytes: Buffer): any {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return {}
  }
}
