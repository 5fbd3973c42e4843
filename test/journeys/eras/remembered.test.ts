// What is remembered of a server and its hosts: an old 2025 is asked about behind the host, two bridges at once share it, and a process that is killed leaves nothing false.
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { type ChangingServer, startChangingServer } from '../../servers/changingServer.ts'
import { ageEras, rememberedEras } from '../../servers/eraRows.ts'
import { startHost } from '../../servers/host.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import type { HostKind } from '../../servers/modernHosts.ts'
import { speakModern } from '../../servers/modernScript.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { startScriptedStage } from '../../servers/scriptedStage.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'
import { until } from '../../servers/until.ts'

const DAY_MS = 24 * 60 * 60 * 1000

let home: SdkHome
let older: Awaited<ReturnType<typeof startLegacyServer>>
let dual: Awaited<ReturnType<typeof startModernServer>>
let address: ChangingServer
beforeEach(async () => {
  home = makeSdkHome()
  older = await home.keep(startLegacyServer('session'))
  dual = await home.keep(startModernServer('dual'))
  address = await home.keep(startChangingServer(older.url))
})
afterEach(() => home.close())

const connect = (kind: HostKind) => home.connect(kind, [address.url])
const remember = async () => {
  const host = await connect('v1')
  await host.client.listTools()
  await host.close()
  address.seen.length = 0
}

test('2025 that is younger than a day is taken as it is', async () => {
  await remember()
  expect(ageEras(home.environment, DAY_MS / 2)).toBe(1)
  const host = await connect('v1')
  expect(await host.text('echo', { message: 'x' })).toBe('x')
  await host.close()
  expect(address.count('server/discover')).toBe(0)
})

test.each(['v1', 'pinned'] as const)(
  '2025 that is older than a day is used once more, asked about behind the host, and the next start knows: %s',
  async (kind) => {
    await remember()
    if (kind === 'pinned') await expect(connect(kind)).rejects.toThrow('did not offer pinned protocol version')
    expect(ageEras(home.environment, 2 * DAY_MS)).toBe(1)
    address.become(dual.url)
    const host = await connect(kind)
    expect(await host.text('count')).toBe('run 1')
    await until('the question', () => address.count('server/discover') === 1)
    await until('the memory of its answer', () => rememberedEras(home.environment).includes('2026'))
    expect(await host.text('count')).toBe('run 2')
    await host.close()
    address.seen.length = 0
    const next = await connect(kind)
    expect(await next.text('count')).toBe('run 3')
    expect(address.count('initialize')).toBe(0)
  },
)

test('two bridges of hosts of both eras that start together are each answered, and leave one memory', async () => {
  const [first, second] = await Promise.all([connect('v1'), connect('auto')])
  const counts = await Promise.all([first, second, first, second].map((host) => host.text('count')))
  expect(counts.sort()).toEqual(['run 1', 'run 2', 'run 3', 'run 4'])
  await Promise.all([first.close(), second.close()])
  address.seen.length = 0
  expect(await (await connect('v1')).text('count')).toBe('run 5')
  expect(address.count('server/discover')).toBe(0)
})

test('two bridges whose memory is wrong heal it together, each call once', async () => {
  address.become(dual.url)
  await remember()
  address.become(older.url)
  const [first, second] = await Promise.all([connect('v1'), connect('auto')])
  const counts = await Promise.all([first, second, first, second].map((host) => host.text('count')))
  expect(counts.sort()).toEqual(['run 1', 'run 2', 'run 3', 'run 4'])
  expect([older.world.runs, dual.world.runs]).toEqual([4, 0])
})

test('a process that is killed between its refusal and initialize: the host that goes on in a new one has its session', async () => {
  await remember()
  const probe = startHost([address.url], home.environment)
  const refused = await speakModern(probe, {}, 'host-that-speaks-both').discover()
  expect(refused.error.code).toBe(-32601)
  probe.child.kill('SIGKILL')
  await probe.exited
  const host = startHost([address.url], home.environment)
  const clientInfo = { name: 'host-that-speaks-both', version: '1' }
  const begun = await host.request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })
  expect(begun.result.serverInfo.name).toBe('sdk-v1')
  await host.close()
  const again = startHost([address.url], home.environment)
  expect((await speakModern(again, {}, 'host-that-speaks-both').discover()).error.code).toBe(-32601)
  await again.close()
  expect(older.sessions()).toBe(0)
})

test('a process that is killed while its message is healed: the next start carries out what it is asked, once', async () => {
  address.become(dual.url)
  await remember()
  address.become(older.url)
  const first = startHost([address.url], home.environment)
  await first.initialize()
  first.send({ jsonrpc: '2.0', id: 'slow', method: 'tools/call', params: { name: 'slow', arguments: {} } })
  await until('the slow call', () => older.world.running === 1)
  first.child.kill('SIGKILL')
  await first.exited
  const next = await connect('v1')
  expect(await next.text('count')).toBe('run 1')
})

test.each([
  ['2025', 'v1'],
  ['2025', 'auto'],
  ['2026', 'v1'],
  ['2026', 'auto'],
] as const)('a server of %s that is down at the start: %s has its tools, and a call says why', async (era, kind) => {
  if (era === '2026') address.become(dual.url)
  await remember()
  await address.close()
  const host = await connect(kind)
  const { tools } = await host.client.listTools()
  expect(tools.map(({ name }: { name: string }) => name)).toContain('count')
  await expect(host.text('count')).rejects.toThrow(/cannot be reached: ECONNREFUSED/)
})

test('a server of 2026 is remembered, and its error to the first call of the next process is what the host gets', async () => {
  const discover = { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' }
  const error = { code: -32602, message: 'Unknown tool: none' }
  const stage = await startScriptedStage({
    'server/discover': ({ result }) => result({ resultType: 'complete', ...discover }),
    'tools/list': ({ result }) => result({ resultType: 'complete', tools: [] }),
    'tools/call': ({ message, reply }) =>
      reply(200, JSON.stringify({ jsonrpc: '2.0', id: message.id, error }), { 'content-type': 'application/json' }),
  })
  onTestFinished(() => stage.close())
  const before = stage.host()
  await speakModern(before).tools()
  expect(await before.close()).toBe(0)
  const host = stage.host()
  expect((await speakModern(host).call('none')).error).toEqual(error)
  expect(stage.server.count('tools/call')).toBe(1)
  expect(await host.close()).toBe(0)
})
