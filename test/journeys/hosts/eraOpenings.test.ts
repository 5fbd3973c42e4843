// How hosts that know server/discover open a server, line by line: in every order, against a server of either era that is quick, slow,
// locked or down, each request is answered exactly once, and no session, tab or sign-in is left behind.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createGate } from '../../fakes/gate.ts'
import { connectSdkHost } from '../../servers/modernHosts.ts'
import { speakModern } from '../../servers/modernScript.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { startStage } from '../../servers/stage.ts'
import { until } from '../../servers/until.ts'

type Host = ReturnType<Stage['host']>
type Stage = Awaited<ReturnType<typeof startStage>>
let stage: Stage
let modern: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  stage = await startStage()
  modern = await startModernServer('modern')
})
afterEach(async () => {
  await stage.close()
  await modern.close()
})

const ABSENT = { PERSON: 'absent' }
const SHIPPED = () => ['--config', stage.config('login: { mode: auto }\n', 'shipped.yaml')]
const host = () => stage.host(SHIPPED(), ABSENT)
const login = () => stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
const logout = () => stage.command(['logout', stage.server.url, '--callback-url', stage.callbackUrl])

/** A host that has asked before, so that the server is known. */
async function before() {
  await login()
  const known = host()
  await goOn(known, await speakModern(known).discover())
  await known.close()
}

/** As `before`, and the server answers nothing until it is let go, at the latest when the test is over. */
async function slow() {
  await before()
  const gate = createGate()
  stage.server.state.until = gate.passed
  return gate.open
}

const SITUATIONS: readonly [string, () => Promise<unknown>][] = [
  ['signed in, known', before],
  ['signed in, never opened', login],
  ['signed in, known and slow', slow],
  ['nobody signed in, nothing known', async () => undefined],
  [
    'nobody signed in, known',
    async () => {
      await before()
      await logout()
    },
  ],
  [
    'known and down',
    async () => {
      await before()
      await stage.server.close()
    },
  ],
  ['down, nothing known', () => stage.server.close()],
]

const handshake = (started: Host, name: string) => {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name, version: '1' } }
  return started.request('initialize', params).then((answer) => {
    started.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return answer
  })
}

/** Goes on as the answer to server/discover wants it. */
async function goOn(started: Host, discovered: any, name = 'host'): Promise<any> {
  if (discovered.result) return (await speakModern(started, {}, name).ask('tools/list')).result
  await handshake(started, name)
  return (await started.request('tools/list')).result
}

/** Each gives the list of tools that its model has in the end. */
const OPENINGS: readonly [string, (started: Host) => Promise<any>][] = [
  ['rmcp, and every host that does as it is answered', async (one) => goOn(one, await speakModern(one).discover())],
  [
    'Claude Code 2.1.332',
    async (one) => {
      const { discover, listen, ask } = speakModern(one, {
        roots: { listChanged: true },
        elicitation: { form: {}, url: {} },
      })
      const { result } = await discover()
      if (!result) return goOn(one, {})
      await listen('listen:0')
      const [, { result: listed }] = await Promise.all([discover(), ask('tools/list')])
      return listed
    },
  ],
  [
    'Copilot CLI 1.0.86: initialize whatever the answer was',
    async (one) => {
      await speakModern(one, {}, 'copilot').discover()
      return goOn(one, {}, 'copilot')
    },
  ],
  [
    'Copilot CLI 1.0.86: initialize while server/discover is open',
    async (one) => {
      const [, { result }] = await Promise.all([speakModern(one, {}, 'copilot').discover(), goOn2025(one, 'copilot')])
      return result
    },
  ],
  [
    'one that speaks 2026 only and asks on, whatever the answer was',
    async (one) => {
      const { discover, ask } = speakModern(one, {}, 'pinned')
      await discover()
      return (await ask('tools/list')).result
    },
  ],
]

async function goOn2025(started: Host, name: string): Promise<any> {
  await handshake(started, name)
  return started.request('tools/list')
}

/** Every request was answered, and none twice. */
function expectOneAnswerEach(started: Host) {
  const answered = started.heard.filter(({ id, method }) => id !== undefined && method === undefined)
  expect(answered.map(({ id }) => id).sort()).toEqual([...new Set(answered.map(({ id }) => id))].sort())
  expect(started.rubbish).toEqual([])
}

const sessions = (method: string, rpc: string) =>
  stage.server.state.passed.filter((one) => one.method === method && one.rpc === rpc).length

describe.each([
  ['2026', () => modern.url],
  ['2025', () => stage.everything.url],
])('a server of %s', (era, target) => {
  beforeEach(() => {
    stage.server.state.target = target()
  })

  describe.each(SITUATIONS)('%s', (_, prepare) => {
    test.each(OPENINGS)('%s', async (_title, opening) => {
      const letGo = await prepare()
      const tabs = stage.tabs().length
      const started = host()
      const { tools } = await opening(started)
      expect(tools.length).toBeGreaterThan(0)
      if (typeof letGo === 'function') letGo()
      expect(await started.close()).toBe(0)
      expectOneAnswerEach(started)
      expect(stage.tabs().length - tabs).toBeLessThanOrEqual(1)
      // A session that was begun is ended.
      if (era === '2025') expect(sessions('DELETE', '')).toBe(sessions('POST', 'initialize'))
    })
  })

  test.each(SITUATIONS)(
    'a probe process that only asks what the server is leaves nothing behind: %s',
    async (_, prepare) => {
      const letGo = await prepare()
      const before = { tabs: stage.tabs().length, opened: sessions('POST', 'initialize') }
      const started = host()
      const { discover } = speakModern(started)
      await discover()
      expect(await started.close()).toBe(0)
      if (typeof letGo === 'function') letGo()
      expect(stage.tabs()).toHaveLength(before.tabs)
      expect(stage.loginProcesses()).toEqual([])
      expect(sessions('POST', 'initialize')).toBe(before.opened)
      expectOneAnswerEach(started)
    },
  )

  test.each(['auto', 'pinned'] as const)('SDK v2 %s, which probes in a process of its own', async (kind) => {
    await login()
    const tabs = stage.tabs().length
    const words = [stage.server.url, '--callback-url', stage.callbackUrl, ...SHIPPED()]
    const where = { words, environment: { ...stage.environment, ...ABSENT } }
    const connect = () => connectSdkHost(kind, where)
    // A server of 2025 refuses the first question of every host: one that says nothing more speaks 2026 only.
    if (kind === 'pinned' && era === '2025') await expect(connect()).rejects.toThrow()
    const started = await connect()
    expect(started.isModern).toBe(kind === 'pinned' || era === '2026')
    const { tools } = await started.client.listTools()
    expect(tools.map(({ name }: { name: string }) => name)).toContain('echo')
    await started.close()
    await until('the end of every bridge', () => stage.commandLines().length === 0, stage.commandLines)
    expect(stage.tabs()).toHaveLength(tabs)
  })
})
