// Which addresses a request may reach, however they are written and whoever resolves them.
import type { LookupAddress } from 'node:dns'
import { describe, expect, test } from 'vitest'
import {
  checkForProxy,
  checkLiteral,
  createReach,
  kindOf,
  lookupWithin,
  withinReach,
} from '../../../../src/system/http/addresses.ts'
import { createHttp } from '../../../../src/system/http/client.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { serve } from '../../../fakes/loopback.ts'
import { codeOf, outcomeOf } from '../../../fakes/thrown.ts'

const names: Readonly<Record<string, readonly string[]>> = {
  'mcp.example': ['203.0.113.5', '2606:4700::1111'],
  'intranet.example': ['10.1.2.3'],
  'both.example': ['203.0.113.5', '10.1.2.3'],
  'dev.example': ['127.0.0.1'],
  'as.example': ['203.0.113.9'],
  'mcp.tunnel.example': ['198.18.0.5'],
  'as.tunnel.example': ['198.18.0.6'],
}
const resolve = async (host: string): Promise<LookupAddress[]> => {
  const found = names[host]
  if (!found) throw new Error('ENOTFOUND')
  return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}
const reachOf = (server: string, trusted: readonly string[] = []) => createReach(new URL(server), trusted, resolve)

describe('an address', () => {
  test.each([
    ['8.8.8.8', 'public'],
    ['100.63.255.255', 'public'],
    ['172.32.0.1', 'public'],
    ['2606:4700::1111', 'public'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['198.18.0.1', 'private'],
    ['198.19.255.255', 'private'],
    ['198.20.0.1', 'public'],
    ['fd00::1', 'private'],
    ['127.0.0.1', 'local'],
    ['127.255.255.254', 'local'],
    ['0.0.0.0', 'local'],
    ['169.254.169.254', 'local'],
    ['168.63.129.16', 'local'],
    ['168.63.129.17', 'public'],
    ['224.0.0.1', 'local'],
    ['255.255.255.255', 'local'],
    ['::1', 'local'],
    ['::', 'local'],
    ['fe80::1', 'local'],
    ['fe80::1%eth0', 'local'],
    ['ff02::1', 'local'],
    ['2001::1', 'local'],
    ['::ffff:127.0.0.1', 'local'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:8.8.8.8', 'public'],
    ['::127.0.0.1', 'local'],
    ['64:ff9b::7f00:1', 'local'],
    ['64:ff9b::a00:1', 'private'],
    ['64:ff9b:1::a00:1', 'private'],
    ['2002:7f00:1::', 'local'],
    ['2002:a00:1::', 'private'],
    ['nonsense', 'local'],
  ])('%s is %s', (address, kind) => {
    expect(kindOf(address)).toBe(kind)
  })
})

describe('a URL with an address in it', () => {
  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]/',
    'http://[::ffff:7f00:1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.8/',
  ])('%s is refused within the internet, in whatever spelling', async (url) => {
    expect(await codeOf(async () => checkLiteral(new URL(url), 'public'))).toBe('address_refused')
  })

  test('in a private network is accepted within private networks', () => {
    expect(() => checkLiteral(new URL('https://10.0.0.8/'), 'private')).not.toThrow()
  })
})

