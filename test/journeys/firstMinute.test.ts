// The first minute in a host: servers that are quick, slow, dead or locked, with somebody signed in or not, known or not. The host is
// answered before a slow server is let go, the reason is where a person and a model see it, and the truth follows.
import { afterEach, describe, expect, test } from 'vitest'
import { createGate } from '../fakes/gate.ts'
import { startMcpServer } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
type Host = ReturnType<Stage['host']>

let stage: Stage
let scripted: Awaited<ReturnType<typeof startScriptedStage>> | undefined
afterEach(async () => {
  await stage?.close()
  await scripted?.close()
  scripted = undefined
})

const ABSENT = { PERSON: 'absent' }
const CHANGED = 'notifications/tools/list_changed'
const isMethod = (name: string) => (message: { method?: string }) => message.method === name
const echo = (host: Host, message: string, more: object = {}) =>
  host.request('tools/call', { name: 'echo', arguments: { message }, ...more })
const signIn = async (host: Host): Promise<string> =>
  (await host.request('tools/call', { name: 'sign_in', arguments: {} })).result.content[0].text
const tools = async (host: Host): Promise<{ name: string; description: string }[]> =>
  (await host.request('tools/list')).result.tools
const names = async (host: Host) => (await tools(host)).map(({ name }) => name)
const changes = (host: Host) => host.heard.filter(isMethod(CHANGED)).length

/** The default bound, and no more patience with calls. */
const asShipped = (callMs = 60_000) => [
  '--config',
  stage.config(`login: { hold_call_ms: ${callMs} }\n`, 'shipped.yaml'),
]
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const logout = () => stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl])

/** A host that has used the server before, so that the next one is answered from memory; resolves to its tools. */
async function meetOnce() {
  const host = stage.host()
  expect(await host.isMet()).toBe(true)
  const known = await names(host)
  await host.close()
  return known
}

/** The server answers nothing until the gate opens. */
function slow() {
  const gate = createGate()
  stage.server.state.until = gate.passed
  return () => gate.open()
}

describe('a slow server', () => {
  test('that is known and signed in to: the host has everything before it is let go, and nothing turns out false', async () => {
    stage = await startStage()
    const known = await meetOnce()
    const letGo = slow()
    const host = stage.host(asShipped())
    const { result } = await host.initialize()
    expect(result.serverInfo.name).not.toBe('mcp-oauth-bridge')
    expect(await names(host)).toEqual(known)
    const call = echo(host, 'in the end')
    letGo()
    expect((await call).result.content[0].text).toBe('Echo: in the end')
    await until('the truth', () => stage.server.state.passed.some(({ rpc }) => rpc === 'tools/list'))
    expect((await host.request('ping')).result).toEqual({})
    expect(changes(host)).toBe(0)
    expect(host.heard.filter(({ id }) => id === 1)).toHaveLength(1)
    expect(await host.close()).toBe(0)
  })

  test('that is signed in to and not known: initialize is answered before it is let go, and its own list is the first', async () => {
    stage = await startStage()
    await login()
    const letGo = slow()
    const host = stage.host(asShipped())
    expect((await host.initialize()).result.serverInfo.name).toBe('mcp-oauth-bridge')
    const list = names(host)
    letGo()
    expect(await list).toContain('echo')
    expect(await list).not.toContain('sign_in')
    expect(await host.close()).toBe(0)
  })

  test('that nobody was ever signed in to: the tool that signs in is there before it is let go', async () => {
    stage = await startStage()
    const letGo = slow()
    const host = stage.host(asShipped(), ABSENT)
    await host.initialize()
    expect(await names(host)).toEqual(['sign_in'])
    letGo()
    const [[tab] = []] = await stage.untilTabs(1)
    await stage.visit(tab ?? '')
    await host.hear(isMethod(CHANGED))
    expect(await names(host)).toContain('echo')
    expect(await host.close()).toBe(0)
  })

  test('that needs no sign-in and is not known: the truth follows, with a change where something was told', async () => {
    const gate = createGate()
    scripted = await startScriptedStage({
      initialize: async (exchange) => {
        await gate.passed
        scripted?.server.plain.initialize(exchange)
      },
      'tools/list': ({ result }) => result({ tools: [{ name: 'open', inputSchema: { type: 'object' } }] }),
    })
    const host = scripted.host(scripted.config('login: { mode: auto }\n'))
    expect((await host.initialize()).result.serverInfo.name).toBe('mcp-oauth-bridge')
    expect(await names(host)).toEqual(['sign_in'])
    const said = signIn(host)
    gate.open()
    expect(await said).toMatch(/^This server needs no sign-in\. 1 tool is available/)
    expect(changes(host)).toBe(1)
    expect(await names(host)).toEqual(['open'])
    expect(await host.close()).toBe(0)
    // The next start knows it.
    scripted.server.script.initialize = () => undefined
    const again = scripted.host(scripted.config('login: { mode: auto }\n'))
    expect((await again.initialize()).result.serverInfo.name).toBe('scripted')
    expect(await names(again)).toEqual(['open'])
  })

  test('whose list has changed since: only that is announced', async () => {
    let list = [{ name: 'one', inputSchema: { type: 'object' } }]
    scripted = await startScriptedStage({
      'tools/list': ({ result }) => result({ tools: list }),
      'prompts/list': ({ result }) => result({ prompts: [] }),
    })
    const { server } = scripted
    const introduce = (exchange: Parameters<typeof server.plain.initialize>[0]) =>
      exchange.result({
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, prompts: {} },
        serverInfo: { name: 'scripted', version: '1' },
      })
    server.script.initialize = introduce
    const first = scripted.host()
    await first.initialize()
    await first.request('tools/list')
    await first.request('prompts/list')
    // What was answered is remembered a moment later.
    await first.request('ping')
    await first.close()
    const gate = createGate()
    server.script.initialize = async (exchange) => {
      await gate.passed
      introduce(exchange)
    }
    list = [...list, { name: 'two', inputSchema: { type: 'object' } }]
    const host = scripted.host(scripted.config('login: { mode: auto }\n'))
    await host.initialize()
    expect(await names(host)).toEqual(['one'])
    expect((await host.request('prompts/list')).result).toEqual({ prompts: [] })
    gate.open()
    await host.hear(isMethod(CHANGED))
    expect(await names(host)).toEqual(['one', 'two'])
    expect(host.heard.some(isMethod('notifications/prompts/list_changed'))).toBe(false)
    expect(host.heard.every(({ id }) => !String(id ?? '').startsWith('mcp-oauth-bridge'))).toBe(true)
    expect(await host.close()).toBe(0)
  })
})

