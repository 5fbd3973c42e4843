// Who may ask, what of an answer comes back, and what a client is told that gets none: between real sockets
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import {
  BEARER,
  CALL,
  callerOf,
  HOUR,
  type Kit,
  PUBLIC,
  personOf,
  post,
  rawClient,
  rawRequest,
  servedAt,
  startKit,
  startRawServer,
} from '../../../fakes/proxyKit.ts'
import { freePort } from '../../../servers/freePort.ts'
import { until } from '../../../servers/until.ts'

const tokenOf = (kit: Kit, token: string) => post(kit, CALL, { authorization: `Bearer ${token}` })

describe('a request', () => {
  test.each([
    [[], 401, ''],
    [['Authorization: Basic YTpi'], 401, ''],
    [['Authorization: Bearer'], 401, 'invalid_token'],
    [['Authorization: Bearer '], 401, 'invalid_token'],
    [['Authorization: Bearer a b'], 401, 'invalid_token'],
    [['Authorization: Bearer unknown'], 401, 'invalid_token'],
    [[`Authorization: Bearer ${'a'.repeat(5_000)}`], 401, 'invalid_token'],
    [['Authorization: token-ada'], 401, ''],
    [['Authorization: Bearer token-ada', 'authorization: Bearer token-bob'], 400, 'invalid_request'],
    [['Authorization: Bearer token-ada', 'Authorization: Bearer token-ada'], 400, 'invalid_request'],
  ])('with %j is refused with %i', async (headers, status, error) => {
    const { port, got } = await startKit()
    const text = await rawClient(port, rawRequest(headers, CALL)).end
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(/^www-authenticate: (.*)\r$/im.exec(text)?.[1]).toBe(
      `Bearer resource_metadata="/mcp"${error && `, error="${error}"`}`,
    )
    expect(got).toEqual([])
  })

  test('with the scheme in any case is answered', async () => {
    const kit = await startKit()
    expect((await post(kit, CALL, { authorization: 'bEaReR token-ada' })).status).toBe(200)
  })

  test.each(['/mcp?access_token=token-ada', '/mcp?a=1&access%5Ftoken=token-ada'])('to %s is refused', async (path) => {
    const kit = await startKit()
    const { status, headers } = await post(kit, CALL, {}, path)
    expect([status, headers.get('www-authenticate')]).toEqual([
      400,
      'Bearer resource_metadata="/mcp", error="invalid_request"',
    ])
    expect(kit.got).toEqual([])
  })

  test('with a token for another server of the gateway is refused', async () => {
    const served = (url: string) => ['one', 'two'].map((name) => servedAt(url, { name, path: `/mcp/${name}` }))
    const kit = await startKit({ served })
    expect((await post(kit, CALL, {}, '/mcp/one')).status).toBe(200)
    const refused = await post(kit, CALL, {}, '/mcp/two')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer resource_metadata="/mcp/two", error="invalid_token"',
    ])
    expect(kit.got.length).toBe(1)
  })

  test('asks the store once in five seconds, however many there are at once, and knows after them that the sign-in has ended', async () => {
    const kit = await startKit()
    await Promise.all(Array.from({ length: 5 }, () => post(kit, CALL)))
    kit.callers.delete('token-ada')
    kit.clock.advance(4_999)
    expect((await post(kit, CALL)).status).toBe(200)
    expect(kit.asked.length).toBe(1)
    kit.clock.advance(1)
    expect((await post(kit, CALL)).status).toBe(401)
  })

  test('of somebody who may no longer use this server is refused in words, and the sign-in stays as it is', async () => {
    const served = (url: string) => ['one', 'two'].map((name) => servedAt(url, { name, path: `/mcp/${name}` }))
    const kit = await startKit({
      served,
      checkAccess(person, { name }) {
        if (person.id === 'ada' && name === 'one') throw new BridgeError('access_not_granted')
      },
    })
    const call = await post(kit, CALL, {}, '/mcp/one')
    expect([call.status, await call.json()]).toEqual([
      200,
      expect.objectContaining({ id: 7, error: expect.objectContaining({ data: expect.anything() }) }),
    ])
    const notice = await post(kit, '{"jsonrpc":"2.0","method":"notifications/initialized"}', {}, '/mcp/one')
    expect([notice.status, notice.headers.get('www-authenticate')]).toEqual([403, null])
    expect(kit.got).toEqual([])
    expect((await post(kit, CALL, { authorization: 'Bearer token-bob' }, '/mcp/one')).status).toBe(200)
  })

  test('with an unknown token asks the store again after two seconds', async () => {
    const kit = await startKit()
    expect([(await tokenOf(kit, 'new')).status, (await tokenOf(kit, 'new')).status, kit.asked.length]).toEqual([
      401, 401, 1,
    ])
    kit.callers.set('new', callerOf(personOf('eve'), `${PUBLIC}/mcp`, kit.clock.now() + HOUR))
    kit.clock.advance(2_000)
    expect((await tokenOf(kit, 'new')).status).toBe(200)
  })

  test('is refused once its token has expired, although it is remembered', async () => {
    const kit = await startKit()
    kit.callers.set('short', callerOf(personOf('eve'), `${PUBLIC}/mcp`, kit.clock.now() + 1_000))
    expect((await tokenOf(kit, 'short')).status).toBe(200)
    kit.clock.advance(1_000)
    expect((await tokenOf(kit, 'short')).status).toBe(401)
  })

  test('asks again after a failure of the store', async () => {
    let fails = true
    const caller = callerOf(personOf('ada'), `${PUBLIC}/mcp`, Number.MAX_SAFE_INTEGER)
    const byTokenHash = async () => {
      if (fails) throw new BridgeError('database_unreachable')
      return caller
    }
    const kit = await startKit({ callers: { byTokenHash, standing: async () => new Map() } })
    expect((await post(kit, CALL)).status).toBe(503)
    fails = false
    expect((await post(kit, CALL)).status).toBe(200)
  })

  test.each([
    ['/mcp', '', '/'],
    ['/mcp/', '', '/'],
    ['/mcp/endpoint', '', '/endpoint'],
    ['/mcp/endpoint/a%20b?x=1&y=%2F', '', '/endpoint/a%20b?x=1&y=%2F'],
    ['/mcp?x=1', '/base/', '/base/?x=1'],
    ['/mcp/endpoint', '/base/', '/base/endpoint'],
    ['/mcp/endpoint', '/base', '/base/endpoint'],
    ['/mcp', '/base?key=k', '/base?key=k'],
    ['/mcp?x=1&key=other&%6bey=other', '/base?key=k', '/base?key=k&x=1'],
  ])('to %s with the server at %j goes to %s', async (path, base, target) => {
    const kit = await startKit({ served: (url) => [servedAt(`${url}${base}`)] })
    expect((await post(kit, CALL, {}, path)).status).toBe(200)
    expect(kit.got[0]?.url).toBe(target)
  })

  test('below a server without subpaths is not forwarded', async () => {
    const kit = await startKit({ served: (url) => [servedAt(url, { subpaths: false })] })
    expect((await post(kit, CALL, {}, '/mcp/admin')).status).toBe(404)
    expect(kit.got).toEqual([])
  })

  test('goes on byte for byte, a batch and what is no JSON too', async () => {
    const kit = await startKit()
    for (const body of [`[${CALL}, ${CALL}]`, ' {"a" :1}\n', '{', '\u00ff"\\ud800"']) {
      expect((await post(kit, body)).status).toBe(200)
      expect(kit.got.at(-1)?.body.toString()).toBe(body)
    }
  })

  test('and its answer keep method, status and body', async () => {
    const kit = await startKit()
    kit.answer = (response, { method }) => response.writeHead(method === 'DELETE' ? 405 : 202).end(method)
    for (const method of ['POST', 'DELETE', 'GET']) {
      const answer = await fetch(`${kit.url}/mcp`, { method, headers: BEARER })
      expect([answer.status, await answer.text()]).toEqual([method === 'DELETE' ? 405 : 202, method])
    }
  })
})

