// A host that speaks 2026 only with real servers of 2025, through the built program.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BIG } from '../servers/eraSet.ts'
import { startEverything } from '../servers/everything.ts'
import { startHost } from '../servers/host.ts'
import { type LegacyKind, startLegacyServer } from '../servers/legacyServers.ts'
import { ANSWERED } from '../servers/modernHosts.ts'
import { speakModern } from '../servers/modernScript.ts'
import { makeSdkHome, type SdkHome } from '../servers/sdkHome.ts'
import { until } from '../servers/until.ts'

let home: SdkHome
beforeEach(() => {
  home = makeSdkHome()
})
afterEach(() => home.close())

const legacyServer = (kind: LegacyKind) => home.keep(startLegacyServer(kind))
const pinnedHost = (url: string) => home.connectRefused('pinned', [url])
const heardIn = (text: string) => JSON.parse(text)
const { form: ADA } = ANSWERED

describe.each(['session', 'sse'] as const)('a pinned SDK v2 host with an SDK v1 server over %s', (kind) => {
  test('calls, reads and lists all of it', async () => {
    const server = await legacyServer(kind)
    const host = await pinnedHost(server.url)
    const { client } = host
    expect(host.isModern).toBe(true)
    expect(client.getServerVersion()).toMatchObject({ name: 'sdk-v1' })
    expect(client.getInstructions()).toContain('Ask before you count.')
    const { tools } = await client.listTools()
    expect(tools.length).toBeGreaterThan(10)
    expect(await host.text('echo', { message: 'hé' })).toBe('hé')
    expect((await host.call('shape')).structuredContent).toEqual({ sides: 3 })
    expect(await host.text('big')).toHaveLength(BIG)
    expect((await client.listPrompts()).prompts).toHaveLength(4)
    expect((await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })).messages).toHaveLength(1)
    expect((await client.readResource({ uri: 'test://one' })).contents[0]).toMatchObject({ uri: 'test://one' })
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
    const completed = await client.complete({
      ref: { type: 'ref/prompt', name: 'greet' },
      argument: { name: 'name', value: 'A' },
    })
    expect(completed.completion.values).toEqual(['Ada', 'Alan'])
    await expect(client.readResource({ uri: 'test://none' })).rejects.toMatchObject({ code: -32602 })
  })

  test('is asked whatever it can answer, on the stream of the call and on the standing one', async () => {
    const server = await legacyServer(kind)
    const host = await pinnedHost(server.url)
    expect(heardIn(await host.text('ask_form'))).toEqual({ who: ADA })
    expect(heardIn(await host.text('ask_url'))).toEqual({ page: { action: 'accept' } })
    expect(heardIn(await host.text('ask_sampling')).model).toMatchObject({ role: 'assistant' })
    expect(heardIn(await host.text('ask_roots')).where.roots).toHaveLength(1)
    expect(heardIn(await host.text('ask_two'))).toMatchObject({ who: ADA, where: { roots: [{}] } })
    expect(heardIn(await host.text('ask_again'))).toEqual({ first: ADA, last: ADA })
    expect(heardIn(await host.text('ask_standing'))).toEqual({ who: ADA })
    const { messages } = await host.client.getPrompt({ name: 'ask_prompt' })
    expect(messages[0].content.text).toContain('Ada')
    const { contents } = await host.client.readResource({ uri: 'test://asked' })
    expect(contents[0].text).toContain('Ada')
  })

  test('is asked by ten calls at once, and each gets its own answer', async () => {
    const server = await legacyServer(kind)
    const host = await pinnedHost(server.url)
    let count = 0
    host.answers['elicitation/create'] = () => ({ action: 'accept', content: { name: `person ${++count}` } })
    const heard = await Promise.all(Array.from({ length: 10 }, () => host.text('ask_form')))
    expect(new Set(heard.map((text) => heardIn(text).who.content.name)).size).toBe(10)
  })

  test('hears progress, log messages of its level, changes and updates', async () => {
    const server = await legacyServer(kind)
    const host = await pinnedHost(server.url)
    const steps: unknown[] = []
    const onprogress = ({ progress }: { progress: number }) => {
      steps.push(progress)
      server.world.released = progress === 4
    }
    await host.call('progress', { steps: 4, wait: true }, { onprogress })
    expect(steps).toEqual([1, 2, 3, 4])
    await host.setLevel('warning')
    await host.call('log')
    await host.hear('notifications/message', ({ level }) => level === 'error')
    expect(host.heard.filter(({ method }) => method === 'notifications/message')).toHaveLength(2)
    const watch = await host.watch(['test://one'])
    server.change('tools')
    await host.hear('notifications/tools/list_changed')
    server.change('prompts')
    await host.hear('notifications/prompts/list_changed')
    server.update('test://one')
    await host.hear('notifications/resources/updated', ({ uri }) => uri === 'test://one')
    await watch.close()
    await until('the end of the subscription', () =>
      server.seen.some(({ message }) => message?.method === 'resources/unsubscribe'),
    )
  })

  test('takes a call back, and the server hears of it', async () => {
    const server = await legacyServer(kind)
    const host = await pinnedHost(server.url)
    const stop = new AbortController()
    const call = host.call('slow', {}, { signal: stop.signal })
    await until('a slow call', () => server.world.running === 1)
    stop.abort()
    await expect(call).rejects.toThrow()
    await until('its end', () => server.world.aborted === 1)
  })
})

