// Which revisions a server speaks, as a person learns it: from login, status and doctor.
import { afterEach, describe, expect, test } from 'vitest'
import { type Exchange, startMcpServer } from '../servers/mcpServer.ts'
import { type ModernKind, startModernServer } from '../servers/modernServers.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
const closing: { close(): unknown }[] = []
afterEach(async () => {
  await stage?.close()
  for (const one of closing.splice(0)) await one.close()
})

async function startModern(kind: ModernKind) {
  const server = await startModernServer(kind)
  closing.push(server)
  return server
}

async function startScripted(...given: Parameters<typeof startMcpServer>) {
  const server = await startMcpServer(...given)
  closing.push(server)
  return server
}

const login = (...more: string[]) =>
  stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl, ...more])
const protocols = async () => JSON.parse((await stage.command(['status', '--json'])).stdout).accounts[0].protocols
const says =
  (status: number, answer: object) =>
  ({ message, reply }: Exchange) =>
    reply(status, JSON.stringify({ jsonrpc: '2.0', id: message.id, ...answer }), { 'content-type': 'application/json' })

describe('a sign-in', () => {
  test.each<[ModernKind, string[], RegExp]>([
    ['modern', ['2026'], /revision "2026-07-28" and none that begins with initialize/],
    ['dual', ['2026'], /revision "2026-07-28" and revision "2025-11-25"/],
    ['dualSessions', ['2026'], /revision "2026-07-28" and revision "2025-11-25"/],
  ])('to a server of SDK v2 (%s) asks it once, and status and doctor say what it speaks', async (kind, eras, words) => {
    stage = await startStage()
    const server = await startModern(kind)
    stage.server.state.target = server.url
    expect((await login()).code).toBe(0)
    expect(server.seen.map(({ message }) => message?.method)).toEqual(['server/discover'])
    expect(await protocols()).toEqual(eras)
    expect((await stage.command(['status'])).stdout).toContain('protocol: 2026')
    const { code, report, found } = await stage.doctor()
    expect([code, report.causes]).toEqual([0, []])
    expect(found('mcp_handshake').detail).toMatch(words)
    expect(found('mcp_handshake').detail).toContain('"sdk-v2 2.0.0"')
    expect(server.sessions()).toBe(0)
  })

  test('to a server that begins with initialize says 2025, and leaves no session', async () => {
    stage = await startStage()
    expect((await login()).code).toBe(0)
    expect(await protocols()).toEqual(['2025'])
    expect((await stage.command(['status'])).stdout).toContain('protocol: 2025')
    expect(stage.server.state.passed.map(({ rpc, method }) => rpc || method)).toEqual(['server/discover'])
    const { found } = await stage.doctor()
    expect(found('mcp_handshake').detail).toMatch(/revision "2025-11-25", which begins with initialize/)
  })

  test('with --protocol 2025 is a ping, and nothing is remembered', async () => {
    stage = await startStage()
    expect((await login('--protocol', '2025')).code).toBe(0)
    expect(stage.server.state.passed.map(({ rpc }) => rpc)).toEqual(['ping'])
    expect(await protocols()).toEqual([])
    const named = stage.config(`servers: { work: { url: "${stage.server.url}", protocol: 2025 } }\n`)
    const { stdout } = await stage.command(['status', 'work', '--json', '--config', named])
    expect(JSON.parse(stdout).accounts[0].protocols).toEqual(['2025'])
  })

  test('is not needed for status to say what config.yaml sets, for each of several servers', async () => {
    stage = await startStage()
    const servers = ['a, protocol: 2026', 'b, transport: sse', 'c'].map(
      (entry) => `${entry[0]}: { url: https://mcp.example/${entry} }`,
    )
    const { stdout } = await stage.command([
      'status',
      '--json',
      '--config',
      stage.config(`servers: { ${servers.join(', ')} }\n`),
    ])
    const accounts: { server: string; protocols: string[] }[] = JSON.parse(stdout).accounts
    expect(accounts.map(({ server, protocols: named }) => [server.at(-1), named])).toEqual([
      ['a', ['2026']],
      ['b', ['2025']],
      ['c', []],
    ])
  })

  test('ends the session that a server begins with the question', async () => {
    stage = await startStage()
    const stray = await startScripted({
      'server/discover': ({ message, reply }) =>
        reply(200, JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'unknown' } }), {
          'content-type': 'application/json',
          'mcp-session-id': `stray-${stray.seen.length}`,
        }),
    })
    stage.server.state.target = stray.url
    expect((await login()).code).toBe(0)
    expect([stray.count('server/discover'), stray.methods()]).toEqual([1, ['DELETE']])
    await stage.doctor()
    expect(stray.count('DELETE')).toBe(stray.count('server/discover') + stray.count('initialize'))
  })
})

