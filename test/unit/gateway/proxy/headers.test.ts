// What a server gets and what a client gets, over raw sockets: whoever reads names differently reads no forged identity
import { describe, expect, test } from 'vitest'
import {
  CALL,
  type Kit,
  type KitOptions,
  post,
  rawClient,
  rawRequest,
  servedAt,
  startKit,
} from '../../../fakes/proxyKit.ts'

let kit: Kit | undefined
const start = async (options?: KitOptions) => {
  kit = await startKit(options)
  return kit
}

const EVERYTHING = [
  '*',
  'X-*',
  'X-User-*',
  'Authorization',
  'Cookie',
  'Host',
  'X-User-Id',
  'x_user_id',
  'X-Forwarded-User',
]
const AUTHORIZED = 'Authorization: Bearer token-ada'

/** The server's headers for a client that sends these. */
async function reaching(headers: readonly string[], options?: KitOptions) {
  const { port, got } = await start(options)
  const answer = await rawClient(port, rawRequest([AUTHORIZED, ...headers], CALL)).end
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  return (got[0] as Kit['got'][number]).rawHeaders
}
const valuesOf = (raw: readonly string[], plain: string) =>
  raw.flatMap((name, at) =>
    at % 2 === 0 && name.toLowerCase().replace(/[_.]/g, '-') === plain ? [raw[at + 1] ?? ''] : [],
  )

describe('what a client says of itself never reaches a server that all headers are forwarded to', () => {
  test.each([
    ['X-User-Id: root', 'x-user-id', ['subject-of-ada']],
    ['x_user_id: root', 'x-user-id', ['subject-of-ada']],
    ['X.User.Id: root', 'x-user-id', ['subject-of-ada']],
    ['X-USER-ID: root', 'x-user-id', ['subject-of-ada']],
    ['X_User-Id: root', 'x-user-id', ['subject-of-ada']],
    ['X-User-Id: root\r\nX-User-Id: root2', 'x-user-id', ['subject-of-ada']],
    ['X-User-Email: root@example.com', 'x-user-email', ['ada@example.com']],
    ['X_USER_EMAIL: root@example.com', 'x-user-email', ['ada@example.com']],
    ['X-User-Role: admin', 'x-user-role', []],
    ['x_user_role: admin', 'x-user-role', []],
    ['X-Forwarded-User: root', 'x-forwarded-user', []],
    ['x_forwarded_user: root', 'x-forwarded-user', []],
    ['X-Forwarded-Access-Token: t', 'x-forwarded-access-token', []],
    ['X-Forwarded-For: 10.0.0.1', 'x-forwarded-for', ['192.0.2.7']],
    ['x_forwarded_for: 10.0.0.1', 'x-forwarded-for', ['192.0.2.7']],
    ['X-Forwarded-Host: evil.example', 'x-forwarded-host', ['gateway.example']],
    ['X-Forwarded-Proto: http', 'x-forwarded-proto', ['https']],
    ['Forwarded: for=10.0.0.1', 'forwarded', []],
    ['X-Real-IP: 10.0.0.1', 'x-real-ip', []],
    ['X-Original-URL: /admin', 'x-original-url', []],
    ['X-Rewrite-URL: /admin', 'x-rewrite-url', []],
    ['X-HTTP-Method-Override: DELETE', 'x-http-method-override', []],
    ['X-Request-Id: forged', 'x-request-id', ['request-1']],
    ['Remote-User: root', 'remote-user', []],
    ['REMOTE_USER: root', 'remote-user', []],
    ['X-Auth-Request-Email: root@example.com', 'x-auth-request-email', []],
    ['Tailscale-User-Login: root', 'tailscale-user-login', []],
    ['X-Pomerium-Jwt-Assertion: t', 'x-pomerium-jwt-assertion', []],
    ['x_authentik_username: root', 'x-authentik-username', []],
    ['OIDC_CLAIM_email: root@example.com', 'oidc-claim-email', []],
    ['X-Consumer-Username: root', 'x-consumer-username', []],
    ['Impersonate-User: root', 'impersonate-user', []],
    ['X-Access-Token: t', 'x-access-token', []],
    ['X-User: root', 'x-user', []],
    ['Client-IP: 10.0.0.1', 'client-ip', []],
    ['Cookie: session=1', 'cookie', []],
    ['Proxy-Authorization: Basic eA==', 'proxy-authorization', []],
    ['Origin: https://evil.example', 'origin', []],
    ['Accept-Encoding: gzip', 'accept-encoding', ['identity']],
    ['TE: trailers', 'te', []],
    ['Keep-Alive: timeout=5', 'keep-alive', []],
    ['mcp_session_id: stolen', 'mcp-session-id', []],
    ['Mcp.Session.Id: stolen', 'mcp-session-id', []],
  ])('%s', async (header, name, seen) => {
    const raw = await reaching([header], { settings: { forwardHeaders: EVERYTHING } })
    expect(valuesOf(raw, name)).toEqual(seen)
  })

  test.each([
    ['Connection: close, X-User-Id', ['subject-of-ada']],
    ['Connection: x-user-id, close', ['subject-of-ada']],
  ])('%s takes none of ours away', async (header, seen) => {
    const raw = await reaching([header, 'X-User-Id: root'])
    expect(valuesOf(raw, 'x-user-id')).toEqual(seen)
  })

  test('what Connection names is of that connection only', async () => {
    const raw = await reaching(['Connection: close, X-Team', 'X-Team: core'], {
      settings: { forwardHeaders: ['X-Team'] },
    })
    expect(valuesOf(raw, 'x-team')).toEqual([])
  })

  test('the bearer of the client does not go on in any header', async () => {
    const raw = await reaching(['X-Copy: 1'], { settings: { forwardHeaders: EVERYTHING } })
    expect(raw.join('\n')).not.toContain('token-ada')
    expect(valuesOf(raw, 'authorization')).toEqual([expect.stringMatching(/^Bearer eyJ[\w-]+\.[\w-]+\.[\w-]+$/)])
  })
})