describe('how far metadata may lead', () => {
  test.each([
    ['https://mcp.example/mcp', 'public'],
    ['https://both.example/mcp', 'public'],
    ['https://unresolved.example/mcp', 'public'],
    ['https://203.0.113.5/mcp', 'public'],
    ['https://intranet.example/mcp', 'private'],
    ['https://dev.example/mcp', 'private'],
    ['https://192.168.0.4/mcp', 'private'],
    ['http://127.0.0.1:8000/mcp', undefined],
    ['http://[::1]:8000/mcp', undefined],
    ['http://localhost:8000/mcp', undefined],
  ])('for %s: %s', async (server, bound) => {
    expect(await reachOf(server).bound(new URL('https://elsewhere.example/'))).toBe(bound)
  })

  test('has no bound at the server’s own origin and at origins that a person trusts', async () => {
    const reach = reachOf('https://mcp.example/mcp', ['https://sso.example:8443'])
    expect(await reach.bound(new URL('https://mcp.example/.well-known/x'))).toBeUndefined()
    expect(await reach.bound(new URL('https://sso.example:8443/token'))).toBeUndefined()
    expect(await reach.bound(new URL('https://sso.example/token'))).toBe('public')
  })

  test('is asked again ten seconds after the server’s name had no answer, and then kept, wherever the name leads later', async () => {
    const clock = createFakeClock()
    const answers = [undefined, '10.1.2.3', '203.0.113.5']
    let asked = 0
    const changing = async () => {
      const address = answers[asked++]
      if (address === undefined) throw new Error('ENOTFOUND')
      return [{ address, family: 4 }]
    }
    const reach = createReach(new URL('https://vpn.example/mcp'), [], changing, clock.now)
    const bound = () => reach.bound(new URL('https://login.vpn.example/'))
    expect([await bound(), await bound(), asked]).toEqual(['public', 'public', 1])
    clock.advance(10_000)
    expect([await bound(), await bound(), asked]).toEqual(['private', 'private', 2])
    clock.advance(24 * 60 * 60_000)
    expect([await bound(), asked]).toEqual(['private', 2])
  })

  test('is not widened for a server on the internet whose name leads inside later', async () => {
    const clock = createFakeClock()
    let address = '203.0.113.5'
    const rebound = async () => [{ address, family: 4 }]
    const reach = createReach(new URL('https://mcp.example/mcp'), [], rebound, clock.now)
    const bound = () => reach.bound(new URL('https://as.example/'))
    expect(await bound()).toBe('public')
    address = '10.1.2.3'
    clock.advance(24 * 60 * 60_000)
    expect(await bound()).toBe('public')
  })

  test.each([
    ['https://as.example/authorize', undefined],
    ['https://unresolved.example/authorize', undefined],
    ['https://intranet.example/authorize', 'address_refused'],
    ['https://both.example/authorize', 'address_refused'],
    ['http://127.0.0.1:3000/authorize', 'address_refused'],
    ['https://[::ffff:a00:1]/authorize', 'address_refused'],
  ])('is checked before a browser opens %s', async (url, code) => {
    const work = reachOf('https://mcp.example/mcp').check(new URL(url))
    if (code === undefined) await work
    else expect(await codeOf(work)).toBe(code)
  })

  test('leads where a tunnel answers for every name with an address of its own, but not from a server on the internet', async () => {
    const url = new URL('https://as.tunnel.example/authorize')
    await reachOf('https://mcp.tunnel.example/mcp').check(url)
    expect(await codeOf(reachOf('https://mcp.example/mcp').check(url))).toBe('address_refused')
  })

  test('is sent with each request as its bound', async () => {
    const http = createFakeHttp({ 'https://as.example/token': () => respond(200) })
    const bounded = withinReach(http, reachOf('https://mcp.example/mcp'))
    const ask = (url: string) => bounded.request({ method: 'GET', url: new URL(url), headers: {}, idleMs: 1 })
    await ask('https://as.example/token')
    await ask('https://mcp.example/mcp')
    expect(http.requests.map(({ within }) => within)).toEqual(['public', undefined])
  })
})

describe('a connection', () => {
  const ask = async (url: string, within: 'public' | 'private') => {
    const http = createHttp({ connectTimeoutMs: 2_000 })
    try {
      return await http.request({ method: 'GET', url: new URL(url), headers: {}, idleMs: 2_000, within })
    } finally {
      await http.close()
    }
  }

  test('to a name is refused by the address that it resolves to, and nothing arrives', async () => {
    const inside = await serve((_seen, _request, response) => response.end('secret'))
    for (const within of ['public', 'private'] as const)
      expect(await codeOf(ask(`http://localhost:${inside.port}/`, within))).toBe('address_refused')
    expect(await codeOf(ask(`http://127.0.0.1:${inside.port}/`, 'public'))).toBe('address_refused')
    expect(inside.requests).toEqual([])
  })

  test('is made only to those addresses of a name that are within the bound', async () => {
    const both = ((_name: string, _options: object, done: (error: null, found: LookupAddress[]) => void) =>
      done(null, [
        { address: '10.1.2.3', family: 4 },
        { address: '203.0.113.5', family: 4 },
      ])) as never
    const all = await new Promise((done) => {
      lookupWithin('public', both)('both.example', { all: true }, (_error, found) => done(found))
    })
    expect(all).toEqual([{ address: '203.0.113.5', family: 4 }])
    const one = await new Promise((done) => {
      lookupWithin('public', both)('both.example', {}, (_error, address, family) => done([address, family]))
    })
    expect(one).toEqual(['203.0.113.5', 4])
  })

  test('to a name that does not exist fails for that reason', async () => {
    expect(await codeOf(ask('http://nowhere.invalid/', 'public'))).toBe('server_unreachable')
  })
})

describe('a name that a proxy will resolve', () => {
  const through = (url: string, within: 'public' | 'private') => outcomeOf(checkForProxy(new URL(url), within, resolve))

  test.each([
    ['https://intranet.example', 'public'],
    ['https://both.example', 'public'],
    ['https://dev.example', 'public'],
    ['https://dev.example', 'private'],
    ['https://10.1.2.3', 'public'],
    ['https://[::ffff:127.0.0.1]', 'private'],
    ['https://2130706433', 'public'],
  ] as const)('is refused if it is internal for us: %s within %s', async (url, within) => {
    expect(await through(url, within)).toBe('address_refused')
  })

  test.each([
    ['https://as.example', 'public'],
    ['https://intranet.example', 'private'],
    ['https://known-to-the-proxy-only.example', 'public'],
  ] as const)('is otherwise left to the proxy: %s within %s', async (url, within) => {
    expect(await through(url, within)).toBeUndefined()
  })
})
