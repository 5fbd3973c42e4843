// What the scenarios of the public conformance suite ask of a server, as their descriptions say: tools, prompts and resources for servers of both eras
import { setTimeout as pause } from 'node:timers/promises'
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Question, Tool } from './eraSet.ts'

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA='
/** The suite counts what comes while a call goes on. */
const STEP_MS = 20

const text = (said: string) => ({ type: 'text' as const, text: said })
const image = { type: 'image' as const, data: PIXEL, mimeType: 'image/png' }
const resource = (uri: string, mimeType: string, said: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: said },
})
const object = (properties: Record<string, unknown> = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})
const form = (message: string, requestedSchema: object): Question => ({
  method: 'elicitation/create',
  params: { message, requestedSchema },
})
const sampling = (prompt: string, maxTokens = 100): Question => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: text(prompt) }], maxTokens },
})
const NAME = form('What is your name?', object({ name: { type: 'string' } }))

const DEFAULTS = {
  type: 'object',
  properties: {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  },
}
const three = (word: string, title: string) =>
  ['First', 'Second', 'Third'].map((ordinal, at) => ({ const: `${word}${at + 1}`, title: `${ordinal} ${title}` }))
const OPTIONS = ['option1', 'option2', 'option3']
const ENUMS = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: OPTIONS },
    titledSingle: { type: 'string', oneOf: three('value', 'Option') },
    legacyEnum: {
      ...{ type: 'string', enum: ['opt1', 'opt2', 'opt3'] },
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: OPTIONS } },
    titledMulti: { type: 'array', items: { anyOf: three('value', 'Choice') } },
  },
}
const SCHEMA_2020_12 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      ...{ $anchor: 'addressDef', type: 'object' },
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

const telling = (name: string, ...content: object[]): Tool => ({
  name,
  inputSchema: object(),
  run: async () => ({ content }),
})

/** Asks until every question has an answer, and tells what it heard. */
function asking(name: string, questions: (args: any) => Record<string, Question>, more: Partial<Asking> = {}): Tool {
  const { takes = [], state, tell = (answers) => JSON.stringify(answers) } = more
  return {
    name,
    inputSchema: object(Object.fromEntries(takes.map((one) => [one, { type: 'string' }]))),
    async run(args, { answers, state: echoed }) {
      const ask = questions(args)
      const isComplete = Object.keys(ask).every((key) => typeof answers?.[key] === 'object')
      if (!isComplete || echoed !== state) return { ask, ...(state === undefined ? {} : { state }) }
      return { content: [text(tell(answers ?? {}))] }
    },
  }
}

interface Asking {
  readonly takes: readonly string[]
  readonly state: string
  readonly tell: (answers: Readonly<Record<string, any>>) => string
}

const heard = ({ action, content }: any) => `action=${action}, content=${JSON.stringify(content ?? {})}`