describe('a session id', () => {
  const SESSION = 'server-session-1'
  const startSession = async (kit: Kit, authorization = BEARER.authorization) => {
    kit.answer = (response) =>
      response.setHeader('Mcp-Session-Id', SESSION).setHeader('content-type', 'application/json').end('{}')
    return (await post(kit, CALL, { authorization })).headers.get('mcp-session-id') ?? ''
  }

  test('is never given out as the server knows it, and comes back to it so', async () => {
    const kit = await startKit()
    const sealed = await startSession(kit)
    expect(sealed).not.toContain(SESSION)
    const answer = await post(kit, CALL, { 'mcp-session-id': sealed })
    expect(kit.got.at(-1)?.headers['mcp-session-id']).toBe(SESSION)
    expect(answer.headers.get('mcp-session-id')).toBe(sealed)
  })

  test('of another person, another client, made up, doubled or as the server knows it is a lost session', async () => {
    const kit = await startKit()
    const sealed = await startSession(kit)
    const other = { ...callerOf(personOf('ada'), `${PUBLIC}/mcp`, kit.clock.now() + HOUR), clientId: 'client-2' }
    kit.callers.set('token-other-client', other)
    for (const [authorization, id] of [
      ['Bearer token-bob', sealed],
      ['Bearer token-other-client', sealed],
      ['Bearer token-ada', SESSION],
      ['Bearer token-ada', `${sealed}, ${sealed}`],
      ['Bearer token-ada', ''],
    ] as const) {
      const answer = await post(kit, CALL, { authorization, 'mcp-session-id': id })
      expect([answer.status, await answer.json()]).toEqual([
        404,
        {
          jsonrpc: '2.0',
          id: 7,
          error: expect.objectContaining({ data: expect.objectContaining({ code: 'session_lost' }) }),
        },
      ])
    }
    expect(kit.got.length).toBe(1)
  })
})

