// What is remembered of a server is wrong: each call is answered and carried out once, the host hears nothing but changed lists, and the next start knows.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ChangingServer, startChangingServer } from '../../servers/changingServer.ts'
import { type EraServer, LEGACY } from '../../servers/eraPairs.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import type { HostKind, SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'
import { until } from '../../servers/until.ts'

const HOSTS: readonly HostKind[] = ['v1', 'auto', 'pinned']
const PAIRS = LEGACY.flatMap((kind) => HOSTS.map((host) => [kind, host] as const))

let home: SdkHome
let address: ChangingServer
beforeEach(() => {
  home = makeSdkHome()
})
afterEach(() => home.close())

/** A start that leaves the memory of the server as it is then. */
const remember = async () => {
  const host = await home.connect('v1', [address.url])
  await host.client.listTools()
  await host.close()
}
/** From one server to another one, behind the address and the memory of it. */
async function change(first: Promise<EraServer>, then: Promise<EraServer>) {
  const [before, now] = await Promise.all([home.keep(first), home.keep(then)])
  address = await home.keep(startChangingServer(before.url))
  await remember()
  address.become(now.url)
  return [before, now] as const
}

/** Ten calls at once, some of them slow; each is answered, and each is carried out once. */
async function callTen(host: SdkHost, { world }: EraServer) {
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
    const [before, now] = await change(startLegacyServer(kind), startModernServer('modern'))
    const host = await home.connectRefused(hostKind, [address.url])
    await callTen(host, now)
    expect(unexpectedOf(host)).toEqual([])
    expect(before.world.runs).toBe(0)
    await host.close()
    address.seen.length = 0
    const next = await home.connect(hostKind, [address.url])
    expect(await next.text('echo', { message: 'x' })).toBe('x')
    expect(address.count('initialize')).toBe(0)
    // What it says of itself is asked for behind the host.
    if (hostKind === 'v1') await until('the question', () => address.count('server/discover') === 1)
  })

  test('remembered as 2026, rolled back to 2025', async () => {
    const [before, now] = await change(startModernServer('modern'), startLegacyServer(kind))
    const host = await home.connect(hostKind, [address.url])
    await callTen(host, now)
    expect(unexpectedOf(host)).toEqual([])
    expect(before.world.runs).toBe(0)
    await host.close()
    address.seen.length = 0
    const next = await home.connectRefused(hostKind, [address.url])
    expect(await next.text('echo', { message: 'x' })).toBe('x')
    expect(address.count('server/discover')).toBe(0)
  })
})
