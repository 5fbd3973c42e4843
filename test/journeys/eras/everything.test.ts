// server-everything, which the SDK v1 made and nobody here: every kind of host at it, tasks among the rest.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEverything } from '../../servers/eraPairs.ts'
import type { HostKind, SdkHost } from '../../servers/modernHosts.ts'
import { until } from '../../servers/until.ts'

const RESOURCE = 'demo://resource/static/document/architecture.md'
const ALLOW = { url: 'https://pages.example/allow' }

describe.each(['v1', 'v2', 'auto', 'pinned'] satisfies HostKind[])('host %s at server-everything', (kind) => {
  let pair: Awaited<ReturnType<typeof openEverything>>
  let host: SdkHost
  beforeAll(async () => {
    pair = await openEverything(kind)
    host = pair.host
  })
  afterAll(() => pair?.close())

  test('has its name, and the tools that this host’s capabilities bring', async () => {
    expect(host.client.getServerVersion().name).toBe('mcp-servers/everything')
    const conditional = ['get-roots-list', 'trigger-elicitation-request', 'trigger-sampling-request']
    await until('the tools for such a host', async () => {
      const names = (await host.client.listTools()).tools.map(({ name }: { name: string }) => name)
      return ['echo', ...conditional].every((name) => names.includes(name))
    })
  })

  test('calls tools, with structured content', async () => {
    expect(await host.text('get-sum', { a: 5, b: 3 })).toMatch(/8/)
    const { structuredContent } = await host.call('get-structured-content', { location: 'New York' })
    expect(structuredContent).toMatchObject({ temperature: expect.any(Number) })
  })

  test('reads resources and templates', async () => {
    const { resources } = await host.client.listResources()
    expect(resources.map(({ uri }: { uri: string }) => uri)).toContain(RESOURCE)
    expect((await host.client.readResource({ uri: RESOURCE })).contents[0].text).toMatch(/Everything/)
    const { resourceTemplates } = await host.client.listResourceTemplates()
    expect(resourceTemplates.length).toBeGreaterThan(1)
    const read = await host.client.readResource({ uri: 'demo://resource/dynamic/text/3' })
    expect(read.contents[0].uri).toBe('demo://resource/dynamic/text/3')
  })

  test('gets prompts, and completes their arguments', async () => {
    const { prompts } = await host.client.listPrompts()
    expect(prompts.map(({ name }: { name: string }) => name)).toContain('completable-prompt')
    const ref = { type: 'ref/prompt', name: 'completable-prompt' }
    const { completion } = await host.client.complete({ ref, argument: { name: 'department', value: 'E' } })
    expect(completion.values).toEqual(['Engineering'])
  })

  // First of all: what the server asks at its start waits for a call of a 2026 host to ride on.
  test('answers its questions: a form, a page, a sample, the roots', async () => {
    expect(await host.text('trigger-elicitation-request')).toMatch(/User provided/i)
    expect(await host.text('trigger-url-elicitation', ALLOW)).toMatch(/completed the URL elicitation/)
    expect(await host.text('trigger-sampling-request', { prompt: 'capital of France?' })).toContain('Paris')
    expect(await host.text('get-roots-list')).toContain('file:///home/ada')
  })

  test('hears the progress of a long call', async () => {
    const steps: number[] = []
    const onprogress = ({ progress }: { progress: number }) => steps.push(progress)
    await host.call('trigger-long-running-operation', { duration: 0.4, steps: 4 }, { onprogress })
    // SDK v1 forgets whom the last one is for when it comes with the answer.
    expect(steps.slice(0, 3)).toEqual([1, 2, 3])
  })

  test('hears that a resource was updated', async () => {
    const watch = await host.watch([RESOURCE])
    await host.call('toggle-subscriber-updates')
    const { uri } = await host.hear('notifications/resources/updated').then(({ params }) => params)
    expect(uri).toBe(RESOURCE)
    await host.call('toggle-subscriber-updates')
    await watch.close()
  })
})

describe('tasks of 2025 at server-everything', () => {
  test('pass to a host of 2025: begun, asked for, fetched', async () => {
    const { host, close } = await openEverything('v1')
    const params = { name: 'simulate-research-query', arguments: { topic: 'bridges' }, task: { ttl: 60_000 } }
    const { task } = await host.request('tools/call', params)
    expect(await host.request('tasks/get', { taskId: task.taskId })).toMatchObject({ taskId: task.taskId })
    const { content } = await host.request('tasks/result', { taskId: task.taskId })
    expect(content[0].text).toMatch(/Research Report: bridges/)
    await close()
  })

  test('are nothing for a host of 2026: the tool that wants one is refused in the server’s words, and so is tasks/get', async () => {
    const { host, close } = await openEverything('pinned')
    const refused = await host
      .call('simulate-research-query', { topic: 'bridges' })
      .then(({ content }) => content[0].text)
      .catch(({ message }: Error) => message)
    expect(refused).toMatch(/task/i)
    await expect(host.request('tasks/get', { taskId: 'task-1' })).rejects.toThrow(/tasks\/get/)
    await close()
  })
})

describe('an error that wants a page to be visited (-32042)', () => {
  test.each(['v1', 'v2', 'auto'] as const)('comes to host %s as it is, and the call goes again', async (kind) => {
    const { host, close } = await openEverything(kind)
    const call = () => host.call('trigger-url-elicitation', { ...ALLOW, errorPath: true })
    await expect(call()).rejects.toMatchObject({ code: -32042 })
    expect((await call()).content[0].text).toMatch(/completed the URL elicitation/)
    await close()
  })

  test('is a question for a host of 2026, which asks again when its person was there', async () => {
    // Nobody says at this server that the page was visited, so the wait for that ends by itself.
    const { host, close } = await openEverything('pinned', 'login: { hold_call_ms: 100 }\n')
    const said = await host.text('trigger-url-elicitation', { ...ALLOW, errorPath: true })
    expect(said).toMatch(/completed the URL elicitation/)
    // It also asks for the roots, when its session is young enough.
    const pages = host.asked.filter(({ method }) => method === 'elicitation/create')
    expect(pages.map(({ params }) => params.url)).toEqual(['https://modelcontextprotocol.io', ALLOW.url])
    await close()
  })
})
