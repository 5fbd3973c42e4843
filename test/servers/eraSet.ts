// What the real servers of both protocol eras offer, written once: tools, prompts, resources, and what a test sees of their use.
import { until } from './until.ts'

/** A request of the server to the host: method and params. */
export interface Question {
  readonly method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list'
  readonly params?: Record<string, unknown>
}

/** One run of a tool; a tool that asks is run again with what the host answered. */
export interface Call {
  readonly signal: AbortSignal
  /** The host's answers to the questions of the round before, by name. */
  readonly answers: Readonly<Record<string, any>> | undefined
  readonly state: string | undefined
  progress(progress: number, total: number): Promise<void>
  log(level: 'debug' | 'info' | 'warning' | 'error', data: string): Promise<void>
  /** Ends the stream of the call, whose answer waits for a client that comes back; only 2025, where events are kept. */
  closeStream?: (() => void) | undefined
}

export interface Asked {
  readonly ask?: Readonly<Record<string, Question>>
  /** `requestState` of 2026; a server of 2025 keeps it to itself. */
  readonly state?: string
}

export interface Tool {
  readonly name: string
  readonly inputSchema: Record<string, unknown>
  readonly outputSchema?: Record<string, unknown>
  /** Of which era it can be a part; default both. */
  readonly era?: '2026'
  /** 2025: the questions go out on the GET stream. */
  readonly standing?: true
  run(args: any, call: Call, world: World): Promise<Record<string, unknown> | Asked>
}

/** One for each server: what its tools did, and what differs on a test's word. */
export interface World {
  /** How often `count` ran. */
  runs: number
  /** Calls of `slow` that were given up by the host. */
  aborted: number
  /** Calls of `slow` that run. */
  running: number
  /** Whether `slow` may end, and `progress` that waits. */
  released: boolean
  /** Lists that have one entry more, `late`. */
  readonly late: Record<Kind, boolean>
  /** Puts `late` into a list or takes it out, and tells whoever listens. */
  change(what: Kind): void
}

export type Kind = 'tools' | 'prompts' | 'resources'

export const createWorld = (): World => ({
  runs: 0,
  aborted: 0,
  running: 0,
  released: false,
  late: { tools: false, prompts: false, resources: false },
  change: () => undefined,
})

const text = (said: string) => ({ content: [{ type: 'text', text: said }] })
const object = (properties: Record<string, unknown> = {}, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
})

const FORM = object({ name: { type: 'string', title: 'Name' } }, ['name'])
export const form = (message: string): Question => ({
  method: 'elicitation/create',
  params: { mode: 'form', message, requestedSchema: FORM },
})
/** What it asks for does not exist; nobody opens it. */
const PAGE: Question = {
  method: 'elicitation/create',
  params: {
    mode: 'url',
    message: 'Please allow it there.',
    url: 'https://pages.example/allow',
    elicitationId: 'page-1',
  },
}
const SAMPLING: Question = {
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'capital of France?' } }], maxTokens: 20 },
}
const ROOTS: Question = { method: 'roots/list' }

/** A tool that asks once and tells what it heard. */
const asking = (name: string, questions: Record<string, Question>, more: Partial<Tool> = {}): Tool => ({
  name,
  inputSchema: object(),
  run: async (_args, { answers }) => (answers ? text(JSON.stringify(answers)) : { ask: questions }),
  ...more,
})

/** A state that nobody may change: escapes of JSON, of URLs and of Base64, and a character outside the BMP. */
export const STATE = 'AbC+/=\\"\n\u{1F600}%20</script>'
export const BIG = 5 * 1024 * 1024

const HEADERS = object({
  region: { type: 'string', 'x-mcp-header': 'Region' },
  amount: { type: 'integer', 'x-mcp-header': 'Amount' },
  dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' },
  owner: object({ tenant: { type: 'string', 'x-mcp-header': 'Tenant' } }),
  note: { type: 'string' },
})

