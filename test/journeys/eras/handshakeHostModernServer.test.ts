// A host that begins with initialize and a server of 2026 only, both of the official SDKs, through the built program: everything works.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { STATE } from '../../servers/eraSet.ts'
import type { SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'
import { until } from '../../servers/until.ts'

let home: SdkHome
let server: Awaited<ReturnType<typeof startModernServer>>
let host: SdkHost
afterEach(() => home.close())

async function start(kind: 'v1' | 'v2', capabilities?: Record<string, unknown>) {
  home = makeSdkHome()
  server = await home.keep(startModernServer('modern'))
  host = await home.connect(kind, [server.url], capabilities ? { capabilities } : {})
}

const bodies = (method: string) =>
  server.seen.filter(({ message }) => message?.method === method).map(({ message }) => message)

describe.each(['v1', 'v2'] as const)('a host of the SDK %s', (kind) => {
  beforeEach(() => start(kind))

  test('lists and calls all tools, whatever the shape of their outputs', async () => {
    const { tools } = await host.client.listTools()
    expect(tools.length).toBeGreaterThan(10)
    expect(tools.every(({ outputSchema: { type } = { type: 'object' } }) => type === 'object')).toBe(true)
    expect((await host.call('shape')).structuredContent).toEqual({ sides: 3 })
    expect((await host.call('numbers')).structuredContent).toEqual({ result: [1, 2, 3] })
    expect((await host.call('either')).structuredContent).toEqual({ result: 'yes' })
    expect(await host.text('echo', { message: 'hello' })).toBe('hello')
  })

  test('is asked by forms, pages, for its model and its roots, one or two at a time, once and again', async () => {
    expect(JSON.parse(await host.text('ask_form'))).toEqual({ who: { action: 'accept', content: { name: 'Ada' } } })
    expect(JSON.parse(await host.text('ask_url'))).toEqual({ page: { action: 'accept' } })
    expect(JSON.parse(await host.text('ask_sampling')).model.content.text).toBe('Paris')
    expect(JSON.parse(await host.text('ask_roots')).where.roots[0].uri).toBe('file:///home/ada')
    expect(Object.keys(JSON.parse(await host.text('ask_two'))).sort()).toEqual(['where', 'who'])
    expect(Object.keys(JSON.parse(await host.text('ask_again'))).sort()).toEqual(['first', 'last'])
    expect(await host.text('ask_state')).toBe(STATE)
    expect((await host.client.getPrompt({ name: 'ask_prompt' })).messages[0].content.text).toContain('Ada')
    expect((await host.client.readResource({ uri: 'test://asked' })).contents[0].text).toContain('Ada')
  })

  test('gets progress, log messages of its level, changes of lists and of resources', async () => {
    const steps: number[] = []
    const call = host.call('progress', { wait: true }, { onprogress: ({ progress }) => steps.push(progress) })
    await until(
      'three steps',
      () => steps.length === 3,
      () => steps,
    )
    server.world.released = true
    await call
    expect(steps).toEqual([1, 2, 3])
    await host.setLevel('warning')
    await host.call('log')
    const levels = () =>
      host.heard.filter(({ method }) => method === 'notifications/message').map(({ params }) => params.level)
    await until('log messages', () => levels().length === 2, levels)
    expect(levels()).toEqual(['warning', 'error'])
    const watching = await host.watch(['test://one'])
    for (const what of ['tools', 'prompts', 'resources'] as const) {
      server.change(what)
      await host.hear(`notifications/${what}/list_changed`)
    }
    server.update('test://one')
    expect((await host.hear('notifications/resources/updated')).params).toEqual({ uri: 'test://one' })
    await watching.close()
    expect(bodies('subscriptions/listen').at(-1).params.notifications).not.toHaveProperty('resourceSubscriptions')
  })

  test('lists prompts page by page, completes, reads and pings', async () => {
    // The SDK v2 asks for all pages by itself.
    const first = await host.client.listPrompts()
    const rest = first.nextCursor ? await host.client.listPrompts({ cursor: first.nextCursor }) : { prompts: [] }
    expect([...first.prompts, ...rest.prompts]).toHaveLength(4)
    expect(bodies('prompts/list')).toHaveLength(2)
    const done = await host.client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'name', value: 'A' },
    })
    expect(done.completion.values).toEqual(['Ada', 'Alan'])
    expect((await host.client.readResource({ uri: 'test://two' })).contents[0].uri).toBe('test://two')
    expect((await host.client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
    await host.client.ping()
    expect(bodies('ping')).toEqual([])
  })

  test('gets an answer of 5 MB', async () => {
    expect((await host.text('big')).length).toBe(5 * 1024 * 1024)
  })

  test('that cancels a call ends it at the server', async () => {
    const stop = new AbortController()
    const call = host.call('slow', {}, { signal: stop.signal }).catch(() => 'cancelled')
    await until('the call at the server', () => server.world.running === 1)
    stop.abort()
    expect(await call).toBe('cancelled')
    await until('the end of the call', () => server.world.aborted === 1)
  })
})

test('a host that refuses a question hears which one: in the result of a call, as the error of a prompt', async () => {
  await start('v1')
  host.answers['elicitation/create'] = () => {
    throw new Error('no window')
  }
  const { isError, content } = await host.call('ask_form')
  expect(isError).toBe(true)
  expect(content[0].text).toMatch(/What is your name\?.*no window/)
  await expect(host.client.getPrompt({ name: 'ask_prompt' })).rejects.toMatchObject({
    code: 1422,
    data: { code: 'question_unanswered' },
  })
})

test('a host without abilities hears in the result of a call what it lacks', async () => {
  await start('v1', {})
  await expect(host.call('ask_form')).rejects.toMatchObject({ code: -32021 })
})