test('a server with bearer none gets no Authorization, though forward_headers names it and a client sends one', async () => {
  const raw = await reaching([], {
    settings: { forwardHeaders: EVERYTHING },
    served: (url) => [servedAt(url, { bearer: 'none' })],
  })
  expect(valuesOf(raw, 'authorization')).toEqual([])
  expect(raw.join('\n')).not.toContain('token-ada')
})

describe('a header of the client', () => {
  test('of the protocol goes to the server as it came', async () => {
    const headers = {
      'Mcp-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'tools/call',
      'Mcp-Name': '=?base64?w6TDtsO8?=',
      'Mcp-Param-Region': 'eu',
      'Last-Event-ID': 'a:7',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'a=b',
      baggage: 'c=d',
      Accept: 'application/json, text/event-stream',
      'Accept-Language': 'de',
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'client/1',
    }
    const raw = await reaching(Object.entries(headers).map(([name, value]) => `${name}: ${value}`))
    for (const [name, value] of Object.entries(headers)) expect(valuesOf(raw, name.toLowerCase())).toEqual([value])
  })

  test('that nobody has named does not', async () => {
    const raw = await reaching(['X-Team: core', 'DNT: 1', 'Sec-Fetch-Mode: cors', 'If-None-Match: "1"'])
    expect(raw.filter((_, at) => at % 2 === 0).sort()).toEqual(
      [
        'accept-encoding',
        'authorization',
        'connection',
        'content-length',
        'host',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-proto',
        'x-request-id',
        'X-User-Email',
        'X-User-Id',
      ]
        .map((name) => name.toLowerCase())
        .sort(),
    )
  })

  test.each([
    ['X-Team', 'x-team: core'],
    ['x-team', 'X-TEAM: core'],
    ['X-*', 'X-Team: core'],
    ['*eam', 'X-Team: core'],
  ])('that forward_headers names as %s does, as %s', async (pattern, header) => {
    const raw = await reaching([header], { settings: { forwardHeaders: [pattern] } })
    expect(valuesOf(raw, 'x-team')).toEqual(['core'])
  })

  test.each([['X-Team'], ['x-te*'], ['*']])('is stopped by blocked_headers: %s', async (blocked) => {
    const settings = { forwardHeaders: ['X-Team'], blockedHeaders: [blocked] }
    const raw = await reaching(['X-Team: core', 'Mcp-Protocol-Version: 2025-11-25'], { settings })
    expect(valuesOf(raw, 'x-team')).toEqual([])
    expect(valuesOf(raw, 'mcp-protocol-version')).toEqual(['2025-11-25'])
  })
})

