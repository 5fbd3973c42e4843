// The HTTP client against real servers: redirects, silence, refusal, abort.
import { describe, expect, onTestFinished, test } from 'vitest'
import type { HttpRequest, HttpResponse } from '../../../../src/ports.ts'
import { createHttp } from '../../../../src/system/http/client.ts'
import { serve, silentListener } from '../../../fakes/loopback.ts'
import { AUTHORITY, serveSecurely } from '../../../fakes/secureLoopback.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'
import { freePort } from '../../../servers/freePort.ts'

function client(connectTimeoutMs = 10_000) {
  const http = createHttp({ connectTimeoutMs })
  onTestFinished(() => http.close())
  const send = (url: string, request: Partial<HttpRequest> = {}) =>
    http.request({ method: 'GET', headers: {}, idleMs: 10_000, ...request, url: new URL(url) })
  return { http, send }
}

async function text(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

describe('a request', () => {
  test('sends method, path, query, headers and body unchanged', async () => {
    const server = await serve((_, __, response) => response.writeHead(201, { 'X-Some': 'Thing' }).end('hello'))
    const { send } = client()
    const response = await send(`${server.origin}/a%20b?x=1&y=%2F#fragment`, {
      method: 'POST',
      headers: { 'X-Team': 'core' },
      body: Buffer.from('bödy'),
    })
    expect([response.status, response.headers['x-some'], await text(response)]).toEqual([201, 'Thing', 'hello'])
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/a%20b?x=1&y=%2F', body: 'bödy', headers: { 'x-team': 'core' } },
    ])
  })

  test('returns a header that was sent twice as an array', async () => {
    const server = await serve((_, __, response) =>
      response.writeHead(401, { 'WWW-Authenticate': ['Basic', 'Bearer'] }).end(),
    )
    const response = await client().send(server.origin)
    expect(response.headers['www-authenticate']).toEqual(['Basic', 'Bearer'])
    response.discard()
  })

  test('resolves when the headers are in, before the body is', async () => {
    const server = await serve((_, __, response) => response.writeHead(200).write('first'))
    const response = await client().send(server.origin)
    for await (const chunk of response.body) {
      expect(Buffer.from(chunk).toString()).toBe('first')
      break
    }
  })

  test('returns any status, also an error status', async () => {
    const server = await serve(({ path }, _, response) => response.writeHead(Number(path.slice(1))).end())
    const { send } = client()
    for (const status of [204, 304, 400, 401, 404, 500, 503]) {
      const response = await send(`${server.origin}/${status}`)
      expect(response.status).toBe(status)
      response.discard()
    }
  })

  test('can follow one whose answer was discarded', async () => {
    const server = await serve((_, __, response) => response.end('x'.repeat(1_000_000)))
    const { send } = client()
    for (let round = 0; round < 5; round++) (await send(server.origin)).discard()
    expect((await text(await send(server.origin))).length).toBe(1_000_000)
  })

  test('of several megabytes keeps its bytes, in both directions, with a slow reader', async () => {
    const big = Buffer.alloc(5_000_000, 'abcdefg')
    const server = await serve(({ body }, _, response) => response.end(body))
    const response = await client().send(server.origin, { method: 'POST', body: big })
    const chunks: Uint8Array[] = []
    for await (const chunk of response.body) {
      await new Promise((resolve) => setImmediate(resolve))
      chunks.push(chunk)
    }
    expect(Buffer.compare(Buffer.concat(chunks), big)).toBe(0)
  })
})