describe('a dead server', () => {
  test('that is known and signed in to: the tools are there with the reason, each call says it, and it is used when it is back', async () => {
    const first = await startMcpServer({
      'tools/list': ({ result }) => result({ tools: [{ name: 'one', inputSchema: { type: 'object' } }] }),
      'tools/call': ({ result }) => result({ content: [] }),
    })
    const { port, url, script } = first
    scripted = await startScriptedStage()
    const before = scripted.hostOf(url)
    expect(await before.isMet()).toBe(true)
    await before.request('tools/list')
    await before.close()
    await first.close()

    const host = scripted.hostOf(url, scripted.config('login: { mode: auto }\n'))
    expect((await host.initialize()).result.serverInfo.name).toBe('scripted')
    const [one, reason, ...more] = await tools(host)
    expect([one?.name, reason?.name, more]).toEqual(['one', 'sign_in', []])
    expect(reason?.description).toContain('cannot be reached')
    const call = () => host.request('tools/call', { name: 'one' })
    for (let at = 0; at < 2; at++) expect((await call()).error.data.code).toBe('server_unreachable')
    expect(await signIn(host)).toContain('cannot be reached')

    const back = await startMcpServer(script, port)
    expect((await call()).result).toEqual({ content: [] })
    await host.hear(isMethod(CHANGED))
    expect(await names(host)).toEqual(['one'])
    expect(await host.close()).toBe(0)
    await back.close()
  })

  test('that is not known starts the host all the same, with the reason in the one tool there is', async () => {
    const gone = await startMcpServer()
    await gone.close()
    scripted = await startScriptedStage()
    const host = scripted.hostOf(gone.url)
    expect((await host.initialize()).result.serverInfo.name).toBe('mcp-oauth-bridge')
    const [tool] = await tools(host)
    expect(tool?.description).toContain('cannot be reached')
    expect((await host.request('prompts/list')).result).toEqual({ prompts: [] })
    expect(await host.close()).toBe(0)
  })
})