describe('what the gateway says', () => {
  test.each([
    [{ forwardHeaders: ['X-User-*'] }, [], ['subject-of-ada']],
    [{ forwardHeaders: ['Authorization'] }, [expect.stringMatching(/^Bearer /)], []],
    [{ forwardHeaders: ['authorization', 'x-user-email'] }, [expect.stringMatching(/^Bearer /)], []],
    [{ blockedHeaders: ['X-User-*'] }, [expect.stringMatching(/^Bearer /)], []],
    [{ blockedHeaders: ['authorization'] }, [], ['subject-of-ada']],
  ])('follows the header settings %j', async (settings, authorization, id) => {
    const raw = await reaching([], { settings })
    expect([valuesOf(raw, 'authorization'), valuesOf(raw, 'x-user-id')]).toEqual([authorization, id])
  })

  test('is overridden by configured headers, the bearer too, and they stay ours', async () => {
    const headers = { Authorization: 'Basic c2VydmVy', 'X-Key': 'k' }
    const raw = await reaching(['X-Key: forged', 'x_key: forged'], {
      settings: { forwardHeaders: EVERYTHING },
      served: (url) => [servedAt(url, { headers })],
    })
    expect(valuesOf(raw, 'authorization')).toEqual(['Basic c2VydmVy'])
    expect(valuesOf(raw, 'x-key')).toEqual(['k'])
  })

  test.each([
    ...['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Cookie', 'Mcp-Session-Id', 'Authorization'],
    ...['Content-Type', 'X-Forwarded-For', 'X-HTTP-Method-Override', 'content_length'],
  ])('of a person never goes into %s, though user_headers names it', async (name) => {
    const { callers, got, ...rest } = await start({
      settings: { userHeaders: { [name]: 'name', 'X-User-Id': 'sub' }, forwardHeaders: ['*'] },
      served: (url) => [servedAt(url, { bearer: 'none' })],
    })
    const ada = callers.get('token-ada')
    if (!ada) throw new Error('no caller')
    callers.set('token-ada', { ...ada, person: { ...ada.person, claims: { name: 'evil.example' } } })
    expect((await post(rest, CALL)).status).toBe(200)
    expect(got[0]?.body.toString()).toBe(CALL)
    expect(JSON.stringify(got[0]?.rawHeaders)).not.toContain('evil.example')
    expect(got[0]?.headers['x-user-id']).toBe('subject-of-ada')
  })

  test('of an address that does not count is nothing', async () => {
    const raw = await reaching([], { emailOf: () => undefined })
    expect(valuesOf(raw, 'x-user-email')).toEqual([])
  })

  test('has a claim with line breaks in one line', async () => {
    const { callers, got, ...rest } = await start({ settings: { userHeaders: { 'X-User-Name': 'name' } } })
    const ada = callers.get('token-ada')
    if (!ada) throw new Error('no caller')
    const claims = { name: 'Ada\r\nX-Admin: 1' }
    callers.set('token-ada', { ...ada, person: { ...ada.person, claims } })
    expect((await post(rest, CALL)).status).toBe(200)
    expect(got[0]?.headers['x-user-name']).toBe('Ada%0D%0AX-Admin: 1')
    expect(got[0]?.headers['x-admin']).toBeUndefined()
  })
})

describe('an answer of a server', () => {
  test('loses what only the gateway says to its clients, and keeps the rest', async () => {
    const { port } = await start()
    if (!kit) throw new Error('not started')
    kit.answer = (response) => {
      const headers = {
        'content-type': 'application/json',
        'Set-Cookie': ['a=1', 'b=2'],
        Server: 'upstream/1',
        'WWW-Authenticate': 'Bearer resource_metadata="https://evil.example"',
        'Access-Control-Allow-Origin': '*',
        'Access-Control-Allow-Credentials': 'true',
        'X-Accel-Redirect': '/internal/secrets',
        'Clear-Site-Data': '"*"',
        'Alt-Svc': 'h3=":443"',
        'Set-Login': 'logged-out',
        'Accept-CH': 'Sec-CH-UA-Model',
        'Use-As-Dictionary': 'match="/*"',
        'Secure-Session-Registration': '(ES256);path="/x"',
        'Origin-Trial': 'abc',
        'Strict-Transport-Security': 'max-age=1',
        Connection: 'X-Hop',
        'X-Hop': '1',
        'Cache-Control': 'public, max-age=3600',
        'X-Request-Id': 'theirs',
        'X-Team': 'core',
        'X-RateLimit-Remaining': '3',
        'Retry-After': '7',
        ETag: '"1"',
      }
      response.writeHead(503, headers).end('{}')
    }
    const text = await rawClient(port, rawRequest([AUTHORIZED], CALL)).end
    const lines = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n')
    expect(lines[0]).toMatch(/^HTTP\/1\.1 503 /)
    const names = lines
      .slice(1)
      .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
      .sort()
    expect(names).toEqual(
      [
        'cache-control',
        'connection',
        'content-type',
        'date',
        'etag',
        'retry-after',
        'transfer-encoding',
        'x-accel-buffering',
        'x-ratelimit-remaining',
        'x-team',
      ].sort(),
    )
    expect(lines).toContain('Cache-Control: no-store')
    expect(lines).toContain('X-Accel-Buffering: no')
  })

  test('keeps the bytes of a header that is UTF-8', async () => {
    const { port } = await start()
    if (!kit) throw new Error('not started')
    kit.answer = (response) =>
      response.setHeader('X-Name', Buffer.from('Zoë').toString('latin1')).end(Buffer.from('{}'))
    const text = await rawClient(port, rawRequest([AUTHORIZED], CALL)).end
    expect(Buffer.from(text, 'latin1').toString()).toMatch(/^x-name: Zoë\r$/im)
  })
})
