// The rows of the table of features: what of MCP is tried on each pair of a host and a server, and every outcome that a cell may name.
import { expect } from 'vitest'
import type { Pair } from './eraPairs.ts'
import { BIG, INSTRUCTIONS, ITEMS, STATE, TOOLS } from './eraSet.ts'
import { ANSWERED } from './modernHosts.ts'
import { until } from './until.ts'

/** Throws what a person would see where the pair cannot do it. */
type Try = (pair: Pair) => Promise<void>
type Outcomes = Readonly<Record<string, Try>> & { readonly works: Try }

/** Says a change until the host hears of it: a stream opens in its own time. */
async function hears(host: Pair['host'], method: string, say: () => void) {
  const before = host.count(method)
  await until(
    `${method} at the host`,
    () => {
      if (host.count(method) === before) say()
      return host.count(method) > before
    },
    () => host.said.stderr,
  )
}

/** Nothing of a method comes, however often it is said: the answers to requests made afterwards come all the same. */
async function doesNotHear({ host }: Pair, method: string, say: () => void) {
  const before = host.count(method)
  for (let round = 0; round < 3; round++) {
    say()
    await host.text('echo', { message: 'still here' })
  }
  expect(host.count(method)).toBe(before)
}

/** The text of a call; an error that the tool tells is thrown, as an error of the protocol is. */
async function textOf({ host }: Pair, name: string, timeout?: number): Promise<string> {
  const result = await host.call(name, {}, timeout === undefined ? {} : { timeout })
  if (result.isError) throw new Error(result.content[0].text)
  return result.content[0].text
}

const { form: FORM, page: PAGE, sample: SAMPLE, roots: ROOTS } = ANSWERED

/** A tool that asks, and what it has to hear. `never answered`: the server asks, and cannot hear. */
const asks = (name: string, heard: Record<string, unknown>): Outcomes => ({
  async works(pair) {
    const before = pair.host.asked.length
    const questions = Object.keys(heard).length
    expect(JSON.parse(await textOf(pair, name))).toEqual(heard)
    expect(pair.host.asked.length - before).toBe(questions)
  },
  async 'never answered'(pair) {
    await expect(textOf(pair, name, 1000)).rejects.toThrow('Request timed out')
  },
})

/** Log lines that a call of `log` brings. */
async function linesOf({ host }: Pair, expected: number): Promise<string[]> {
  const from = host.heard.length
  const lines = () => host.heard.slice(from).filter(({ method }) => method === 'notifications/message')
  await host.call('log')
  await until('log messages', () => lines().length >= expected, lines)
  return lines().map(({ params }) => params.level)
}