describe('a locked server', () => {
  test('calling the tool that signs in is answered when everything is done', async () => {
    stage = await startStage()
    const host = stage.host([...asShipped(), '--login', 'on-call'], ABSENT)
    await host.initialize()
    expect(await names(host)).toEqual(['sign_in'])
    const said = signIn(host)
    const [[tab] = []] = await stage.untilTabs(1)
    await stage.visit(tab ?? '')
    expect(await said).toMatch(/^You are signed in as alice@example\.\w+\. \d+ tools are available/)
    const changed = host.lines.findIndex((line) => line.includes(CHANGED))
    expect(changed).toBeGreaterThan(-1)
    expect(changed).toBeLessThan(host.lines.findIndex((line) => line.includes('You are signed in as')))
    expect(await names(host)).not.toContain('sign_in')
    expect(await signIn(host)).toMatch(/^You are signed in as /)
    expect(await host.close()).toBe(0)
  })

  test('a waiting call tells the address under itself at once, and works when the sign-in is done', async () => {
    stage = await startStage()
    const host = stage.host([...asShipped(), '--login', 'on-call'], ABSENT)
    await host.initialize()
    const call = echo(host, 'patient', { _meta: { progressToken: 'p' } })
    const progress = await host.hear(isMethod('notifications/progress'))
    const [[tab] = []] = await stage.untilTabs(1)
    expect(progress.params).toMatchObject({ progressToken: 'p', message: expect.stringContaining(tab ?? '') })
    await stage.visit(tab ?? '')
    expect((await call).result.content[0].text).toBe('Echo: patient')
    expect(await host.close()).toBe(0)
  })

  test('the same in the middle of a session, where a host that declines by itself goes on waiting', async () => {
    stage = await startStage()
    const host = stage.host(asShipped(), { PERSON_LOG: stage.environment.PERSON_LOG })
    await login()
    expect((await host.initialize({ elicitation: { url: {} } })).result).toBeDefined()
    expect((await echo(host, 'before')).result.content[0].text).toBe('Echo: before')
    await logout()
    stage.server.rejectTokens()
    // From now on a person takes their time: the opener of this host is told so by its environment only at start.
    const tabs = stage.tabs().length
    const again = stage.host(asShipped(), ABSENT)
    await again.initialize({ elicitation: { url: {} } })
    const call = echo(again, 'after', { _meta: { progressToken: 5 } })
    const asked = await again.hear(isMethod('elicitation/create'))
    expect((await again.hear(isMethod('notifications/progress'))).params.progressToken).toBe(5)
    again.send({ jsonrpc: '2.0', id: asked.id, result: { action: 'decline' } })
    await stage.untilTabs(tabs + 1)
    await stage.visit(asked.params.url)
    expect((await call).result.content[0].text).toBe('Echo: after')
    await again.hear(isMethod('notifications/elicitation/complete'))
    expect((await echo(again, 'after')).result.content[0].text).toBe('Echo: after')
    expect(stage.tabs()).toHaveLength(tabs + 1)
    expect(await again.close()).toBe(0)
    expect(await host.close()).toBe(0)
  })

  test('a sign-in that was denied is what the tool, its description and each call say', async () => {
    stage = await startStage({ person: 'deny' })
    const host = stage.host(asShipped(), ABSENT)
    await host.initialize()
    expect((await tools(host)).map(({ name }) => name)).toEqual(['sign_in'])
    const [[tab] = []] = await stage.untilTabs(1)
    await stage.visit(tab ?? '')
    await host.hear(isMethod(CHANGED))
    const [tool] = await tools(host)
    expect(tool?.description).toMatch(/access_denied|denied|refused/i)
    // Another sign-in has begun, and nothing shows it: the call does, at once.
    const { error } = await echo(host, 'x')
    expect(error.data.code).toBe('sign_in_pending')
    expect(error.message).toMatch(/^The last sign-in failed: .*access_denied.* You have to sign in first: http/)
    expect(stage.tabs()).toHaveLength(1)
    expect(await host.close()).toBe(0)
  })

  test('one that was known: the remembered tools are there with the one that signs in, which is gone afterwards', async () => {
    stage = await startStage()
    const known = await meetOnce()
    await logout()
    const host = stage.host(asShipped())
    expect((await host.initialize()).result.serverInfo.name).not.toBe('mcp-oauth-bridge')
    expect(await names(host)).toEqual([...known, 'sign_in'])
    expect((await echo(host, 'x')).result.content[0].text).toBe('Echo: x')
    await host.hear(isMethod(CHANGED))
    expect(await names(host)).toEqual(known)
    expect(await host.close()).toBe(0)
  })
})

describe('server/discover that comes first', () => {
  const discover = (host: Host) => host.request('server/discover', { _meta: {} })

  test('is refused at once by a server that wants a sign-in, without a tab, and initialize goes on', async () => {
    stage = await startStage()
    const host = stage.host(asShipped(), ABSENT)
    expect((await discover(host)).error).toEqual({ code: -32601, message: 'Method not found' })
    expect(stage.tabs()).toEqual([])
    expect((await host.initialize()).result).toBeDefined()
    expect(await host.close()).toBe(0)
  })

  test('is refused before a slow server is let go', async () => {
    stage = await startStage()
    await login()
    const letGo = slow()
    const host = stage.host(asShipped(), ABSENT)
    expect((await discover(host)).error.code).toBe(-32601)
    letGo()
    expect((await host.initialize()).result).toBeDefined()
    expect(host.heard.filter(({ id }) => id === 1)).toHaveLength(1)
    expect(await host.close()).toBe(0)
  })

  test('gets the word of a server that is there', async () => {
    scripted = await startScriptedStage({
      'server/discover': ({ result }) => result({ supportedVersions: ['2026-07-28'] }),
    })
    const host = scripted.host()
    expect((await discover(host)).result).toEqual({ supportedVersions: ['2026-07-28'] })
    scripted.server.script['server/discover'] = ({ message, reply }) =>
      reply(400, JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'mine' } }), {
        'content-type': 'application/json',
      })
    expect((await discover(host)).error).toEqual({ code: -32000, message: 'mine' })
    scripted.server.script['server/discover'] = ({ reply }) => reply(500, 'no')
    expect((await discover(host)).error.code).toBe(-32601)
    expect(await host.isMet()).toBe(true)
    expect(await host.close()).toBe(0)
  })
})
