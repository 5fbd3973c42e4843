// What stands between, and servers that are odd: the question which revision the server speaks is asked once, holds up nobody, costs no sign-in, and what says nothing is not remembered.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type ChangingServer, startChangingServer } from '../../servers/changingServer.ts'
import { forgetEras } from '../../servers/eraRows.ts'
import { startLegacyServer } from '../../servers/legacyServers.ts'
import type { HostKind } from '../../servers/modernHosts.ts'
import { startModernServer } from '../../servers/modernServers.ts'
import type { Answer } from '../../servers/scriptedOrigin.ts'
import { startProtectedStage } from '../../servers/scriptedStage.ts'
import { makeSdkHome, type SdkHome } from '../../servers/sdkHome.ts'
import type { Seen } from '../../servers/webServer.ts'

let home: SdkHome
beforeEach(() => {
  home = makeSdkHome()
})
afterEach(() => home.close())

const connect = (kind: HostKind, { url }: ChangingServer, words: readonly string[] = []) =>
  home.connect(kind, [url, ...words])
const page = (status: number) => (response: ServerResponse) =>
  void response.writeHead(status, { 'content-type': 'text/html' }).end('<html><body>Not here</body></html>')
const json = (status: number, value: (id: unknown) => object, headers: object = {}) => {
  return (response: ServerResponse, id: unknown) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...value(id) }))
}
/** Answers every server/discover so. */
const toDiscover = (answer: (response: ServerResponse, id: unknown) => void) => ({
  instead(seen: Seen, response: ServerResponse) {
    if (seen.message?.method !== 'server/discover') return false
    answer(response, seen.message.id)
    return true
  },
})

describe('a server of 2025 whose answer to the question is odd', () => {
  /** Whether the next start knows by it that the server is of 2025. */
  const ANSWERS: Record<string, [boolean, (response: ServerResponse, id: unknown) => void]> = {
    'a page with 404': [true, page(404)],
    'a page with 405': [true, page(405)],
    'an error with 200': [true, json(200, () => ({ error: { code: -32601, message: 'Method not found' } }))],
    'an error with 400 and no id': [
      true,
      json(400, () => ({ id: null, error: { code: -32000, message: 'Bad Request: Server not initialized' } })),
    ],
    'a result that is none': [true, json(200, () => ({ result: {} }))],
    'an empty 202': [false, (response) => void response.writeHead(202).end()],
    'a page with 200': [false, page(200)],
    '403': [false, page(403)],
    '429': [false, json(429, () => ({}), { 'retry-after': '1' })],
    '500': [false, page(500)],
    '503': [false, page(503)],
    'a broken connection': [false, (response) => void response.destroy()],
    silence: [false, () => undefined],
    'a stream that never ends': [
      false,
      (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders(),
    ],
  }
  const cases = Object.entries(ANSWERS).flatMap(([title, [isKnown, answer]]) =>
    (['v1', 'auto'] as const).map((kind) => [title, kind, isKnown, answer] as const),
  )

  test.each(cases)('%s: %s calls, and is asked once a start at most', async (_, kind, isKnown, answer) => {
    const server = await home.keep(startLegacyServer('session'))
    const address = await home.keep(startChangingServer(server.url, toDiscover(answer)))
    const host = await connect(kind, address)
    expect(await host.text('count')).toBe('run 1')
    // The probe of `auto` is a process of its own.
    expect(address.count('server/discover')).toBeLessThanOrEqual(kind === 'auto' ? 2 : 1)
    await host.close()
    address.seen.length = 0
    expect(await (await connect('v1', address)).text('count')).toBe('run 2')
    expect(address.count('server/discover')).toBe(isKnown ? 0 : 1)
  })
})

describe('a proxy that takes headers away', () => {
  const without =
    (wanted: RegExp) =>
    ({ headers, body }: { headers: IncomingHttpHeaders; body: Buffer }) => ({
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !wanted.test(name))),
      body,
    })

  test.each([
    ['Mcp-Method and Mcp-Name', /^mcp-(method|name)/],
    ['MCP-Protocol-Version', /^mcp-protocol-version/],
  ])('%s: the host hears what is missing, and nothing is remembered', async (_, wanted) => {
    const server = await home.keep(startModernServer('modern'))
    const address = await home.keep(startChangingServer(server.url, { rewrite: without(wanted) }))
    const host = await connect('v1', address)
    await expect(host.text('count')).rejects.toThrow(/does not get the headers of MCP 2026-07-28 as they were sent/)
    await host.close()
    address.state.rewrite = (passing) => passing
    expect(await (await connect('v1', address)).text('count')).toBe('run 1')
    expect(server.world.runs).toBe(1)
  })

  test('the session of 2025 is not touched by a proxy that knows no Mcp-Method', async () => {
    const server = await home.keep(startLegacyServer('session'))
    const address = await home.keep(
      startChangingServer(server.url, { rewrite: without(/^mcp-(method|name|protocol)/) }),
    )
    expect(await (await connect('v1', address)).text('count')).toBe('run 1')
  })
})

