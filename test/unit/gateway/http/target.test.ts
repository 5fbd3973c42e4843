// Path tricks over raw sockets: what two readers could take for different paths reaches no handler.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { readTarget } from '../../../../src/gateway/http/target.ts'
import { rawRequest, served, startShell } from '../../../fakes/gatewayShell.ts'

const REFUSED = [
  '//mcp',
  '/mcp//endpoint',
  '/mcp/endpoint//',
  '//evil.example/mcp',
  '///',
  '/./mcp',
  '/mcp/.',
  '/mcp/./endpoint',
  '/mcp/..',
  '/mcp/../auth/refresh',
  '/health/../mcp',
  '/health/..',
  '/..',
  '/.',
  '/mcp/%2e',
  '/mcp/%2e%2e/health',
  '/mcp/%2E%2E/health',
  '/mcp/.%2e/health',
  '/mcp/%2e./health',
  '/mcp/endpoint%2ejson',
  '/mcp%2fendpoint',
  '/mcp%2Fendpoint',
  '/health%2f..%2fmcp',
  '/mcp/%5cendpoint',
  '/mcp/%5Cendpoint',
  '/mcp\\endpoint',
  '\\mcp',
  '/\\evil.example',
  '/mcp;jsessionid=1',
  '/health;/mcp',
  '/mcp/..;/health',
  '/mcp%3bx',
  '/mcp/%252e%252e/health',
  '/mcp/%25',
  '/mcp%',
  '/mcp/%',
  '/mcp/%2',
  '/mcp/%zz',
  '/mcp/%u002e',
  '/mcp/%00',
  '/mcp%00',
  '/mcp?name=%00',
  '/mcp/%0d%0aSet-Cookie:x',
  '/mcp/%0a',
  '/mcp/%09',
  '/mcp/%7f',
  '/mcp/%c0%ae%c0%ae/health',
  '/mcp/%c0%af',
  '/mcp/%e0%80%af',
  '/mcp/%ff',
  '/mcp/%c2%85',
  '/mcp/%e2%80%ae',
  '/mcp/%ef%bb%bf',
  '/mcp/%23x',
  '/mcp/%3fx',
  '/mcp#fragment',
  '/health#/mcp',
  '#/mcp',
  '/mcp/\u00e9',
  '/mcp/\u0000',
  'http://evil.example/mcp',
  'https://evil.example/mcp',
  'http://mcp.example.com@evil.example/mcp',
  'http://mcp.example.com:81/mcp',
  'http://mcp.example.com.evil.example/mcp',
  'http:///mcp',
  'http:/mcp',
  'ftp://mcp.example.com/mcp',
  'javascript:alert(1)',
  'mcp.example.com:443',
  'evil.example',
  'mcp',
  '?x=/mcp',
  '*',
]

describe('a request target', () => {
  test.each(REFUSED)('%j is refused with 400, whatever is at its path', async (target) => {
    const { port, log } = await startShell()
    const answer = await rawRequest(port, target)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toEqual({ error: 'invalid_request', error_description: expect.any(String) })
    expect(log.entries.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([])
  })

  test.each([
    ['/mcp', '/mcp', ''],
    ['/%6dcp', '/mcp', ''],
    ['/mcp/endpoint', '/mcp/endpoint', '/endpoint'],
    ['/mcp/', '/mcp/', '/'],
    ['/mcp/a%20b', '/mcp/a%20b', '/a b'],
    ['/mcp/%c3%a9', '/mcp/%C3%A9', '/é'],
    ['/mcp/a.b/..c/...', '/mcp/a.b/..c/...', '/a.b/..c/...'],
    ['/mcp/a+b@c:d', '/mcp/a+b@c:d', '/a+b@c:d'],
    [`/mcp?q=//../;\\%2e%2f'"`, `/mcp?q=//../;\\%2e%2f'"`, ''],
    ['https://mcp.example.com/mcp/x?y', '/mcp/x?y', '/x'],
    ['HTTP://MCP.example.com:443/mcp', '/mcp', ''],
    ['/mcp?https://evil.example/', '/mcp?https://evil.example/', ''],
  ])('%j is one that reaches its handler as %j', async (target, seen, rest) => {
    const { port } = await startShell()
    const answer = await rawRequest(port, target)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, expect.objectContaining({ target: seen, rest })])
    expect(JSON.parse(answer.body).url).toMatch(/^https:\/\/mcp\.example\.com\//)
  })

  test.each([
    '/',
    '/MCP',
    '/mcp2',
    '/health/',
    '/health/x',
    '/auth/callback/',
    '/auth/callback/github/',
    '/auth/callback/github/x',
    '/callback',
    '/auth',
    '/metrics',
    '/auth/consent',
    '/auth/consent/',
    '/auth/consent/a/b',
    '/token/x',
    '/.well-known/oauth-protected-resource/mcp2',
    '/.git/config',
    '/favicon.ico',
  ])('%j leads nowhere, which is 404', async (target) => {
    const { port } = await startShell()
    expect((await rawRequest(port, target)).status).toBe(404)
  })

  test('leads to the server whose name it has, and below that only where it may', async () => {
    const servers = [served('/mcp/work', 'work'), served('/mcp/home', 'home', true)]
    const { port } = await startShell({ settings: { servers } })
    const seen = async (target: string) => {
      const { status, body } = await rawRequest(port, target)
      const { server, rest } = JSON.parse(body)
      return status === 200 ? [server, rest] : status
    }
    expect(await seen('/mcp/work')).toEqual(['work', ''])
    expect(await seen('/mcp/work/')).toEqual(['work', ''])
    expect(await seen('/mcp/work/x')).toBe(404)
    expect(await seen('/mcp/home/x/y')).toEqual(['home', '/x/y'])
    expect(await seen('/mcp/workx')).toBe(404)
    expect(await seen('/mcp')).toBe(404)
  })

  test('is read in one pass, whatever its length', () => {
    expect(readTarget(`/${'a/'.repeat(8_000)}`)?.path).toHaveLength(16_001)
    expect(readTarget('/'.repeat(16_000))).toBeUndefined()
  })
})