export const FEATURES = {
  'who it is': {
    async works({ host, isModernServer }) {
      expect(host.client.getServerVersion().name).toBe(isModernServer ? 'sdk-v2' : 'sdk-v1')
      expect(host.client.getInstructions()).toBe(INSTRUCTIONS)
      expect(Object.keys(host.client.getServerCapabilities()).sort()).toEqual(
        expect.arrayContaining(['completions', 'logging', 'prompts', 'resources', 'tools']),
      )
    },
  },
  tools: {
    async works(pair) {
      const { host, isModernServer } = pair
      const { tools } = await host.client.listTools()
      const names = TOOLS.filter(
        // What a 2026 server must not have said is cut out; what a 2025 server says means nothing.
        ({ name, era, standing }) => (isModernServer ? !standing && name !== 'bad_headers' : era !== '2026'),
      ).map(({ name }) => name)
      expect(tools.map(({ name }: { name: string }) => name).sort()).toEqual(names.sort())
      expect(await host.text('echo', { message: 'größer \u{1F600}' })).toBe('größer \u{1F600}')
      expect((await host.call('shape')).structuredContent).toEqual({ sides: 3 })
      const runs = pair.server.world.runs
      expect(await host.text('count')).toBe(`run ${runs + 1}`)
    },
  },
  'outputs that are not objects': {
    async works({ host }) {
      expect((await host.call('numbers')).structuredContent).toEqual([1, 2, 3])
      expect((await host.call('either')).structuredContent).toBe('yes')
    },
    async wrapped({ host }) {
      const { tools } = await host.client.listTools()
      const { outputSchema } = tools.find(({ name }: { name: string }) => name === 'numbers')
      expect(outputSchema).toMatchObject({ type: 'object', required: ['result'] })
      expect((await host.call('numbers')).structuredContent).toEqual({ result: [1, 2, 3] })
      expect((await host.call('either')).structuredContent).toEqual({ result: 'yes' })
    },
  },
  resources: {
    async works({ host, isModernServer }) {
      const { resources } = await host.client.listResources()
      expect(resources.map(({ uri }: { uri: string }) => uri)).toContain('test://two')
      const { contents } = await host.client.readResource({ uri: 'test://two' })
      expect(contents[0].text).toBe('contents of test://two')
      const missing = await host.client.readResource({ uri: 'test://missing' }).catch((error: unknown) => error)
      expect(missing.message).toMatch(/not found/i)
      // SDK v2 takes the code of 2025 for that of 2026.
      expect(missing.code).toBe(host.kind === 'v1' && !isModernServer ? -32002 : -32602)
    },
  },
  templates: {
    async works({ host }) {
      const { resourceTemplates } = await host.client.listResourceTemplates()
      expect(resourceTemplates.map(({ uriTemplate }: any) => uriTemplate)).toEqual(['test://items/{id}'])
      const { contents } = await host.client.readResource({ uri: 'test://items/apple' })
      expect(contents[0].text).toBe('contents of test://items/apple')
      const ref = { type: 'ref/resource', uri: 'test://items/{id}' }
      const { completion } = await host.client.complete({ ref, argument: { name: 'id', value: 'ap' } })
      expect(completion.values).toEqual(ITEMS.filter((item) => item.startsWith('ap')))
    },
  },
  prompts: {
    async works({ host }) {
      const { messages } = await host.client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
      expect(messages[0].content.text).toBe('greet: Ada')
      await expect(host.client.getPrompt({ name: 'no such prompt' })).rejects.toThrow(/no such prompt/)
    },
  },
  pagination: {
    async works({ host }) {
      const first = await host.promptPage()
      expect(first.prompts.map(({ name }: { name: string }) => name)).toEqual(['greet', 'first'])
      const second = await host.promptPage(first.nextCursor)
      expect(second.prompts.map(({ name }: { name: string }) => name)).toEqual(['second', 'ask_prompt'])
      expect(second.nextCursor).toBeUndefined()
    },
  },
  completion: {
    async works({ host }) {
      const ref = { type: 'ref/prompt', name: 'greet' }
      const { completion } = await host.client.complete({ ref, argument: { name: 'name', value: 'A' } })
      expect(completion.values).toEqual(['Ada', 'Alan'])
    },
  },
  progress: {
    async works({ host, server: { world } }) {
      const steps: unknown[] = []
      world.released = false
      // The call ends only when its last step has been seen.
      const onprogress = ({ progress }: { progress: number }) => {
        steps.push(progress)
        world.released = progress === 3
      }
      expect(await host.text('progress', { steps: 3, wait: true }, { onprogress })).toBe('all steps')
      expect(steps).toEqual([1, 2, 3])
    },
  },
  cancellation: {
    async works({ host, server: { world } }) {
      const before = world.aborted
      await cancelled({ host, world })
      await until('the end of a cancelled call at the server', () => world.aborted > before)
      expect(await host.text('echo', { message: 'on' })).toBe('on')
    },
  },
  logging: {
    async works(pair) {
      await pair.host.setLevel('warning')
      expect(await linesOf(pair, 2)).toEqual(['warning', 'error'])
      await pair.host.setLevel('debug')
      expect(await linesOf(pair, 4)).toEqual(['debug', 'info', 'warning', 'error'])
    },
    async 'every level'(pair) {
      await pair.host.setLevel('warning')
      expect(await linesOf(pair, 4)).toEqual(['debug', 'info', 'warning', 'error'])
    },
  },
  'list changes': {
    async works({ host, server }) {
      const watch = await host.watch()
      for (const what of ['tools', 'prompts', 'resources'] as const)
        await hears(host, `notifications/${what}/list_changed`, () => server.change(what))
      if (!server.world.late.tools) server.change('tools')
      const { tools } = await host.client.listTools()
      expect(tools.map(({ name }: { name: string }) => name)).toContain('late')
      server.change('tools')
      await watch.close()
    },
    async 'nothing comes'(pair) {
      const { host, server } = pair
      const watch = await host.watch()
      for (const what of ['tools', 'prompts', 'resources'] as const)
        await doesNotHear(pair, `notifications/${what}/list_changed`, () => server.change(what))
      await watch.close()
    },
  },
  'resource updates': {
    async works({ host, server }) {
      const watch = await host.watch(['test://one'])
      await hears(host, 'notifications/resources/updated', () => server.update('test://one'))
      expect(host.heard.findLast(({ method }) => method === 'notifications/resources/updated').params.uri).toBe(
        'test://one',
      )
      await watch.close()
    },
    async 'nothing comes'(pair) {
      const watch = await pair.host.watch(['test://one'])
      await doesNotHear(pair, 'notifications/resources/updated', () => pair.server.update('test://one'))
      await watch.close()
    },
  },
  sampling: asks('ask_sampling', { model: SAMPLE }),
  'elicitation, form': asks('ask_form', { who: FORM }),
  'elicitation, URL': asks('ask_url', { page: PAGE }),
  roots: asks('ask_roots', { where: ROOTS }),
  'two questions at once': asks('ask_two', { who: FORM, where: ROOTS }),
  'one question after the other': asks('ask_again', { first: FORM, last: FORM }),
  'a question outside the call’s stream': asks('ask_standing', { who: FORM }),
  'a question of a prompt': {
    async works({ host }) {
      const { messages } = await host.client.getPrompt({ name: 'ask_prompt' })
      expect(JSON.parse(messages[0].content.text.replace('ask_prompt: ', ''))).toEqual({ who: FORM })
    },
    async 'never answered'({ host }) {
      await expect(host.client.getPrompt({ name: 'ask_prompt' }, { timeout: 1000 })).rejects.toThrow(
        'Request timed out',
      )
    },
  },
  'a question of a resource': {
    async works({ host }) {
      const { contents } = await host.client.readResource({ uri: 'test://asked' })
      expect(JSON.parse(contents[0].text)).toEqual({ who: FORM })
    },
    async 'never answered'({ host }) {
      await expect(host.client.readResource({ uri: 'test://asked' }, { timeout: 1000 })).rejects.toThrow(
        'Request timed out',
      )
    },
  },
  'a state without a question': {
    async works(pair) {
      expect(await textOf(pair, 'ask_state')).toBe(STATE)
    },
  },
  'forty calls at once': {
    async works({ host, server: { world } }) {
      const before = world.runs
      const said = await Promise.all(Array.from({ length: 40 }, () => host.text('count')))
      expect(world.runs - before).toBe(40)
      expect(new Set(said).size).toBe(40)
    },
  },
  '5 MB answers': {
    async works({ host }) {
      expect((await host.text('big')).length).toBe(BIG)
    },
  },
  'headers from parameters': {
    async works({ host, server }) {
      expect(JSON.parse(await host.text('headers', PARAMETERS))).toEqual(PARAMETERS)
      const headers = headersOfCall(server)
      expect(headers['mcp-param-region']).toBe(`=?base64?${Buffer.from('Öst').toString('base64')}?=`)
      expect(headers['mcp-param-amount']).toBe('42')
      expect(headers['mcp-param-dry-run']).toBe('true')
      expect(headers['mcp-param-tenant']).toBe(`=?base64?${Buffer.from(' x ').toString('base64')}?=`)
      expect(headers['mcp-name']).toBe('headers')
    },
    async none({ host, server }) {
      expect(JSON.parse(await host.text('headers', PARAMETERS))).toEqual(PARAMETERS)
      const headers = headersOfCall(server)
      expect(Object.keys(headers).filter((name) => /^mcp-(param|name|method)/.test(name))).toEqual([])
    },
  },
  'tasks of 2025': {
    async works({ host }) {
      await host.request('tasks/get', { taskId: 'task-1' })
    },
  },
} as const satisfies Record<string, Outcomes>

