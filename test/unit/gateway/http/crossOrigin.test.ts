// Host, Origin and CORS: which pages may ask the gateway, over real sockets.
import { describe, expect, test } from 'vitest'
import { rawRequest, served, startShell } from '../../../fakes/gatewayShell.ts'

const LISTED = 'http://localhost:3000'
const CORS = {
  enabled: true,
  origins: [LISTED, 'https://yourdomain.com/'],
  allowCredentials: true,
  allowedHeaders: ['Authorization', 'Content-Type'],
}

describe('a Host', () => {
  test.each([
    'mcp.example.com',
    'MCP.Example.COM',
    'mcp.example.com.',
    'mcp.example.com:443',
    'mcp.example.com.:443',
    'mcp.example.com:',
    'localhost:PORT',
    'LOCALHOST:PORT',
    '127.0.0.1:PORT',
    '[::1]:PORT',
    '[0:0:0:0:0:0:0:1]:PORT',
  ])('%s is the gateway’s own', async (host) => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/mcp', [], 'GET', host.replace('PORT', String(port)))).status).toBe(200)
  })

  test.each([
    'evil.example',
    'mcp.example.com.evil.example',
    'evil-mcp.example.com',
    'xmcp.example.com',
    'example.com',
    'mcp.example.com:80',
    'mcp.example.com:444',
    'mcp.example.com:0443',
    'mcp.example.com..',
    'localhost',
    'localhost:1',
    'localhost.evil.example:PORT',
    '127.0.0.2:PORT',
    '127.1:PORT',
    '0x7f000001:PORT',
    '2130706433:PORT',
    '169.254.169.254',
    '10.0.0.7:PORT',
    '[::2]:PORT',
    '[::ffff:127.0.0.1]:PORT',
  ])('%s is misdirected, and the answer names the public URL', async (host) => {
    const { port } = await startShell()
    const answer = await rawRequest(port, '/mcp', [], 'GET', host.replace('PORT', String(port)))
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([421, 'misdirected_request'])
    expect(JSON.parse(answer.body).error_description).toContain('https://mcp.example.com')
  })

  test.each([
    '',
    ' ',
    'mcp.example.com/',
    'mcp.example.com/x',
    'user@mcp.example.com',
    'mcp.example.com, evil.example',
    'mcp.example.com evil.example',
    'mcp.example.com:x',
    'mcp.example.com:443443',
    'mcp.example.com:443:443',
    'http://mcp.example.com',
    '[::1',
    '[::g]',
    '[]',
    'mcp.example.com\\',
    'mcp.example.com%00',
    'm\u00e7p.example.com',
    '?',
  ])('%j is malformed, which is 400', async (host) => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/mcp', [], 'GET', host)).status).toBe(400)
  })

  test.each(['10.1.2.3:8080', '10.1.2.3', '[fd00::1]:8080'])(
    '%s, as a probe knows it, gets health and nothing else',
    async (host) => {
      const { port } = await startShell()
      for (const target of ['/health', '/ready', '/health/live'])
        expect((await rawRequest(port, target, [], 'GET', host)).status).toBe(200)
      for (const target of ['/mcp', '/auth/login', '/.well-known/jwks.json', '/'])
        expect((await rawRequest(port, target, [], 'GET', host)).status).toBe(421)
    },
  )

  test('that is another name is refused for health too', async () => {
    const { port } = await startShell()
    expect((await rawRequest(port, '/health', [], 'GET', 'rebound.example')).status).toBe(421)
  })

  test('does not change what the gateway calls itself', async () => {
    const { port } = await startShell()
    const lines = [
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: http',
      'Forwarded: host=evil.example',
      'X-Original-URL: /health',
    ]
    const answer = await rawRequest(port, '/.well-known/oauth-protected-resource', lines, 'GET', `localhost:${port}`)
    expect(JSON.parse(answer.body).resource).toBe('https://mcp.example.com/mcp')
  })
})