describe('a method', () => {
  test.each([
    ['PUT', '/mcp', 'GET, POST, DELETE, OPTIONS'],
    ['HEAD', '/mcp', 'GET, POST, DELETE, OPTIONS'],
    ['PATCH', '/health', 'GET, HEAD, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['TRACE', '/health', 'GET, HEAD, OPTIONS'],
    ['GET', '/token', 'POST, OPTIONS'],
    ['HEAD', '/token', 'POST, OPTIONS'],
    ['GET', '/auth/refresh', 'POST, OPTIONS'],
    ['POST', '/auth/callback', 'GET, HEAD, OPTIONS'],
    ['POST', '/auth/callback/github', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/auth/consent/f', 'GET, POST, HEAD, OPTIONS'],
  ])('%s of %s is answered with 405 and what is allowed', async (method, target, allowed) => {
    const { port } = await startShell()
    const answer = await rawRequest(port, target, [], method)
    expect([answer.status, answer.headers.allow]).toEqual([405, allowed])
  })

  test('HEAD is answered like GET, without the body', async () => {
    const { port } = await startShell()
    const [get, head] = [await rawRequest(port, '/health'), await rawRequest(port, '/health', [], 'HEAD')]
    expect([head.status, head.body]).toEqual([200, ''])
    expect(head.headers['content-length']).toBe(get.headers['content-length'])
  })
})

describe('a message that no server gets', () => {
  const CODED = { source: 'mcp-oauth-bridge', hint: expect.any(String) }
  const failing = (thrown: unknown) => async () => {
    throw thrown
  }

  test.each<[string, string, string[], number, unknown]>([
    ['of a path where nothing is', '/mcp/nobody', [], 404, { code: -32600, message: 'There is nothing at this path.' }],
    ['of a foreign page', '/mcp', ['Origin: https://evil.example'], 403, { code: -32600 }],
    ['with a header twice', '/mcp?x=1', ['Origin: a', 'Origin: b'], 400, { code: -32600 }],
    [
      'that is too long',
      '/mcp',
      ['Content-Length: 99999999'],
      413,
      { code: 1409, data: { ...CODED, code: 'message_too_large' } },
    ],
  ])(
    '%s is answered by an error response without an id, as the transport has it',
    async (_, target, lines, status, error) => {
      const servers = [served('/mcp', undefined, false)]
      const { port } = await startShell({ settings: { servers } })
      const length = lines.some((line) => line.startsWith('Content-Length')) ? [] : ['Content-Length: 0']
      const answer = await rawRequest(port, target, [...length, ...lines], 'POST')
      expect([answer.status, answer.headers['content-type'], JSON.parse(answer.body)]).toEqual([
        status,
        'application/json',
        {
          jsonrpc: '2.0',
          error: { message: expect.any(String), data: { source: 'mcp-oauth-bridge' }, ...(error as object) },
        },
      ])
    },
  )

  test.each([
    [new BridgeError('database_locked', { message: 'canary' }), 503, 1502, 'database_locked'],
    [new Error('canary'), 500, 1000, 'internal'],
  ])('because the gateway fails is told so: %s', async (thrown, status, code, name) => {
    const { port } = await startShell({ handlers: { mcp: failing(thrown) } })
    const answer = await rawRequest(port, '/mcp', ['Content-Length: 0'], 'POST')
    const { error } = JSON.parse(answer.body)
    expect([answer.status, error.code, error.data]).toEqual([status, code, { ...CODED, code: name }])
    expect(answer.body).not.toMatch(/canary|oauth\.db|database_url/)
  })

  test('is told from what is no message: other methods and paths have the shape of OAuth', async () => {
    const { port } = await startShell()
    for (const [method, target, status] of [
      ['PUT', '/mcp', 405],
      ['GET', '/nothing', 404],
      ['POST', '/mcpx', 404],
      ['POST', '/health', 405],
    ] as const) {
      const answer = await rawRequest(port, target, ['Content-Length: 0'], method)
      expect([answer.status, Object.keys(JSON.parse(answer.body))]).toEqual([status, ['error', 'error_description']])
    }
  })
})