test('a server of 2026 that names no resultType is understood', async () => {
  const RESULTS: Record<string, object> = {
    'server/discover': {
      ...{ supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      ...{ serverInfo: { name: 'plain', version: '1' }, ttlMs: 0, cacheScope: 'private' },
    },
    'tools/call': { content: [{ type: 'text', text: 'done' }] },
  }
  const address = await home.keep(
    startChangingServer('http://127.0.0.1:9', {
      instead({ message }, response) {
        json(200, () => ({ result: RESULTS[message?.method] ?? {} }))(response, message?.id)
        return true
      },
    }),
  )
  for (const _ of [1, 2]) {
    const host = await connect('v1', address)
    expect(await host.text('any')).toBe('done')
    await host.close()
  }
  expect(address.count('tools/call')).toBe(2)
  expect(address.count('initialize')).toBe(0)
})

test.each(['v1', 'auto'] as const)('a proxy that writes JSON anew changes no answer: %s', async (kind) => {
  for (const start of [() => startModernServer('modern'), () => startLegacyServer('session')]) {
    const server = await home.keep(start())
    const anew = (body: Buffer) =>
      body.length === 0 ? body : Buffer.from(JSON.stringify(JSON.parse(body.toString('utf8')), null, 1))
    const address = await home.keep(
      startChangingServer(server.url, {
        rewrite: ({ headers, body }) => {
          const { 'content-length': _length, ...others } = headers
          return { headers: others, body: anew(body) }
        },
      }),
    )
    expect(await (await connect(kind, address)).text('echo', { message: 'x' })).toBe('x')
  }
})

describe('a protocol that is set', () => {
  test('2025 never asks', async () => {
    const server = await home.keep(startLegacyServer('session'))
    const address = await home.keep(startChangingServer(server.url))
    for (const kind of ['v1', 'auto'] as const) {
      const host = await connect(kind, address, ['--protocol', '2025'])
      expect(await host.text('echo', { message: kind })).toBe(kind)
      await host.close()
    }
    expect(address.count('server/discover')).toBe(0)
  })

  test('2026 never asks for an era, and says initialize to nobody', async () => {
    const server = await home.keep(startModernServer('dual'))
    const address = await home.keep(startChangingServer(server.url))
    for (const kind of ['v1', 'pinned'] as const) {
      const host = await connect(kind, address, ['--protocol', '2026'])
      expect(await host.text('echo', { message: kind })).toBe(kind)
      await host.close()
    }
    expect(address.count('initialize')).toBe(0)
  })

  test('2026 with a server of 2025 fails in words', async () => {
    const server = await home.keep(startLegacyServer('session'))
    const address = await home.keep(startChangingServer(server.url))
    const failed = await connect('v1', address, ['--protocol', '2026'])
      .then((host) => host.text('count'))
      .catch(String)
    expect(failed).toMatch(/2026|protocol/)
    expect(server.world.runs).toBe(0)
    expect(address.count('initialize')).toBe(0)
  })
})

describe('signed in, and the question is refused', () => {
  const CHALLENGE = { 'www-authenticate': 'Bearer error="invalid_token"' }
  const REFUSALS: Record<string, Answer> = {
    '401 with a challenge': { status: 401, headers: CHALLENGE, json: { error: 'invalid_token' } },
    '401 without one': { status: 401, text: 'no' },
    '403': { status: 403, json: { error: 'forbidden' } },
    '403 insufficient_scope': {
      status: 403,
      headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="more"' },
    },
    '429': { status: 429, headers: { 'retry-after': '1' } },
    '500': { status: 500 },
    '503': { status: 503, headers: { 'retry-after': '1' } },
    silence: { status: 200, open: true },
  }

  test.each(Object.entries(REFUSALS))('%s: no tab, no refresh, one question', async (_, refusal) => {
    const stage = await home.keep(startProtectedStage())
    const { server, issuer } = stage
    expect((await stage.command('login', `${server.origin}/mcp`)).code).toBe(0)
    const plain = server.routes['/mcp']
    const asked = () => server.requests.filter(({ path, body }) => path === '/mcp' && body.includes('server/discover'))
    server.routes['/mcp'] = (seen) =>
      seen.body.includes('"server/discover"') ? refusal : (plain?.(seen) ?? { status: 404 })
    const tokens = () => issuer.requests.filter(({ path }) => path === '/token').length
    const [tabs, before, questions] = [stage.tabs(), tokens(), asked().length]
    for (const run of [1, 2]) {
      // The sign-in, or the start before, may have found out what the server speaks.
      if (run === 1) forgetEras(stage.environment)
      const host = stage.host()
      expect(await host.isMet()).toBe(true)
      expect((await host.request('tools/call', { name: 'any' })).result.content).toEqual([])
      await host.close()
      expect(asked().length - questions).toBe(run)
    }
    expect([stage.tabs(), tokens()]).toEqual([tabs, before])
  })
})
