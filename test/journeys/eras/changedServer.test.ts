// A server that is upgraded or rolled back behind a bridge that runs: what the host asks next is answered, each call is carried out once, and it hears that lists have changed.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ChangingServer, startChangingServer } from '../../servers/changingServer.ts'
import { LEGACY } from '../../servers/eraPairs.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import type { HostKind, SdkHost } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'
import { until } from '../../servers/until.ts'

const HOSTS: readonly HostKind[] = ['v1', 'auto', 'pinned']
const PAIRS = LEGACY.flatMap((kind) => HOSTS.map((host) => [kind, host] as const))

let home: SdkHome
let address: ChangingServer
let older: Awaited<ReturnType<typeof startLegacyServer>>
let newer: Awaited<ReturnType<typeof startModernServer>>
beforeEach(async () => {
  home = makeSdkHome()
  newer = await home.keep(startModernServer('modern'))
})
afterEach(() => home.close())

const startAt = async (server: { readonly url: string }) => {
  address = await home.keep(startChangingServer(server.url))
}
const counts = async (host: SdkHost, from: number, to: number) => {
  const said = await Promise.all(Array.from({ length: to - from + 1 }, () => host.text('count')))
  expect(said.map((one) => Number(one.slice('run '.length))).sort((a, b) => a - b)).toEqual(
    Array.from({ length: to - from + 1 }, (_, at) => from + at),
  )
}

describe.each(PAIRS)('a server with %s, host %s', (kind, hostKind) => {
  beforeEach(async () => {
    older = await home.keep(startLegacyServer(kind))
  })

  test('upgraded while nothing is open, rolled back, and upgraded again', async () => {
    await startAt(older)
    const host = await home.connectRefused(hostKind, [address.url])
    await counts(host, 1, 3)
    address.become(newer.url, { cut: true })
    await counts(host, 1, 3)
    address.become(older.url, { cut: true })
    await counts(host, 4, 6)
    address.become(newer.url, { cut: true })
    await counts(host, 4, 6)
    expect([older.world.runs, newer.world.runs]).toEqual([6, 6])
  })

  test('upgraded with a call open that the server still answers', async () => {
    await startAt(older)
    const host = await home.connectRefused(hostKind, [address.url])
    const slow = host.text('slow')
    slow.catch(() => undefined)
    await until('the slow call', () => older.world.running === 1)
    address.become(newer.url)
    await counts(host, 1, 5)
    older.world.released = true
    expect(await slow).toBe('at last')
    await counts(host, 6, 8)
  })

  test('rolled back with a call and a listen open', async () => {
    await startAt(newer)
    const host = await home.connect(hostKind, [address.url])
    await host.watch(['test://one'])
    const slow = host.text('slow').then(
      (said) => said,
      (error) => String(error),
    )
    await until('the slow call', () => newer.world.running === 1)
    address.become(older.url, { cut: true })
    await counts(host, 1, 5)
    expect(await slow).toMatch(/not known whether the request was carried out/)
    expect(older.world.running).toBe(0)
    // Without a session there is nothing to hear.
    if (kind === 'stateless') return
    await host.watch(['test://one'])
    await until('the update', () => {
      older.update('test://one')
      return host.count('notifications/resources/updated')
    })
  })
})