describe('a client that gets no answer of the server', () => {
  const NO_ANSWER = [
    [CALL, 7],
    ['{"jsonrpc":"2.0","id":"a\\u0022b","method":"ping"}', 'a"b'],
    ['{"jsonrpc":"2.0","method":"notifications/initialized"}', undefined],
    ['no JSON', undefined],
  ] as const

  test.each(NO_ANSWER)('is told so with 502 and the id of %s', async (body, id) => {
    const kit = await startKit({ upstream: `http://127.0.0.1:${await freePort()}` })
    const answer = await post(kit, body)
    const told = (await answer.json()) as { error: { message: string; data: { hint: string } } }
    expect([answer.status, told]).toEqual([
      502,
      {
        jsonrpc: '2.0',
        id,
        error: expect.objectContaining({ code: 1401, message: 'The MCP server cannot be reached: ECONNREFUSED.' }),
      },
    ])
    expect(told.error.data).toEqual({
      source: 'mcp-oauth-bridge',
      code: 'server_unreachable',
      hint: expect.stringContaining('request-1'),
    })
  })

  test('is told for each id of a batch, and not where the server is', async () => {
    const upstream = `http://127.0.0.1:${await freePort()}`
    const kit = await startKit({ upstream })
    const text = await (await post(kit, `[${CALL},{"jsonrpc":"2.0","id":8,"method":"ping"}]`)).text()
    expect(JSON.parse(text).map(({ id }: { id: number }) => id)).toEqual([7, 8])
    expect(text).not.toContain('127.0.0.1')
    expect(kit.log.entries.find(({ event }) => event === 'proxy:failed')?.fields.message).toContain(upstream)
  })

  test('is told that the outcome is unknown when the connection breaks, and nothing is sent twice', async () => {
    const server = await startRawServer((socket) => socket.destroy())
    const kit = await startKit({ upstream: server.url })
    const answer = await post(kit, CALL)
    expect([answer.status, ((await answer.json()) as { error: { data: { code: string } } }).error.data.code]).toEqual([
      502,
      'outcome_unknown',
    ])
    expect(server.connections()).toBe(1)
  })

  test('is told with 504 that the server is silent', async () => {
    const kit = await startKit({ settings: { requestTimeoutMs: 20 } })
    kit.answer = () => undefined
    const answer = await post(kit, CALL)
    expect([answer.status, ((await answer.json()) as { error: { code: number } }).error.code]).toEqual([504, 1402])
  })

  test.each([401, 407])('is not told a %i of the server as one of the gateway', async (status) => {
    const kit = await startKit()
    kit.answer = (response) => response.writeHead(status, { 'WWW-Authenticate': 'Bearer' }).end('secret')
    const answer = await post(kit, CALL)
    expect([answer.status, answer.headers.get('www-authenticate'), await answer.json()]).toEqual([
      502,
      null,
      {
        jsonrpc: '2.0',
        id: 7,
        error: expect.objectContaining({ code: 1403, data: expect.objectContaining({ code: 'server_error' }) }),
      },
    ])
  })

  test('is not sent where the server redirects to', async () => {
    const kit = await startKit()
    kit.answer = (response) => response.writeHead(307, { Location: 'http://localhost:9/' }).end()
    const answer = await post(kit, CALL)
    expect([answer.status, answer.headers.get('location')]).toEqual([502, null])
  })
})

describe('the bearer of a server with bearer: user_token', () => {
  const served = (url: string) => [servedAt(url, { bearer: 'user_token' })]

  test('is the person’s own token', async () => {
    const kit = await startKit({ served, tokens: { current: async ({ id }) => `provider-token-of-${id}` } })
    await post(kit, CALL)
    expect(kit.got[0]?.headers.authorization).toBe('Bearer provider-token-of-ada')
  })

  test.each([
    [async () => undefined, 'not_signed_in'],
    [() => Promise.reject(new BridgeError('token_expired')), 'token_expired'],
    [() => Promise.reject(new BridgeError('refresh_token_missing')), 'refresh_token_missing'],
  ])('is missing in words that a host shows', async (current, code) => {
    const kit = await startKit({ served, tokens: { current } })
    const answer = await post(kit, CALL)
    const { error } = (await answer.json()) as { error: { data: { code: string; hint: string } } }
    expect([answer.status, error.data.code, error.data.hint]).toEqual([
      200,
      code,
      expect.stringContaining('connect again'),
    ])
    expect((await post(kit, '{"jsonrpc":"2.0","method":"notifications/initialized"}')).status).toBe(403)
    expect(kit.got).toEqual([])
  })

  test('may be missing for a moment', async () => {
    const current = () => Promise.reject(new BridgeError('authorization_server_unreachable'))
    expect((await post(await startKit({ served, tokens: { current } }), CALL)).status).toBe(503)
  })

  test('is none with bearer: none', async () => {
    const kit = await startKit({ served: (url) => [servedAt(url, { bearer: 'none' })] })
    await post(kit, CALL)
    expect(kit.got[0]?.headers.authorization).toBeUndefined()
  })
})

test('a client that goes ends the request to the server', async () => {
  const kit = await startKit()
  kit.answer = () => undefined
  const client = rawClient(kit.port, rawRequest(['Authorization: Bearer token-ada'], CALL))
  await until('the request at the server', () => kit.got.length === 1)
  client.socket.destroy()
  await until('its end', () => kit.gone.length === 1)
})