describe('an Origin', () => {
  const statusOf = async (origin: string, target = '/mcp', options = {}, lines: string[] = []) => {
    const { port } = await startShell(options)
    return (await rawRequest(port, target, [`Origin: ${origin}`, ...lines], 'GET')).status
  }

  test.each(['/mcp', '/auth/login', '/auth/callback', '/auth/consent/f', '/health', '/authorize', '/', '/nowhere'])(
    'of a foreign page is refused at %s',
    async (target) => {
      expect(await statusOf('https://evil.example', target)).toBe(403)
    },
  )

  test.each([
    'null',
    'https://mcp.example.com.evil.example',
    'http://mcp.example.com',
    'https://mcp.example.com:444',
    'https://mcp.example.com/x',
    'https://user@mcp.example.com',
    'https://mcp.example.com, https://evil.example',
    'file://',
    '*',
    '',
    'chrome-extension://abc',
    'http://localhost:3001',
    'https://localhost:3000',
  ])('that is %j is refused', async (origin) => {
    expect(await statusOf(origin, '/mcp', { settings: { cors: CORS } })).toBe(403)
  })

  test('of the gateway’s own pages is admitted, also on loopback', async () => {
    expect(await statusOf('https://mcp.example.com')).toBe(200)
    const { port } = await startShell()
    expect((await rawRequest(port, '/mcp', [`Origin: http://localhost:${port}`])).status).toBe(200)
  })

  test('that is null may come with a navigation, or from the gateway’s own form, and no other way', async () => {
    expect(await statusOf('null', '/auth/callback')).toBe(200)
    const { port } = await startShell()
    const post = (lines: string[]) =>
      rawRequest(port, '/auth/consent/f', ['Origin: null', 'Content-Length: 0', ...lines], 'POST').then(
        ({ status }) => status,
      )
    expect(await post([])).toBe(403)
    expect(await post(['Sec-Fetch-Site: cross-site'])).toBe(403)
    expect(await post(['Sec-Fetch-Site: same-site'])).toBe(403)
    expect(await post(['Sec-Fetch-Site: same-origin'])).toBe(200)
  })

  test('of cors.origins counts only where cors is enabled', async () => {
    expect(await statusOf(LISTED, '/mcp', { settings: { cors: CORS } })).toBe(200)
    expect(await statusOf('https://yourdomain.com', '/mcp', { settings: { cors: CORS } })).toBe(200)
    expect(await statusOf(LISTED, '/mcp', { settings: { cors: { ...CORS, enabled: false } } })).toBe(403)
  })

  test('that is listed is told so, with what it may read', async () => {
    const { port } = await startShell({ settings: { cors: CORS } })
    const { headers } = await rawRequest(port, '/mcp', [`Origin: ${LISTED}`])
    expect(headers).toMatchObject({
      'access-control-allow-origin': LISTED,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'Mcp-Session-Id, WWW-Authenticate, Retry-After',
      vary: 'Origin',
    })
    const without = await rawRequest(port, '/mcp')
    expect(without.headers['access-control-allow-origin']).toBeUndefined()
    expect(without.headers.vary).toBe('Origin')
  })

  test('that only a star admits gets no credentials', async () => {
    const cors = { ...CORS, origins: ['*', LISTED] }
    const { port } = await startShell({ settings: { cors } })
    const any = (await rawRequest(port, '/mcp', ['Origin: https://any.example'])).headers
    expect([any['access-control-allow-origin'], any['access-control-allow-credentials']]).toEqual(['*', undefined])
    const listed = (await rawRequest(port, '/mcp', [`Origin: ${LISTED}`])).headers
    expect([listed['access-control-allow-origin'], listed['access-control-allow-credentials']]).toEqual([
      LISTED,
      'true',
    ])
  })

  test.each([
    ['/token', 'POST'],
    ['/register', 'POST'],
    ['/revoke', 'POST'],
    ['/.well-known/oauth-authorization-server', 'GET'],
    ['/.well-known/oauth-authorization-server/mcp', 'GET'],
    ['/.well-known/openid-configuration', 'GET'],
    ['/.well-known/oauth-protected-resource', 'GET'],
    ['/.well-known/oauth-protected-resource/mcp', 'GET'],
    ['/.well-known/jwks.json', 'GET'],
  ])('of any page may use %s, without credentials', async (target, method) => {
    const { port } = await startShell({ settings: { cors: CORS } })
    for (const origin of ['https://any.example', 'null', LISTED]) {
      const { status, headers } = await rawRequest(port, target, [`Origin: ${origin}`, 'Content-Length: 0'], method)
      expect([status, headers['access-control-allow-origin'], headers['access-control-allow-credentials']]).toEqual([
        200,
        '*',
        undefined,
      ])
    }
    const asked = [`Origin: https://any.example`, `Access-Control-Request-Method: ${method}`]
    const preflight = await rawRequest(port, target, asked, 'OPTIONS')
    expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, '*'])
    expect(preflight.headers['access-control-allow-headers']).toContain('Mcp-Protocol-Version')
  })
})

describe('a preflight', () => {
  const ask = (port: number, target: string, origin: string, lines: string[] = []) =>
    rawRequest(port, target, [`Origin: ${origin}`, 'Access-Control-Request-Method: POST', ...lines], 'OPTIONS')

  test('of the guide is answered as the guide prints it', async () => {
    const { port } = await startShell({ settings: { cors: CORS } })
    const { status, headers } = await ask(port, '/auth/login', LISTED)
    expect(status).toBe(204)
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'http://localhost:3000',
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-allow-credentials': 'true',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
  })

  test('of /mcp allows the headers of the protocol, those configured, and the parameters that are asked for', async () => {
    const cors = { ...CORS, allowedHeaders: ['X-Team', 'content-type', 'X-Trace-*'] }
    const { port } = await startShell({ settings: { cors, servers: [served('/mcp')] } })
    const asked =
      'Access-Control-Request-Headers: mcp-param-region,x-trace-id, X-Other,mcp-param-b ad,mcp-param-,authorization'
    const { headers } = await ask(port, '/mcp/endpoint', LISTED, [asked])
    expect(headers['access-control-allow-methods']).toBe('GET, POST, OPTIONS, DELETE')
    expect(headers['access-control-allow-headers']).toBe(
      'Authorization, Content-Type, Accept, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, traceparent, tracestate, X-Team, mcp-param-region, x-trace-id, mcp-param-',
    )
  })

  test('of a page that may not ask is 403 and names no origin', async () => {
    const { port } = await startShell({ settings: { cors: CORS } })
    const { status, headers } = await ask(port, '/auth/login', 'https://evil.example')
    expect([status, headers['access-control-allow-origin'], headers['access-control-allow-methods']]).toEqual([
      403,
      undefined,
      undefined,
    ])
  })

  test('of a path where nothing is, is 404', async () => {
    const { port } = await startShell({ settings: { cors: CORS } })
    expect((await ask(port, '/nowhere', LISTED)).status).toBe(404)
  })

  test('reaches no handler', async () => {
    const { port, log } = await startShell({
      settings: { cors: CORS },
      handlers: {
        mcp: async () => {
          throw new Error('reached')
        },
      },
    })
    expect((await ask(port, '/mcp', LISTED)).status).toBe(204)
    expect((await rawRequest(port, '/mcp', [], 'OPTIONS')).headers.allow).toBe('GET, POST, DELETE, OPTIONS')
    expect(log.entries.filter(({ level }) => level === 'error')).toEqual([])
  })
})
