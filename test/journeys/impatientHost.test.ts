// A host that does not wait for a person: it is answered, told where to sign in, and nothing it saw turns out false.
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
type Host = ReturnType<Stage['host']>

let stage: Stage
afterEach(() => stage?.close())

const ABSENT = { PERSON: 'absent' }
const echo = (host: Host, message: string) => host.request('tools/call', { name: 'echo', arguments: { message } })
const isMethod = (name: string) => (message: { method?: string }) => message.method === name

/** A host whose initialize is answered as soon as a person is waited for, and whose calls wait that long. */
function impatient(callMs = 60_000, name = 'impatient.yaml'): string[] {
  return ['--config', stage.config(`login: { hold_initialize_ms: 1, hold_call_ms: ${callMs} }\n`, name)]
}

test('initialize is answered while nobody is signed in, the address comes as a log message, and the sign-in brings the real tools', async () => {
  stage = await startStage()
  const host = stage.host(impatient(), ABSENT)
  const { result } = await host.initialize()
  expect(result.serverInfo.name).toBe('mcp-oauth-bridge')
  const said = await host.hear(isMethod('notifications/message'))
  const [[tab] = []] = await stage.untilTabs(1)
  expect(said.params.data).toContain(tab)
  expect((await host.request('ping')).result).toEqual({})
  const before = (await host.request('tools/list')).result.tools
  expect(before.map(({ name }: { name: string }) => name)).toEqual(['sign_in'])

  await stage.visit(tab ?? '')
  await host.hear(isMethod('notifications/tools/list_changed'))
  const after = (await host.request('tools/list')).result.tools
  expect(after.map(({ name }: { name: string }) => name)).toContain('echo')
  expect((await echo(host, 'at last')).result.content[0].text).toBe('Echo: at last')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.server.state.passed.filter(({ rpc }) => rpc === 'initialize')).toHaveLength(1)
  expect(host.heard.filter(({ id }) => id === 1)).toHaveLength(1)
  await host.close()
})

test('the remote server is initialized with the host’s own parameters', async () => {
  stage = await startStage()
  const host = stage.host(impatient(), ABSENT)
  await host.initialize({ sampling: {} })
  const [[tab] = []] = await stage.untilTabs(1)
  await stage.visit(tab ?? '')
  // The server registers this tool for hosts that can sample, some moments after they are initialized.
  const name = 'trigger-sampling-request'
  const names = async () => (await host.request('tools/list')).result.tools.map((tool: { name: string }) => tool.name)
  await until(`the tool ${name}`, async () => (await names()).includes(name), names)
  const call = host.request('tools/call', {
    name,
    arguments: { prompt: 'a haiku', maxTokens: 20 },
  })
  const asked = await host.hear(isMethod('sampling/createMessage'))
  host.send({
    jsonrpc: '2.0',
    id: asked.id,
    result: { role: 'assistant', model: 't', content: { type: 'text', text: 'frog' } },
  })
  expect(JSON.stringify((await call).result)).toContain('frog')
  await host.close()
})

test('a call made meanwhile waits for the person and then succeeds', async () => {
  stage = await startStage()
  const host = stage.host(impatient(), ABSENT)
  await host.initialize()
  const call = echo(host, 'patient')
  const [[tab] = []] = await stage.untilTabs(1)
  await stage.visit(tab ?? '')
  expect((await call).result.content[0].text).toBe('Echo: patient')
  await host.close()
})

test('Issue: the host gives up while you sign in: a call that waits too long is sign_in_pending with the address, is not sent later, and the next one works', async () => {
  stage = await startStage()
  const host = stage.host(impatient(300), ABSENT)
  await host.initialize()
  const [[tab] = []] = await stage.untilTabs(1)
  await host.hear(isMethod('notifications/message'))
  const { error } = await echo(host, 'too early')
  expect(error.data).toMatchObject({ source: 'mcp-oauth-bridge', code: 'sign_in_pending', url: tab })
  expect(error.message).toContain(tab)
  expect(error.data.hint).toContain('Finish the sign-in in the browser and try again')
  await stage.visit(tab ?? '')
  const calls = () => stage.server.state.passed.filter(({ rpc }) => rpc === 'tools/call').length
  await stage.callbackPortIsFree()
  const answer = await until('a call that is not told to wait', async () => {
    const one = await echo(host, 'now')
    return one.error?.data.code !== 'sign_in_pending' && one
  })
  expect(answer.result.content[0].text).toBe('Echo: now')
  expect(calls()).toBe(1)
  expect(stage.tabs()).toHaveLength(1)
  await host.close()
})