export const TOOLS: readonly Tool[] = [
  {
    name: 'echo',
    inputSchema: object({ message: { type: 'string' } }, ['message']),
    run: async ({ message }) => text(message),
  },
  { name: 'count', inputSchema: object(), run: async (_args, _call, world) => text(`run ${++world.runs}`) },
  {
    name: 'progress',
    inputSchema: object({ steps: { type: 'integer' }, wait: { type: 'boolean' } }),
    async run({ steps = 3, wait = false }, { progress }, world) {
      for (let step = 1; step <= steps; step++) await progress(step, steps)
      if (wait) await until('a word that the steps were seen', () => world.released)
      return text('all steps')
    },
  },
  {
    name: 'slow',
    inputSchema: object(),
    async run(_args, { signal }, world) {
      world.running++
      await until('the end of a slow call', () => world.released || signal.aborted)
      world.running--
      if (signal.aborted) world.aborted++
      return text('at last')
    },
  },
  { name: 'big', inputSchema: object(), run: async () => text('x'.repeat(BIG)) },
  {
    name: 'log',
    inputSchema: object(),
    async run(_args, { log }) {
      for (const level of ['debug', 'info', 'warning', 'error'] as const) await log(level, `a line of ${level}`)
      return text('logged')
    },
  },
  {
    name: 'shape',
    inputSchema: object(),
    outputSchema: object({ sides: { type: 'integer' } }, ['sides']),
    run: async () => ({ ...text('{"sides":3}'), structuredContent: { sides: 3 } }),
  },
  {
    name: 'numbers',
    era: '2026',
    inputSchema: object(),
    outputSchema: { type: 'array', items: { $ref: '#/$defs/number' }, $defs: { number: { type: 'integer' } } },
    run: async () => ({ ...text('[1,2,3]'), structuredContent: [1, 2, 3] }),
  },
  {
    name: 'either',
    era: '2026',
    inputSchema: object(),
    outputSchema: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    run: async () => ({ ...text('yes'), structuredContent: 'yes' }),
  },
  { name: 'headers', inputSchema: HEADERS, run: async (args) => text(JSON.stringify(args)) },
  {
    name: 'bad_headers',
    inputSchema: object({ weight: { type: 'number', 'x-mcp-header': 'Weight' } }),
    run: async () => text('a tool that no 2026 host may see'),
  },
  asking('ask_form', { who: form('What is your name?') }),
  asking('ask_url', { page: PAGE }),
  asking('ask_sampling', { model: SAMPLING }),
  asking('ask_roots', { where: ROOTS }),
  asking('ask_two', { who: form('What is your name?'), where: ROOTS }),
  {
    name: 'ask_again',
    inputSchema: object(),
    async run(_args, { answers, state }) {
      if (answers === undefined) return { ask: { first: form('First name?') } }
      if (state === undefined) return { ask: { last: form('Last name?') }, state: JSON.stringify(answers) }
      return text(JSON.stringify({ ...JSON.parse(state), ...answers }))
    },
  },
  {
    name: 'ask_state',
    inputSchema: object(),
    run: async (_args, { state }) => (state === undefined ? { state: STATE } : text(state)),
  },
  asking('ask_standing', { who: form('What is your name, on the standing stream?') }, { standing: true }),
]

export const LATE_TOOL: Tool = { name: 'late', inputSchema: object(), run: async () => text('late') }

export const PROMPTS = ['greet', 'first', 'second', 'ask_prompt'] as const
/** `greet` takes a name, which is completed from these. */
export const NAMES = ['Ada', 'Alan', 'Grace']
export const promptText = (name: string, given?: string) => ({
  messages: [
    { role: 'user' as const, content: { type: 'text' as const, text: given ? `${name}: ${given}` : `prompt ${name}` } },
  ],
})

/** Prompts come two a page. */
export function promptPage(world: World, cursor: string | undefined) {
  const names = [...PROMPTS, ...(world.late.prompts ? ['late'] : [])]
  const from = cursor === undefined ? 0 : Number(cursor)
  const described = names.slice(from, from + 2).map((name) => ({
    name,
    ...(name === 'greet' ? { arguments: [{ name: 'name', required: true }] } : {}),
  }))
  return { prompts: described, ...(from + 2 < names.length ? { nextCursor: String(from + 2) } : {}) }
}

export const RESOURCES = ['test://one', 'test://two', 'test://asked'] as const
export const TEMPLATE = 'test://items/{id}'
/** Values of `id` that are completed. */
export const ITEMS = ['apple', 'apricot', 'beech']
export const contents = (uri: string, said = `contents of ${uri}`) => ({
  contents: [{ uri, mimeType: 'text/plain', text: said }],
})

export const INSTRUCTIONS = 'Ask before you count.'