export const CONFORMANCE_TOOLS: readonly Tool[] = [
  telling('test_simple_text', text('This is a simple text response for testing.')),
  telling('test_image_content', image),
  telling('test_audio_content', { type: 'audio', data: SILENCE, mimeType: 'audio/wav' }),
  telling(
    'test_embedded_resource',
    resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
  ),
  telling(
    'test_multiple_content_types',
    text('Multiple content types test:'),
    image,
    resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
  ),
  {
    ...telling('test_error_handling'),
    run: async () => ({ isError: true, content: [text('This tool intentionally returns an error for testing')] }),
  },
  ...['test_tool_with_logging', 'test_logging_tool'].map(
    (name): Tool => ({
      ...telling(name),
      async run(_args, { log }) {
        for (const line of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
          await log('info', line)
          await pause(STEP_MS)
        }
        return { content: [text('logged')] }
      },
    }),
  ),
  {
    ...telling('test_tool_with_progress'),
    async run(_args, { progress }) {
      for (const done of [0, 50, 100]) {
        await progress(done, 100)
        await pause(STEP_MS)
      }
      return { content: [text('done')] }
    },
  },
  {
    ...telling('test_reconnection'),
    async run(_args, { closeStream }) {
      closeStream?.()
      await pause(STEP_MS)
      return { content: [text('The answer after the stream was closed.')] }
    },
  },
  ...(['tools', 'prompts'] as const).map(
    (what): Tool => ({
      ...telling(`test_trigger_${what.slice(0, -1)}_change`),
      async run(_args, _call, world) {
        world.change(what)
        return { content: [text('changed')] }
      },
    }),
  ),
  { ...telling('json_schema_2020_12_tool', text('taken')), inputSchema: SCHEMA_2020_12 },
  asking('test_sampling', ({ prompt }) => ({ model: sampling(prompt) }), {
    takes: ['prompt'],
    tell: ({ model }) => `LLM response: ${model.content.text}`,
  }),
  asking(
    'test_elicitation',
    ({ message }) => ({ user: form(message, object({ username: { type: 'string' }, email: { type: 'string' } })) }),
    { takes: ['message'], tell: ({ user }) => `User response: ${heard(user)}` },
  ),
  ...[['test_elicitation_sep1034_defaults', DEFAULTS] as const, ['test_elicitation_sep1330_enums', ENUMS] as const].map(
    ([name, schema]) =>
      asking(name, () => ({ user: form('Please fill it in.', schema) }), {
        tell: ({ user }) => `Elicitation completed: ${heard(user)}`,
      }),
  ),
  asking('test_streaming_elicitation', () => ({ user_name: NAME })),
  asking('test_input_required_result_elicitation', () => ({ user_name: NAME }), {
    tell: ({ user_name }) => `Hello, ${user_name.content?.name}!`,
  }),
  asking('test_input_required_result_sampling', () => ({
    capital_question: sampling('What is the capital of France?'),
  })),
  asking('test_input_required_result_list_roots', () => ({ client_roots: { method: 'roots/list' } })),
  asking(
    'test_input_required_result_request_state',
    () => ({ confirm: form('Please confirm', object({ ok: { type: 'boolean' } })) }),
    { state: 'state-of-the-request', tell: () => 'state-ok' },
  ),
  asking(
    'test_input_required_result_multiple_inputs',
    () => ({ user_name: NAME, greeting: sampling('Generate a greeting', 50), client_roots: { method: 'roots/list' } }),
    { state: 'state-of-many' },
  ),
  {
    ...telling('test_input_required_result_multi_round'),
    async run(_args, { answers, state }) {
      if (state === 'round-2' && answers?.step2) return { content: [text('after two rounds')] }
      if (state === 'round-1' && answers?.step1)
        return {
          ask: { step2: form('Step 2: What is your favorite color?', object({ color: { type: 'string' } })) },
          state: 'round-2',
        }
      return {
        ask: { step1: form('Step 1: What is your name?', object({ name: { type: 'string' } })) },
        state: 'round-1',
      }
    },
  },
]

const say = (...content: object[]) => ({ messages: content.map((one) => ({ role: 'user', content: one })) })

export interface ConformancePrompt {
  readonly name: string
  readonly takes: readonly string[]
  readonly get: (args: Readonly<Record<string, string>>) => ReturnType<typeof say>
}

export const CONFORMANCE_PROMPTS: readonly ConformancePrompt[] = [
  { name: 'test_simple_prompt', takes: [], get: () => say(text('This is a simple prompt for testing.')) },
  {
    name: 'test_prompt_with_arguments',
    takes: ['arg1', 'arg2'],
    get: ({ arg1, arg2 }) => say(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
  },
  {
    name: 'test_prompt_with_embedded_resource',
    takes: ['resourceUri'],
    get: ({ resourceUri = '' }) =>
      say(
        resource(resourceUri, 'text/plain', 'Embedded resource content for testing.'),
        text('Please process the embedded resource above.'),
      ),
  },
  { name: 'test_prompt_with_image', takes: [], get: () => say(image, text('Please analyze the image above.')) },
]

/** As prompts/list names them. */
export const describedPrompts = () =>
  CONFORMANCE_PROMPTS.map(({ name, takes }) => ({
    name,
    description: `prompt ${name}`,
    arguments: takes.map((one) => ({ name: one, required: true })),
  }))

export const CONFORMANCE_RESOURCES = ['test://static-text', 'test://static-binary', 'test://watched-resource'] as const
export const CONFORMANCE_TEMPLATE = 'test://template/{id}/data'

/** undefined: it is not one of the set. */
export function conformanceContents(uri: string): { uri: string; mimeType: string; text: string } | undefined {
  const [, id] = /^test:\/\/template\/(\w+)\/data$/.exec(uri) ?? []
  if (id !== undefined) {
    const data = { id, templateTest: true, data: `Data for ID: ${id}` }
    return { uri, mimeType: 'application/json', text: JSON.stringify(data) }
  }
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: PIXEL } as never
  const isOne = CONFORMANCE_RESOURCES.some((one) => one === uri)
  return isOne ? { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' } : undefined
}

/** What a stream was sent, for clients that come back. */
export function createEventStore(): EventStore {
  const events: { stream: string; message: any }[] = []
  return {
    storeEvent: async (stream, message) => String(events.push({ stream, message }) - 1),
    getStreamIdForEventId: async (id) => events[Number(id)]?.stream,
    async replayEventsAfter(last, { send }) {
      const stream = events[Number(last)]?.stream ?? ''
      for (const [at, event] of events.entries())
        if (at > Number(last) && event.stream === stream && event.message.jsonrpc) await send(String(at), event.message)
      return stream
    },
  }
}