test('a server that was started again is given the session anew, and the host hears that everything may have changed', async () => {
  const server = await legacyServer('session')
  const host = await pinnedHost(server.url)
  await host.watch(['test://one'])
  server.forgetSessions()
  expect(await host.text('echo', { message: 'again' })).toBe('again')
  await host.hear('notifications/tools/list_changed')
  await host.hear('notifications/resources/updated')
  server.update('test://one')
  const subscribed = server.seen.filter(({ message }) => message?.method === 'resources/subscribe')
  expect(subscribed).toHaveLength(2)
  expect(heardIn(await host.text('ask_standing'))).toEqual({ who: ADA })
})

test('server-everything is of use for a host that speaks 2026 only', async () => {
  const server = await home.keep(startEverything())
  const host = await pinnedHost(server.url)
  const { tools } = await host.client.listTools()
  expect(tools.map(({ name }: { name: string }) => name)).toContain('echo')
  expect(await host.text('echo', { message: 'x' })).toContain('x')
  const asking = tools.find(({ name }: { name: string }) => /sampling/i.test(name))
  expect((await host.call(asking.name, { prompt: 'capital?', maxTokens: 5 })).content[0].text).toContain('Paris')
})

describe('a host that begins with a call', () => {
  function rawHost(url: string, environment = home.environment) {
    const host = startHost([url], environment)
    void home.keep({ close: () => host.child.kill() })
    return { ...host, ...speakModern(host, { elicitation: {} }, 'raw') }
  }

  const answersTo = (inputRequests: object) => Object.fromEntries(Object.keys(inputRequests).map((key) => [key, ADA]))

  test('may take longer over a question than request_timeout', async () => {
    const server = await legacyServer('session')
    const impatient = await home.keep(makeSdkHome('request_timeout: 1000\n'))
    const { call } = rawHost(server.url, impatient.environment)
    const { requestState, inputRequests } = (await call('ask_form')).result
    // Each of them is silent for as long as that.
    for (let times = 0; times < 2; times++) expect((await call('slow')).error.data.code).toBe('server_timeout')
    const { result } = await call('ask_form', {}, { requestState, inputResponses: answersTo(inputRequests) })
    expect(heardIn(result.content[0].text)).toEqual({ who: ADA })
  })

  test('and was started again gets words for an answer, and the call is not run again', async () => {
    const server = await legacyServer('session')
    const first = rawHost(server.url)
    const { requestState, inputRequests } = (await first.call('ask_form')).result
    expect(await first.close()).toBe(0)
    const second = rawHost(server.url)
    const { error } = await second.call('ask_form', {}, { requestState, inputResponses: answersTo(inputRequests) })
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('make the call again') })
    expect(server.seen.filter(({ message }) => message?.method === 'tools/call')).toHaveLength(1)
  })

  test('ends while it owes an answer and listens: the session ends, and the listen with an answer', async () => {
    const server = await legacyServer('session')
    const host = rawHost(server.url)
    await host.call('ask_form')
    await host.listen('L', {})
    expect(await host.close()).toBe(0)
    expect(host.heard.at(-1)).toMatchObject({ id: 'L', result: { resultType: 'complete' } })
    expect(server.sessions()).toBe(0)
    expect(host.rubbish).toEqual([])
  })
})