describe('a redirect', () => {
  test('is returned unchanged to a caller that wants it so', async () => {
    const other = await serve((_, __, response) => response.end('there'))
    const server = await redirecting(302, `${other.origin}/new`)
    const response = await client().send(server.origin, { redirect: 'manual' })
    expect([response.status, response.headers.location]).toEqual([302, `${other.origin}/new`])
    response.discard()
    expect(other.requests).toEqual([])
  })

  test('is returned or followed as its caller decides, and asked for once', async () => {
    const server = await redirecting(307, '/new')
    const asked: number[] = []
    const decide = (as: 'return' | 'follow') => (response: { status: number }) => {
      asked.push(response.status)
      return as
    }
    const post = (redirect: ReturnType<typeof decide>) =>
      client().send(`${server.origin}/old`, { method: 'POST', body: 'body', redirect })
    const returned = await post(decide('return'))
    expect([returned.status, server.requests.map(({ path }) => path)]).toEqual([307, ['/old']])
    returned.discard()
    expect(await text(await post(decide('follow')))).toBe('arrived')
    expect(server.requests.map(({ path }) => path)).toEqual(['/old', '/old', '/new'])
    expect(asked).toEqual([307, 307])
  })

  const redirecting = (status: number, location: string) =>
    serve(({ path }, _, response) =>
      path === '/new' ? response.end('arrived') : response.writeHead(status, { location }).end('moved'),
    )

  test.each([301, 302, 303, 307, 308])('%i within the origin is followed for a GET', async (status) => {
    const server = await redirecting(status, '/new')
    expect(await text(await client().send(`${server.origin}/old`, { headers: { authorization: 'Bearer t' } }))).toBe(
      'arrived',
    )
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/old', 'Bearer t'],
      ['/new', 'Bearer t'],
    ])
  })

  test.each([307, 308])('%i repeats method and body', async (status) => {
    const server = await redirecting(status, 'new')
    await text(await client().send(`${server.origin}/old`, { method: 'POST', body: 'body' }))
    expect(server.requests.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'body'],
      ['POST', 'body'],
    ])
  })

  test.each([301, 302, 303])('%i of a POST is refused, because it would become a GET', async (status) => {
    const server = await redirecting(status, '/new')
    const error = await errorOf(client().send(`${server.origin}/old`, { method: 'POST', body: 'body' }))
    expect([error.code, error.details.status]).toEqual(['redirect_refused', status])
    expect(server.requests).toHaveLength(1)
  })

  test.each([301, 302, 303, 307, 308])('%i to another origin is refused, and nothing reaches it', async (status) => {
    const other = await serve((_, __, response) => response.end('stolen'))
    const server = await redirecting(status, `${other.origin}/new`)
    for (const method of ['GET', 'POST'] as const) {
      const error = await errorOf(
        client().send(`${server.origin}/old`, { method, headers: { authorization: 'Bearer t' } }),
      )
      expect(error.code).toBe('redirect_refused')
      expect(error.message).toContain(other.origin)
    }
    expect(other.requests).toEqual([])
  })

  test.each([
    ['https://login.example/realms/a/auth?client_id=x&state=needle', '"https://login.example/realms/a/auth"'],
    ['https://www.example/mcp/#needle', '"https://www.example/mcp/"'],
    ['//other.example:8443/mcp?needle', '"http://other.example:8443/mcp"'],
    ['https://user:needle@other.example/mcp', '"https://other.example/mcp"'],
    ['javascript:needle', '"javascript:"'],
    ['https://other.example/sk-4f9a8b7c6d5e4f3a2b1c0d9e8f7aneedle/mcp', '"https://other.example/…/mcp"'],
  ])('to %s names the whole target without its query and keys', async (location, shown) => {
    const server = await redirecting(302, location)
    const error = await errorOf(client().send(server.origin))
    expect(error.message).toContain(shown)
    expect(error.message + error.hint).not.toContain('needle')
  })

  test.each([
    ['/mcp/', 'use that'],
    ['/mcp', 'Tell the server’s owner'],
    ['//evil.example/mcp', '//evil.example/mcp" is the address'],
  ])('that loses the scheme is refused, with the https form: %s', async (path, words) => {
    const server = await serveSecurely('server.pem', (_, { headers }) => {
      return { status: 307, headers: { location: `http://${headers.host}${path}?needle` }, body: '' }
    })
    const http = createHttp({ connectTimeoutMs: 10_000, certificates: AUTHORITY })
    onTestFinished(() => http.close())
    const url = new URL(`${server.origin}/mcp`)
    const error = await errorOf(http.request({ method: 'GET', url, headers: {}, idleMs: 10_000 }))
    expect([error.code, error.hint]).toEqual(['redirect_refused', expect.stringContaining(words)])
    expect(error.message).toContain(`"http://localhost:${server.port}${path}"`)
    if (path === '/mcp/') expect(error.hint).toContain(`"${server.origin}/mcp/"`)
  })

  test('to another name of the same machine is another origin', async () => {
    const server = await serve(({ headers }, _, response) =>
      response.writeHead(307, { location: `http://localhost:${headers.host?.split(':')[1]}/new` }).end(),
    )
    expect(await codeOf(client().send(server.origin))).toBe('redirect_refused')
    expect(server.requests).toHaveLength(1)
  })

  test.each(['https://', 'file:///etc/passwd', 'http://user:pass@', '//evil.example/'])(
    'to %s is refused',
    async (location) => {
      const server = await serve(({ headers }, _, response) =>
        response
          .writeHead(302, {
            location: location.endsWith('@') || location === 'https://' ? `${location}${headers.host}/` : location,
          })
          .end(),
      )
      const outcome = client().send(`${server.origin}/old`)
      expect(await codeOf(outcome)).toBe('redirect_refused')
    },
  )

  test('in a circle is refused after a few hops', async () => {
    const server = await redirecting(302, '/old')
    expect(await codeOf(client().send(`${server.origin}/old`))).toBe('redirect_refused')
    expect(server.requests.length).toBeLessThan(10)
  })

  test('without a location is the answer itself', async () => {
    const server = await serve((_, __, response) => response.writeHead(302).end('where?'))
    const response = await client().send(server.origin)
    expect([response.status, await text(response)]).toEqual([302, 'where?'])
  })
})