export type Feature = keyof typeof FEATURES

const PARAMETERS = { region: 'Öst', amount: 42, dry: true, owner: { tenant: ' x ' }, note: 'not a header' }

function headersOfCall({ seen }: Pair['server']) {
  const isIt = ({ message }: (typeof seen)[number]) =>
    message?.method === 'tools/call' && message.params.name === 'headers'
  const call = seen.findLast(isIt)
  if (!call) throw new Error('no call of the tool headers came')
  return call.headers
}

/** A call that runs at the server and is given up by the host. */
async function cancelled({ host, world }: { host: Pair['host']; world: Pair['server']['world'] }) {
  world.released = false
  const stop = new AbortController()
  const call = host.call('slow', {}, { signal: stop.signal })
  await until('a call at the server', () => world.running > 0)
  stop.abort()
  await expect(call).rejects.toThrow(/abort/i)
}

/** What a cell of the table says: an outcome by its name, or what the person sees instead. */
export type Cell<F extends Feature> = keyof (typeof FEATURES)[F] | RegExp

/** Feature → what each server of the file's columns does; one cell for all where they agree. */
export type Table = { readonly [F in Feature]?: Cell<F> | readonly Cell<F>[] }

export async function tryFeature(pair: Pair, feature: Feature, cell: RegExp | string): Promise<void> {
  const outcomes: Outcomes = FEATURES[feature]
  if (typeof cell === 'string') await outcomes[cell]?.(pair)
  else await expect(outcomes.works(pair)).rejects.toThrow(cell)
}
