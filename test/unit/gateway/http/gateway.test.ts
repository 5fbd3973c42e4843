// The gateway as a whole: metadata and challenges, errors of handlers, pages, TLS, the end of it.
import { readFileSync } from 'node:fs'
import { request as secureRequest } from 'node:https'
import { connect as connectSecurely } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { BridgeError, ERRORS } from '../../../../src/errors.ts'
import { sendPage, sendRedirect, sendText } from '../../../../src/gateway/http/answer.ts'
import { asListenError } from '../../../../src/gateway/http/listenError.ts'
import { createChallenge, resourceOf } from '../../../../src/gateway/http/protectedResource.ts'
import type { Handler } from '../../../../src/gateway/ports.ts'
import { createGate } from '../../../fakes/gate.ts'
import { open, parse, rawRequest, served, startShell, toEnd } from '../../../fakes/gatewayShell.ts'
import { AUTHORITY } from '../../../fakes/secureLoopback.ts'
import { errorOf } from '../../../fakes/thrown.ts'
import { until, within } from '../../../servers/until.ts'

const HOST = 'Host: mcp.example.com\r\n'
const GET = (target: string) => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`
const pem = (name: string) => readFileSync(new URL(`../../../servers/tls/${name}`, import.meta.url), 'utf8')
const TLS = { cert: pem('server.pem'), key: pem('server.key') }

describe('the metadata of a protected resource', () => {
  const METADATA = '/.well-known/oauth-protected-resource'

  test('is that of the only server, with and without its path', async () => {
    const { port } = await startShell()
    for (const target of [METADATA, `${METADATA}/mcp`, `${METADATA}/mcp/endpoint`]) {
      const { status, headers, body } = await rawRequest(port, target)
      expect([status, headers['content-type']]).toEqual([200, 'application/json'])
      expect(JSON.parse(body)).toEqual({
        resource: 'https://mcp.example.com/mcp',
        authorization_servers: ['https://mcp.example.com'],
        scopes_supported: ['mcp'],
        bearer_methods_supported: ['header'],
      })
    }
  })

  test('of several servers is found by their paths only', async () => {
    const { port } = await startShell({
      settings: { servers: [served('/mcp/work', 'work'), served('/mcp/home', 'home')] },
    })
    const resource = async (target: string) => {
      const { status, body } = await rawRequest(port, target)
      return status === 200 ? JSON.parse(body).resource : status
    }
    expect(await resource(`${METADATA}/mcp/work`)).toBe('https://mcp.example.com/mcp/work')
    expect(await resource(`${METADATA}/mcp/home`)).toBe('https://mcp.example.com/mcp/home')
    for (const target of [METADATA, `${METADATA}/mcp`, `${METADATA}/mcp/other`, `${METADATA}/mcp/work/x`])
      expect(await resource(target)).toBe(404)
  })

  test('is where the challenge says, which names an error only where a token came', () => {
    const challenge = createChallenge('https://mcp.example.com/')
    expect(challenge(served('/mcp/work', 'work'))).toBe(
      'Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp/work", scope="mcp"',
    )
    expect(challenge(served('/mcp'), 'invalid_token')).toMatch(
      /^Bearer resource_metadata="[^"]+\/mcp", scope="mcp", error="invalid_token", error_description="[^"]+"$/,
    )
    expect(challenge(served('/mcp'), 'invalid_request')).toContain('error="invalid_request", error_description=')
    expect(challenge(undefined)).toBe('Bearer scope="mcp"')
    expect(resourceOf('http://localhost:8080', served('/mcp'))).toBe('http://localhost:8080/mcp')
  })
})

describe('the authorization server', () => {
  test.each([
    ['GET', '/authorize?client_id=x'],
    ['GET', '/authorize/resume'],
    ['POST', '/token'],
    ['POST', '/register'],
    ['POST', '/revoke'],
    ['GET', '/.well-known/oauth-authorization-server'],
    ['GET', '/.well-known/oauth-authorization-server/mcp/work'],
    ['GET', '/.well-known/openid-configuration'],
  ])('answers %s %s', async (method, target) => {
    const { port } = await startShell()
    const { body } = await rawRequest(port, target, ['Content-Length: 0'], method)
    expect(JSON.parse(body)).toEqual({ handler: 'engine', target, address: '127.0.0.1' })
  })

  test('sees the target as the table of routes has read it', async () => {
    const { port } = await startShell()
    const { body } = await rawRequest(port, 'https://mcp.example.com/%61uthorize?x=%61', [], 'GET')
    expect(JSON.parse(body).target).toBe('/authorize?x=%61')
  })
})

describe('a handler', () => {
  test.each([
    ['GET', '/auth/consent/flow-1', 'consent', { flow: 'flow-1' }],
    ['POST', '/auth/consent/flow-1', 'consent', { flow: 'flow-1' }],
    ['GET', '/auth/consent/flow-1/back', 'back', { flow: 'flow-1' }],
    ['GET', '/auth/login?server=work', 'login', {}],
    ['GET', '/auth/callback?code=test&state=test', 'callback', {}],
    ['GET', '/auth/callback/github?code=test&state=test', 'callback', { provider: 'github' }],
    ['POST', '/auth/refresh', 'refresh', {}],
    ['GET', '/.well-known/jwks.json', 'jwks', {}],
    ['POST', '/mcp/endpoint', 'mcp', {}],
    ['DELETE', '/mcp', 'mcp', {}],
  ])('for %s %s is %s', async (method, target, handler, parameters) => {
    const { port } = await startShell()
    const { body } = await rawRequest(port, target, method === 'GET' ? [] : ['Content-Length: 0'], method)
    expect(JSON.parse(body)).toMatchObject({ handler, parameters, method, target })
  })

  test.each([
    [new Error('secret-canary at /home/x'), 500, 'server_error'],
    [new BridgeError('internal', { message: 'secret-canary' }), 500, 'server_error'],
    [
      new BridgeError('database_unreachable', { message: 'db.internal:5432 secret-canary' }),
      503,
      'temporarily_unavailable',
    ],
    [new BridgeError('database_locked', { message: 'secret-canary' }), 503, 'temporarily_unavailable'],
    ['a text: secret-canary', 500, 'server_error'],
  ])(
    'that throws %s is answered %i without details, and the log has the id of the request',
    async (thrown, status, error) => {
      const mcp: Handler = async () => {
        throw thrown
      }
      const { port, log } = await startShell({ handlers: { mcp } })
      const answer = await rawRequest(port, '/mcp')
      expect([answer.status, JSON.parse(answer.body).error]).toEqual([status, error])
      expect(answer.body).not.toContain('canary')
      expect(answer.body).toContain(answer.headers['x-request-id'])
      const [entry] = log.entries.filter(({ level }) => level === 'error')
      expect(entry).toMatchObject({ event: 'gateway:failed', fields: { request: answer.headers['x-request-id'] } })
      expect((await rawRequest(port, '/health')).status).toBe(200)
    },
  )

  test('that throws before it awaits anything is answered too', async () => {
    const mcp: Handler = () => {
      throw new Error('at once')
    }
    const { port } = await startShell({ handlers: { mcp } })
    expect((await rawRequest(port, '/mcp')).status).toBe(500)
  })

  test('that fails in the middle of its answer is cut, and no end is made up', async () => {
    const mcp: Handler = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      await new Promise((sent) => response.write('{"half":', sent))
      throw new Error('upstream is gone')
    }
    const { port } = await startShell({ handlers: { mcp } })
    const answer = await rawRequest(port, '/mcp')
    expect(answer.body).toContain('{"half":')
    expect(answer.body).not.toMatch(/\r\n0\r\n\r\n$/)
  })

  test('answers with headers that keep it out of caches and frames, unless it says otherwise', async () => {
    const login: Handler = async (_request, response) => sendText(response, 200, 'hello')
    const callback: Handler = async (_request, response) =>
      sendPage(response, 200, '<!doctype html>', { styles: ["'sha256-x'"] })
    const consent: Handler = async (_request, response) => sendPage(response, 200, '<!doctype html>', { form: true })
    const back: Handler = async (_request, response) => sendRedirect(response, 'https://client.example/cb')
    const { port } = await startShell({ handlers: { login, callback, consent, back } })
    const headersOf = async (target: string) => (await rawRequest(port, target)).headers
    const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' }
    expect(await headersOf('/auth/login')).toMatchObject({
      ...always,
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    })
    expect(await headersOf('/auth/callback')).toMatchObject({
      ...always,
      'content-security-policy':
        "default-src 'none'; style-src 'sha256-x'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    })
    expect(await headersOf('/auth/consent/f')).toMatchObject({
      ...always,
      'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      'referrer-policy': 'same-origin',
    })
    expect(await headersOf('/auth/consent/f/back')).toMatchObject({ ...always, location: 'https://client.example/cb' })
    expect(await headersOf('/nowhere')).toMatchObject(always)
  })

  test('leaves an entry without the query, which has codes in it', async () => {
    const { port, log } = await startShell()
    await rawRequest(port, '/auth/callback?code=code-canary&state=state-canary')
    const entry = await until('an entry', () => log.entries.find(({ event }) => event === 'gateway:request'))
    expect(entry).toMatchObject({ level: 'info', fields: { message: 'GET /auth/callback', status: 200 } })
    expect(JSON.stringify(log.entries)).not.toContain('canary')
  })
})

describe('the end', () => {
  test('lets a request finish, takes no more connections, and ends idle ones', async () => {
    const gate = createGate()
    const begun = createGate()
    const mcp: Handler = async (_request, response) => {
      begun.open()
      await gate.passed
      response.end('whole')
    }
    const { port, close } = await startShell({ handlers: { mcp }, rest: { drain: { delayMs: 0, longestMs: 30_000 } } })
    const [idle, silent, busy] = [await open(port), await open(port), await open(port)]
    const ends = [idle, silent].map(toEnd)
    idle.write(GET('/health'))
    await new Promise((resolve) => idle.once('data', resolve))
    const answered = toEnd(busy)
    busy.write(GET('/mcp'))
    await begun.passed
    const closed = close()
    await within('idle connections are ended', Promise.all(ends))
    await until('no more connections', () =>
      open(port).then(
        () => false,
        () => true,
      ),
    )
    gate.open()
    expect(parse(await answered)).toMatchObject({
      status: 200,
      headers: { connection: 'close' },
      body: expect.stringContaining('whole'),
    })
    await within('it is closed', closed)
    await close()
  })

  test('waits for an answer that has begun, and closes its connection', async () => {
    const gate = createGate()
    const mcp: Handler = async (_request, response) => {
      response.writeHead(200).write('begun ')
      await gate.passed
      response.end('and ended')
    }
    const { port, close } = await startShell({ handlers: { mcp }, rest: { drain: { delayMs: 0, longestMs: 30_000 } } })
    const socket = await open(port)
    const answered = toEnd(socket)
    const first = new Promise((resolve) => socket.once('data', resolve))
    socket.write(GET('/mcp'))
    await first
    const closed = close()
    gate.open()
    expect(await answered).toContain('and ended')
    await within('it is closed', closed)
  })

  test('comes for what takes longer, too', async () => {
    const mcp: Handler = () => new Promise(() => undefined)
    const { port, close } = await startShell({ handlers: { mcp }, rest: { drain: { delayMs: 0, longestMs: 50 } } })
    const socket = await open(port)
    const answered = toEnd(socket)
    socket.write(GET('/mcp'))
    const partial = await open(port)
    partial.write('GET /mcp HTT')
    await until('the request is there', async () => (await rawRequest(port, '/health')).status === 200)
    await within('it is closed', close())
    expect(await answered).toBe('')
  })

  test('waits for half a request no longer than for its headers, and goes on with what has them', async () => {
    const gate = createGate()
    const mcp: Handler = async (_request, response) => {
      await gate.passed
      response.end('answered')
    }
    const limits = { bodyBytes: 100, headerBytes: 4_096, headersMs: 100, bodyMs: 600_000 }
    const drain = { delayMs: 0, longestMs: 600_000 }
    const { port, close } = await startShell({ settings: { limits }, handlers: { mcp }, rest: { drain } })
    const [whole, half] = [await open(port), await open(port)]
    const [answered, ended] = [toEnd(whole), toEnd(half)]
    whole.write(GET('/mcp'))
    half.write('GET /mcp HTT')
    await until('both have come', async () => (await rawRequest(port, '/health')).status === 200)
    const closed = close()
    await within('the half is ended', ended)
    gate.open()
    expect(await answered).toContain('answered')
    await within('it is closed', closed)
  })

  test('begins while it still serves, where a delay is set', async () => {
    const { port, close, cut } = await startShell({ rest: { drain: { delayMs: 600_000, longestMs: 600_000 } } })
    const closed = close()
    expect((await rawRequest(port, '/ready')).status).toBe(503)
    expect((await rawRequest(port, '/mcp')).status).toBe(200)
    await cut()
    await within('it is closed', closed)
  })
})

describe('TLS', () => {
  const get = (port: number, servername = 'localhost') =>
    new Promise<{ status: number; names: string }>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        path: '/health',
        servername,
        ca: AUTHORITY,
        headers: { host: `localhost:${port}` },
        agent: false as const,
      }
      secureRequest(options, (response) => {
        const { subjectaltname = '' } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate()
        response.resume().once('end', () => resolve({ status: response.statusCode ?? 0, names: subjectaltname }))
      })
        .once('error', reject)
        .end()
    })

  test('is spoken with the configured certificate, and with another one once it was changed', async () => {
    const { port, url, useCertificate } = await startShell({ settings: { tls: TLS, publicUrl: 'https://localhost' } })
    expect(url).toBe(`https://127.0.0.1:${port}`)
    expect((await get(port)).status).toBe(200)
    const error = await errorOf(() => useCertificate({ cert: 'no PEM', key: TLS.key }))
    expect(error.code).toBe('config_invalid')
    expect((await get(port)).names).toContain('localhost')
    useCertificate({ cert: pem('other.pem'), key: TLS.key })
    await expect(get(port)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  test('that is not TLS, or never finishes its handshake, ends', async () => {
    const limits = { bodyBytes: 100, headerBytes: 4_096, headersMs: 100, bodyMs: 100 }
    const { port, close } = await startShell({ settings: { tls: TLS, limits } })
    const [plain, silent] = [await open(port), await open(port)]
    const ends = [plain, silent].map(toEnd)
    plain.write(GET('/health'))
    await within('both are ended', Promise.all(ends))
    const secure = connectSecurely({ port, host: '127.0.0.1', ca: AUTHORITY, servername: 'localhost' })
    secure.on('error', () => undefined)
    await new Promise((resolve) => secure.once('secureConnect', resolve))
    await within('it is closed', close())
    secure.destroy()
  })

  test('with a certificate and a key that do not belong together is a fault of the config', async () => {
    const error = await errorOf(startShell({ settings: { tls: { cert: TLS.cert, key: 'no key' } } }))
    expect([error.code, error.message]).toEqual(['config_invalid', expect.stringContaining('serve.tls')])
    expect(`${error.message} ${error.hint}`).not.toContain('no key')
  })
})

