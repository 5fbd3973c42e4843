// What is remembered of a server is wrong: each call is answered and carried out once, the host hears nothing but changed lists, and the next start knows.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ChangingServer, startChangingServer } from '../../servers/changingServer.ts'
import { makeHome } from '../../servers/home.ts'
import { type LegacyKind, startLegacyServer } from '../../servers/legacyServers.ts'
import { connectSdkHost, type HostKind, type SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { until } from '../../servers/until.ts'

type Server = Awaited<ReturnType<typeof startLegacyServer>> | Awaited<ReturnType<typeof startModernServer>>

const LEGACY: readonly LegacyKind[] = ['session', 'stateless', 'sse']
const HOSTS: readonly HostKind[] = ['v1', 'auto', 'pinned']
const PAIRS = LEGACY.flatMap((kind) => HOSTS.map((host) => [kind, host] as const))

let home: ReturnType<typeof makeHome>
let address: ChangingServer
let started: Server[]
let hosts: SdkHost[]
beforeEach(() => {
  home = makeHome()
  started = []
  hosts = []
})
afterEach(async () => {
  await Promise.all(hosts.map((host) => host.close()))
  await Promise.all([address.close(), ...started.map((server) => server.close())])
  home.remove()
})

const begin = async <S extends Server>(server: Promise<S>): Promise<S> => {
  const one = await server
  started.push(one)
  return one
}
const connect = async (kind: HostKind) => {
  const host = await connectSdkHost(kind, { words: [address.url], environment: home.environment })
  hosts.push(host)
  return host
}
/** A host of 2026 alone is refused at its first start with a server of 2025, and known for what it is from the second one on. */
const connectRefused = async (kind: HostKind) => {
  if (kind === 'pinned') await expect(connect(kind)).rejects.toThrow('did not offer pinned protocol version')
  return connect(kind)
}
/** A start that leaves the memory of the server as it is then. */
const remember = async () => {
  const host = await connect('v1')
  await host.client.listTools()
  await host.close()
}

/** Ten calls at once, some of them slow; each is answered, and each is carried out once. */
async function callTen(host: SdkHost, { world }: Server) {
  const slow = Array.from({ length: 3 }, () => host.text('slow'))
  const quick = Array.from({ length: 7 }, () => host.text('count'))
  const counts = (await Promise.all(quick)).map((said) => Number(said.slice('run '.length)))
  expect(counts.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7])
  await until(
    'the slow calls',
    () => world.running === 3,
    () => world,
  )
  world.released = true
  expect(await Promise.all(slow)).toEqual(['at last', 'at last', 'at last'])
  expect(world.runs).toBe(7)
  world.released = false
}

const unexpectedOf = ({ heard }: SdkHost) => heard.filter(({ method }) => !/list_changed$/.test(method))

describe.each(PAIRS)('a server with %s, host %s', (kind, hostKind) => {
  test('remembered as 2025, upgraded to 2026 only', async () => {
    const before = await begin(startLegacyServer(kind))
    address = await startChangingServer(before.url)
    await remember()
    const now = await begin(startModernServer('modern'))
    address.become(now.url)
    const host = await connectRefused(hostKind)
    await callTen(host, now)
    expect(unexpectedOf(host)).toEqual([])
    expect(before.world.runs).toBe(0)
    await host.close()
    address.seen.length = 0
    const next = await connect(hostKind)
    expect(await next.text('echo', { message: 'x' })).toBe('x')
    expect(address.count('initialize')).toBe(0)
    if (hostKind === 'v1') expect(address.count('server/discover')).toBe(0)
  })

  test('remembered as 2026, rolled back to 2025', async () => {
    const before = await begin(startModernServer('modern'))
    address = await startChangingServer(before.url)
    await remember()
    const now = await begin(startLegacyServer(kind))
    address.become(now.url)
    const host = await connect(hostKind)
    await callTen(host, now)
    expect(unexpectedOf(host)).toEqual([])
    expect(before.world.runs).toBe(0)
    await host.close()
    address.seen.length = 0
    const next = await connectRefused(hostKind)
    expect(await next.text('echo', { message: 'x' })).toBe('x')
    expect(address.count('server/discover')).toBe(0)
  })
})