describe('a server', () => {
  test('on a port where nobody listens is unreachable, and the reason is named', async () => {
    const error = await errorOf(client().send(`http://127.0.0.1:${await freePort()}/`))
    expect(error.code).toBe('server_unreachable')
    expect(error.details.reason).toBe('ECONNREFUSED')
  })

  test('whose name nobody knows is unreachable', async () => {
    expect(await codeOf(client().send('http://does-not-exist.invalid/'))).toBe('server_unreachable')
  })

  test('that hangs up before its headers is unreachable', async () => {
    const server = await serve((_, incoming) => incoming.socket.destroy())
    expect(await codeOf(client().send(server.origin))).toBe('server_unreachable')
  })

  test('that hangs up in the body breaks the body', async () => {
    const server = await serve((_, incoming, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('some', () => incoming.socket.destroy())
    })
    const response = await client().send(server.origin)
    expect(await codeOf(text(response))).toBe('server_unreachable')
  })

  test('that is silent before its headers times out', async () => {
    const server = await serve(() => undefined)
    expect(await codeOf(client().send(server.origin, { idleMs: 50 }))).toBe('server_timeout')
  })

  test('that falls silent in the body times out', async () => {
    const server = await serve((_, __, response) => response.writeHead(200).write('some'))
    const response = await client().send(server.origin, { idleMs: 50 })
    expect(await codeOf(text(response))).toBe('server_timeout')
  })

  test('that never finishes the handshake times out', async () => {
    const { port } = await silentListener()
    expect(await codeOf(client(50).send(`https://127.0.0.1:${port}/`))).toBe('server_timeout')
  })

  test('that does not speak TLS on an https port is an error', async () => {
    const server = await serve((_, __, response) => response.end())
    const code = await codeOf(client().send(`https://127.0.0.1:${server.port}/`))
    expect(['tls_failed', 'server_unreachable']).toContain(code)
  })
})

describe('an abort', () => {
  const reason = new Error('enough')

  test('before the request sends nothing', async () => {
    const server = await serve((_, __, response) => response.end())
    await expect(client().send(server.origin, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.requests).toEqual([])
  })

  test('while the server thinks ends the request with the signal’s reason', async () => {
    const ending = new AbortController()
    const server = await serve(() => ending.abort(reason))
    await expect(client().send(server.origin, { signal: ending.signal })).rejects.toBe(reason)
  })

  test('in the body ends the body with the signal’s reason', async () => {
    const ending = new AbortController()
    const server = await serve((_, __, response) => response.writeHead(200).write('some'))
    const response = await client().send(server.origin, { signal: ending.signal })
    const reading = text(response)
    ending.abort(reason)
    await expect(reading).rejects.toBe(reason)
  })

  test('while the connection is being made ends it at once', { timeout: 5_000 }, async () => {
    const ending = new AbortController()
    const { port, connected } = await silentListener()
    const sending = client(3_600_000).send(`https://127.0.0.1:${port}/`, { signal: ending.signal })
    void connected.then(() => ending.abort(reason))
    await expect(sending).rejects.toBe(reason)
  })

  test('after the answer was read changes nothing', async () => {
    const ending = new AbortController()
    const server = await serve((_, __, response) => response.end('all'))
    const response = await client().send(server.origin, { signal: ending.signal })
    expect(await text(response)).toBe('all')
    ending.abort(reason)
  })
})