describe('an address', () => {
  test('that another program has is said in words', async () => {
    const { port } = await startShell()
    const listen = { host: '127.0.0.1', port }
    const error = await errorOf(startShell({ settings: { listen }, rest: { portHolder: async () => 'nginx (pid 7)' } }))
    expect([error.code, ERRORS[error.code].exit]).toEqual(['listen_failed', 2])
    expect(error.message).toBe(`The address 127.0.0.1:${port} is in use by nginx (pid 7).`)
    expect(error.hint).toContain('serve.listen')
  })

  test('that this computer does not have, or may not use, is said in words', async () => {
    const elsewhere = await errorOf(startShell({ settings: { listen: { host: '192.0.2.1', port: 0 } } }))
    expect([elsewhere.code, elsewhere.message]).toEqual([
      'listen_failed',
      'The address 192.0.2.1:0 is not one of this computer (EADDRNOTAVAIL).',
    ])
    const refused = await asListenError({ code: 'EACCES' }, { host: '::', port: 443 })
    expect(refused.message).toBe('The address [::]:443 cannot be used: its port is only for root (EACCES).')
    expect(refused.hint).toContain('8080')
    expect((await asListenError({ code: 'EMFILE' }, { host: 'a', port: 1 })).message).toContain('EMFILE')
  })

  test('of localhost is both of its addresses, with one port', async () => {
    const { port, url } = await startShell({ settings: { listen: { host: 'localhost', port: 0 } } })
    expect(url).toBe(`http://localhost:${port}`)
    for (const address of ['127.0.0.1', '[::1]']) {
      const answer = await fetch(`http://${address}:${port}/health`)
      expect(answer.status).toBe(200)
    }
  })

  test('of IPv6 is written with brackets', async () => {
    expect((await startShell({ settings: { listen: { host: '::1', port: 0 } } })).url).toMatch(/^http:\/\/\[::1\]:\d+$/)
  })
})