describe('doctor', () => {
  test('takes a server of 2026-07-28 that requires no token for what it is', async () => {
    stage = await startStage()
    const server = await startModern('modern')
    const { code, report, found } = await stage.doctor([server.url])
    expect([code, report.causes]).toEqual([0, []])
    expect(found('mcp_endpoint').detail).toBe('It speaks MCP 2026-07-28 and does not require a token.')
    expect(found('token').status).toBe('pass')
    expect(found('mcp_handshake').detail).toContain('2026-07-28')
  })

  test.each([
    [
      'newer revisions only',
      says(400, { error: { code: -32022, data: { supported: ['2027-03-01'] } } }),
      'version_unsupported',
      '2027-03-01',
    ],
    [
      'a DiscoverResult of newer revisions only',
      says(200, { result: { supportedVersions: ['2027-03-01'] } }),
      'version_unsupported',
      '2027-03-01',
    ],
    [
      'headers that something strips',
      says(400, { error: { code: -32020, message: 'mismatch' } }),
      'headers_stripped',
      'removes them',
    ],
    [
      'a version that it lists and refuses',
      says(400, { error: { code: -32022, data: { supported: ['2026-07-28'] } } }),
      'server_error',
      'refuses 2026-07-28',
    ],
  ])('Issue: Host and server speak different revisions of MCP: it names %s', async (_, answer, code, words) => {
    stage = await startStage()
    const server = await startScripted({ 'server/discover': answer })
    const { report } = await stage.doctor([server.url])
    expect(report.likely_cause).toMatchObject({ name: 'mcp_handshake', code })
    expect(report.likely_cause.detail).toContain(words)
    expect(server.count('initialize')).toBe(0)
  })

  test.each([
    ['is silent about what it does not know', () => undefined],
    ['cuts the connection', ({ drop }: Exchange) => drop()],
    ['fails', ({ reply }: Exchange) => reply(500)],
    ['forbids it', ({ reply }: Exchange) => reply(403)],
    ['answers a page', ({ reply }: Exchange) => reply(200, '<html>', { 'content-type': 'text/html' })],
    ['echoes what it is asked', ({ message, result }: Exchange) => result(message.params)],
  ])('asks a server that %s by the handshake', async (_, answer) => {
    stage = await startStage()
    const server = await startScripted({ 'server/discover': answer })
    const { code, found } = await stage.doctor([server.url, '--config', stage.config('request_timeout: 300\n')])
    expect(code).toBe(0)
    expect(found('mcp_handshake').detail).toMatch(/revision "2025-11-25"/)
  })

  test('names the tools that are called as tasks only, on every page of the list', async () => {
    stage = await startStage()
    const tool = (name: string, taskSupport?: string) => ({
      name,
      inputSchema: {},
      ...(taskSupport && { execution: { taskSupport } }),
    })
    const server = await startScripted({
      'tools/list': ({ message, result }) =>
        message.params?.cursor === 'two'
          ? result({ tools: [tool('archive', 'required'), tool('read')] })
          : result({ tools: [tool('export', 'required'), tool('maybe', 'optional'), null], nextCursor: 'two' }),
    })
    const { found } = await stage.doctor([server.url])
    expect(found('mcp_handshake')).toMatchObject({
      status: 'pass',
      detail: expect.stringContaining('"export, archive"'),
    })
    expect(server.methods().slice(-1)).toEqual(['DELETE'])
  })

  test('says that protocol is set wrongly, in both directions', async () => {
    stage = await startStage()
    const legacy = await startScripted()
    const wrong = await stage.doctor([legacy.url, '--protocol', '2026'])
    expect(wrong.report.likely_cause).toMatchObject({
      code: 'invalid_protocol',
      detail: expect.stringContaining('protocol: 2026 is set'),
      remedy: expect.stringContaining('Remove protocol'),
    })
    const modern = await startModern('modern')
    const other = await stage.doctor([modern.url, '--protocol', '2025'])
    expect(other.report.causes).toContain('mcp_handshake')
    expect(modern.seen.some(({ message }) => message?.method === 'server/discover')).toBe(false)
  })
})
