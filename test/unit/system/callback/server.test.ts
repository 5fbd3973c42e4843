// The callback listener on real ports: who is answered, and that nothing stays behind.
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CallbackPage } from '../../../../src/records.ts'
import { callbackServer, notAllowed } from '../../../../src/system/callback/server.ts'
import { createGate } from '../../../fakes/gate.ts'
import { ask, silentListener } from '../../../fakes/loopback.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'
import { freePort } from '../../../servers/freePort.ts'

const DONE: CallbackPage = { kind: 'done', server: 'https://mcp.example/mcp' }

async function listen(
  answer: (query: URLSearchParams) => CallbackPage | Promise<CallbackPage> = () => DONE,
  host = 'localhost',
) {
  const port = await freePort()
  const queries: string[] = []
  const listening = await callbackServer.listen(`http://${host}:${port}/auth/callback`, async (query) => {
    queries.push(query.toString())
    return answer(query)
  })
  onTestFinished(() => listening.close())
  return { port, queries, close: () => listening.close(), host: { host: `localhost:${port}` } }
}

const PATH = '/auth/callback?code=a%20b&state=s'

describe('a callback', () => {
  test.each(['127.0.0.1', '::1'])('is answered on %s', async (address) => {
    const { port, queries, host } = await listen()
    const answer = await ask(port, PATH, { address, headers: host })
    expect(answer.status).toBe(200)
    expect(answer.body).toContain('You are signed in')
    expect(queries).toEqual(['code=a+b&state=s'])
  })

  test('is answered on the one address that a redirect URI names', async () => {
    const { port } = await listen(() => DONE, '127.0.0.1')
    expect((await ask(port, PATH)).status).toBe(200)
    await expect(ask(port, PATH, { address: '::1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('is never cached, framed or shared', async () => {
    const { port, host } = await listen()
    expect((await ask(port, PATH, { headers: host })).headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      connection: 'close',
      'content-security-policy': expect.stringContaining("default-src 'none'"),
    })
  })

  test('that starts another attempt is a redirect that leaves nothing behind', async () => {
    const authorizationUrl = 'https://as.example/authorize?state=2'
    const { port, host } = await listen(() => ({ kind: 'again', authorizationUrl }))
    const answer = await ask(port, PATH, { headers: host })
    expect(answer).toMatchObject({ status: 303, body: '' })
    expect(answer.headers).toMatchObject({ location: authorizationUrl, 'cache-control': 'no-store' })
  })

  test('that failed is a page with status 400', async () => {
    const { port, host } = await listen(() => ({ kind: 'failed', code: 'access_denied', message: 'No.', hint: 'Ask.' }))
    const answer = await ask(port, PATH, { headers: host })
    expect(answer.status).toBe(400)
    expect(answer.body).toContain('access_denied')
  })

  test('of no sign-in is a page for people and a short text for programs', async () => {
    const { port, host } = await listen(() => ({ kind: 'invalid_state' }))
    const program = await ask(port, PATH, { headers: host })
    expect([program.status, program.body]).toEqual([400, 'Invalid state\n'])
    const person = await ask(port, PATH, { headers: { ...host, accept: 'text/html,*/*' } })
    expect([person.status, person.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8'])
  })

  test('whose handling fails is answered with an error, and the listener goes on', { timeout: 5_000 }, async () => {
    const { port, host } = await listen((query) => {
      if (query.get('state') === 's') throw new Error('database is locked')
      return DONE
    })
    const answer = await ask(port, PATH, { headers: host })
    expect(answer.status).toBe(500)
    expect(answer.body).not.toContain('database')
    expect((await ask(port, '/auth/callback?state=t', { headers: host })).status).toBe(200)
  })
})

describe('what is not a callback', () => {
  test.each([
    ['/', 404],
    ['/favicon.ico', 404],
    ['/auth/callback/', 404],
    ['/auth/callbac', 404],
    ['/AUTH/callback', 404],
    ['//auth/callback', 404],
    ['/auth/../auth/callback/x', 404],
  ])('%s is answered %i and not handled', async (path, status) => {
    const { port, queries, host } = await listen()
    expect((await ask(port, path, { headers: host })).status).toBe(status)
    expect(queries).toEqual([])
  })

  test.each(['POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('%s is answered 405 and not handled', async (method) => {
    const { port, queries, host } = await listen()
    expect((await ask(port, PATH, { method, headers: host })).status).toBe(405)
    expect(queries).toEqual([])
  })

  test.each([
    'evil.example',
    'evil.example:8080',
    'localhost',
    'localhost:1',
    'localhost.evil.example',
    '192.168.0.1',
    '[::1].evil.example',
  ])('the host %s is refused: another name that resolves to this machine', async (host) => {
    const { port, queries } = await listen()
    expect((await ask(port, PATH, { headers: { host } })).status).toBe(403)
    expect(queries).toEqual([])
  })

  test.each(['localhost', '127.0.0.1', '[::1]'])('the host %s with our port is ours', async (name) => {
    const { port } = await listen()
    expect((await ask(port, PATH, { headers: { host: `${name}:${port}` } })).status).toBe(200)
  })

  test.each([
    { 'sec-purpose': 'prefetch' },
    { purpose: 'preview' },
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    { origin: 'https://evil.example' },
  ])('a prefetch and a request of a page (%j) use up no code', async (headers) => {
    const { port, queries, host } = await listen()
    expect((await ask(port, PATH, { headers: { ...host, ...headers } })).status).toBe(403)
    expect(queries).toEqual([])
  })

  test('an endless header ends the connection, not the listener', async () => {
    const { port, host } = await listen()
    const big = await ask(port, `/auth/callback?x=${'x'.repeat(40_000)}`, { headers: host }).then(
      ({ status }) => status,
      () => 431,
    )
    expect(big).toBe(431)
    expect((await ask(port, PATH, { headers: host })).status).toBe(200)
  })
})

describe('a port', () => {
  test('is bound on loopback only', async () => {
    const { port } = await listen()
    const others = Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
    )
    // 127.0.0.2 is loopback on Linux and stands for every address that was not named.
    for (const address of [...others, ...(process.platform === 'linux' ? ['127.0.0.2'] : [])])
      await expect(ask(port, PATH, { address }), address).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('is free although a client keeps a connection alive after an answer', async () => {
    const { port, close, host } = await listen()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const answered = await new Promise<string | undefined>((resolve, reject) =>
      get({ port, host: '127.0.0.1', path: '/favicon.ico', agent, headers: host }, (response) => {
        response.resume().on('end', () => resolve(response.headers.connection))
      }).on('error', reject),
    )
    expect(answered).toBe('close')
    await close()
    await silentListener('127.0.0.1', port)
  })

  test.each(['127.0.0.1', '::1'])(
    'that another program holds on %s is port_in_use, and the other address family is released',
    async (address) => {
      const port = await freePort()
      await silentListener(address, port)
      const uri = `http://localhost:${port}/auth/callback`
      const error = await errorOf(callbackServer.listen(uri, async () => DONE))
      expect(error.code).toBe('port_in_use')
      expect(error.message).toContain(`localhost:${port}`)
      await silentListener(address === '::1' ? '127.0.0.1' : '::1', port)
    },
  )

  test('that we hold ourselves is port_in_use', async () => {
    const { port } = await listen()
    expect(await codeOf(callbackServer.listen(`http://localhost:${port}/x`, async () => DONE))).toBe('port_in_use')
  })

  test('is free as soon as the listener is closed, in both families', async () => {
    const { port, close, host } = await listen()
    await ask(port, PATH, { headers: host })
    await close()
    await silentListener('127.0.0.1', port)
    await silentListener('::1', port)
  })

  test('is free although a client holds a connection open and sends nothing', async () => {
    const { port, close } = await listen()
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.once('connect', resolve))
    const ended = new Promise((resolve) => socket.once('close', resolve))
    await close()
    await ended
    await silentListener('127.0.0.1', port)
  })

  test('is closed only after a callback on its way was answered', async () => {
    const handling = createGate()
    const gate = createGate<CallbackPage>()
    const { port, close, host } = await listen(() => {
      handling.open()
      return gate.passed
    })
    const asking = ask(port, PATH, { headers: host })
    await handling.passed
    const closing = close()
    gate.open(DONE)
    expect((await asking).status).toBe(200)
    await closing
  })
})

test('a port that Windows has reserved is told with the command that lists them', () => {
  const { code, message, hint } = notAllowed(new URL('http://localhost:8080/cb'), undefined, 'win32')
  expect(code).toBe('port_in_use')
  expect(message).toBe('The callback address localhost:8080 cannot be used: Windows has reserved its port (EACCES).')
  expect(hint).toContain('netsh interface ipv4 show excludedportrange protocol=tcp')
  expect(notAllowed(new URL('http://localhost:80/cb'), undefined, 'linux').hint).not.toContain('netsh')
})

test.each(['localhost', '127.0.0.1', '[::1]'])('a free port of %s can be listened on', async (host) => {
  const uri = await callbackServer.onFreePort(`http://${host}:8080/cb?x=1`)
  expect(uri).toMatch(/:\d+\/cb\?x=1$/)
  expect(new URL(uri).port).not.toBe('8080')
  const { close } = await callbackServer.listen(uri, async () => ({ kind: 'invalid_state' }))
  await close()
})