test('a host that follows addresses is asked to show it inside a call, and its calls get the error it knows', async () => {
  stage = await startStage()
  const host = stage.host(impatient(300), ABSENT)
  await host.initialize({ elicitation: { url: {} } })
  const [[tab] = []] = await stage.untilTabs(1)
  await host.hear(isMethod('notifications/message'))
  expect(host.heard.some(isMethod('elicitation/create'))).toBe(false)
  const { error } = await echo(host, 'x')
  const asked = await host.hear(isMethod('elicitation/create'))
  expect(asked.params).toMatchObject({ mode: 'url', url: tab })
  host.send({ jsonrpc: '2.0', id: asked.id, result: { action: 'accept' } })
  expect(error.code).toBe(-32042)
  expect(error.data.elicitations).toEqual([asked.params])
  expect(error.data).toMatchObject({ source: 'mcp-oauth-bridge', code: 'sign_in_pending', hint: expect.any(String) })
  await stage.visit(tab ?? '')
  const done = await host.hear(isMethod('notifications/elicitation/complete'))
  expect(done.params.elicitationId).toBe(asked.params.elicitationId)
  await host.close()
})

test('after a sign-in was lost, a start is answered from memory, and the first call opens the one tab', async () => {
  stage = await startStage()
  const first = stage.host()
  const known = (await first.initialize()).result
  const tools = (await first.request('tools/list')).result.tools
  await first.close()
  await stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl])

  const host = stage.host(impatient())
  const told = (await host.initialize()).result
  expect(told.serverInfo).toEqual(known.serverInfo)
  const [signIn, ...remembered] = (await host.request('tools/list')).result.tools.toReversed()
  expect(remembered.toReversed()).toEqual(tools)
  expect(signIn.name).toBe('sign_in')
  expect(stage.tabs()).toHaveLength(1)
  expect((await echo(host, 'back')).result.content[0].text).toBe('Echo: back')
  expect(stage.tabs()).toHaveLength(2)
  await host.close()
})

test('a sign-in that the person refuses after the host was answered leaves a bridge that says so and can try again', async () => {
  stage = await startStage({ person: 'deny' })
  const host = stage.host(impatient(3_000), ABSENT)
  expect(await host.isMet()).toBe(false)
  const [[tab] = []] = await stage.untilTabs(1)
  await stage.visit(tab ?? '')
  const { error } = await echo(host, 'x')
  expect(error.data.code).toBe('sign_in_pending')
  expect(error.message).toMatch(/^The last sign-in failed: .*The person said no.* You have to sign in first: http/)
  stage.authorization.state.person = 'approve'
  await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  expect((await echo(host, 'y')).result.content[0].text).toBe('Echo: y')
  expect(await host.close()).toBe(0)
})

test.each([
  ['--login on-call', () => stage.host([...impatient(), '--login', 'on-call'])],
  [
    'a sign-in that the person refused',
    async () => {
      stage.authorization.state.person = 'deny'
      const host = stage.host(impatient(), ABSENT)
      await host.initialize()
      const [[tab] = []] = await stage.untilTabs(1)
      await stage.visit(tab ?? '')
      await stage.callbackPortIsFree()
      stage.authorization.state.person = 'approve'
      await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
      return host
    },
  ],
])('the tool that signs in is enough where nobody is waited for: %s', async (_, start) => {
  stage = await startStage()
  const host = await start()
  if (!host.heard.some(({ id }) => id === 1)) await host.initialize()
  expect((await host.request('tools/list')).result.tools.map(({ name }: { name: string }) => name)).toEqual(['sign_in'])
  const said = await host.request('tools/call', { name: 'sign_in', arguments: {} })
  expect(said.result.content[0].text).toMatch(/^You are signed in as .*\d+ tools are available/)
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect((await echo(host, 'there')).result.content[0].text).toBe('Echo: there')
  expect(await host.close()).toBe(0)
})

test('the tool that signs in tells the address and, when that is done, that it is', async () => {
  stage = await startStage()
  const host = stage.host(impatient(300), ABSENT)
  await host.initialize()
  await host.request('tools/list')
  await host.hear(isMethod('notifications/message'))
  const call = () => host.request('tools/call', { name: 'sign_in', arguments: {} })
  const [[tab] = []] = await stage.untilTabs(1)
  expect((await call()).result.content[0].text).toContain(tab)
  await stage.visit(tab ?? '')
  await host.hear(isMethod('notifications/tools/list_changed'))
  expect((await call()).result.content[0].text).toMatch(/^You are signed in as .*\d+ tools are available/)
  await host.close()
})
