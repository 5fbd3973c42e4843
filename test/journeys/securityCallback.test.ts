// Security of the callback listener, with the real program: who may spend a code, what a page shows, and that the port is given back.
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../fakes/loopback.ts'
import { startAuthorizationServer } from '../servers/authorizationServer.ts'
import { freePort } from '../servers/freePort.ts'
import { startProtectedServer } from '../servers/protectedServer.ts'
import { startCrookedServer } from '../servers/scriptedOrigin.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const port = () => Number(new URL(stage.callbackUrl).port)
/** Where the authorization server sends a person who said no. */
function denial(address: string): string {
  const state = new URL(address).searchParams.get('state') ?? ''
  const query = { error: 'access_denied', state, iss: stage.authorization.issuer }
  return `${stage.callbackUrl}?${new URLSearchParams(query)}`
}

/** A sign-in that waits for its person; the port listens when its address is known. */
async function waiting(profile: string, url = stage.server.url, callback = stage.callbackUrl, ...more: string[]) {
  const words = ['login', url, '--profile', profile, '--no-browser', '--callback-url', callback, ...more]
  const login = stage.start(words)
  return { ...login, address: await login.says(/^http\S+/m) }
}

describe('a callback with the state of a sign-in that has ended', () => {
  const replayed = async (callback: string) => {
    const answer = await fetch(callback)
    return [answer.status, await answer.text()]
  }
  const REFUSED = [400, 'Invalid state\n']

  test('when it is replayed after the sign-in has finished: 400, no token request, and the other sign-in goes on', async () => {
    stage = await startStage()
    // The first one answers the port for both, and outlives the second.
    const other = await waiting('other')
    const finished = await waiting('finished')
    const end = await stage.visitElsewhere(finished.address)
    expect((await fetch(end)).status).toBe(200)
    expect(await finished.exited).toBe(0)
    expect(stage.authorization.state.tokenRequests).toBe(1)
    const attack = new URL(end)
    attack.searchParams.set('code', 'attacker')
    for (const callback of [end, attack.href, end]) expect(await replayed(callback)).toEqual(REFUSED)
    expect(stage.authorization.state.tokenRequests).toBe(1)
    await stage.visit(other.address)
    expect(await other.exited).toBe(0)
    expect(stage.authorization.state.tokenRequests).toBe(2)
  })

  test('when the sign-in has failed: 400, no token request, and the other sign-in goes on', async () => {
    stage = await startStage()
    const other = await waiting('other')
    const denied = await waiting('denied')
    const end = denial(denied.address)
    const failed = await fetch(end)
    expect([failed.status, await failed.text()]).toEqual([400, expect.stringContaining('access_denied')])
    expect(await denied.exited).toBe(3)
    for (const callback of [end, end.replace('error=access_denied', 'code=attacker')])
      expect(await replayed(callback)).toEqual(REFUSED)
    expect(stage.authorization.state.tokenRequests).toBe(0)
    await stage.visit(other.address)
    expect(await other.exited).toBe(0)
  })
})

test('when Host is another name or port, or Fetch Metadata indicates a page, a callback is 403 and uses up no code', async () => {
  stage = await startStage()
  const login = await waiting('default')
  const end = new URL(await stage.visitElsewhere(login.address))
  const path = end.pathname + end.search
  const site = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
  const looks = [
    ...['evil.example', `evil.example:${port()}`, `localhost.evil.example:${port()}`, 'localhost', `localhost:1`],
    ...[`169.254.169.254:${port()}`],
  ].map((host) => ({ host }) as Record<string, string>)
  for (const destination of ['image', 'script', 'iframe', 'empty'])
    looks.push({ host: end.host, ...site, 'sec-fetch-dest': destination })
  for (const headers of looks) expect((await ask(port(), path, { headers })).status, JSON.stringify(headers)).toBe(403)
  for (const other of [`${end.pathname}/`, `/${end.pathname}`, '/', end.pathname.toUpperCase()])
    expect((await ask(port(), other + end.search, { headers: { host: end.host } })).status, other).toBe(404)
  expect(stage.authorization.state.tokenRequests).toBe(0)
  expect((await ask(port(), path, { headers: { host: end.host } })).status).toBe(200)
  expect(await login.exited).toBe(0)
})

test('when error_description has HTML and JavaScript, the page shows them as text, under a policy that runs and stores nothing', async () => {
  stage = await startStage()
  const evil = `<script>alert(1)</script><img src=x onerror="alert(2)"><a href='javascript:alert(3)'>&`
  const server = await startCrookedServer({ callback: { error: 'access_denied', error_description: evil } })
  onTestFinished(() => server.close())
  const login = await waiting('default', server.url)
  const answer = await fetch(await stage.visitElsewhere(login.address), { headers: { accept: 'text/html' } })
  expect(answer.status).toBe(400)
  expect(answer.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-/,
  )
  expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const page = await answer.text()
  expect(page.split('</head>')[1]).not.toMatch(/<(script|img|a)\b|&(?!#\d+;)/)
  expect(page.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))).toContain(
    '<script>alert(1)</script>',
  )
  // Code and state leave the address bar and the history.
  expect(page).toContain("<script>history.replaceState(null, '', location.pathname)</script>")
  expect(await login.exited).toBe(3)
})

test('the port of a sign-in is bound on loopback only', async () => {
  stage = await startStage()
  const login = await waiting('default')
  const others = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
  )
  const host = { host: new URL(stage.callbackUrl).host }
  // 127.0.0.2 is loopback on Linux and stands for every address that was not named.
  for (const address of [...others, ...(process.platform === 'linux' ? ['127.0.0.2'] : [])])
    await expect(ask(port(), '/', { address, headers: host }), address).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect((await ask(port(), '/', { headers: host })).status).toBe(404)
  login.child.kill('SIGTERM')
  await login.exited
})

describe('when a sign-in ends, its port is closed, even if connections to it are open:', () => {
  /** One that says nothing, and one in the middle of a request. Resolves when both are closed. */
  async function hold() {
    const sockets = ['', 'GET /auth/callback HTTP/1.1\r\nHost: localhost\r\n'].map((start) => {
      const socket = connect(port(), '127.0.0.1', () => socket.write(start))
      socket.on('error', () => undefined)
      return socket
    })
    onTestFinished(() => void sockets.map((socket) => socket.destroy()))
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('ready', resolve))))
    const closed = Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    return { closed }
  }

  type Login = Awaited<ReturnType<typeof waiting>>
  const ENDS: [string, number, (login: Login) => unknown][] = [
    ['success', 0, ({ address }) => stage.visit(address)],
    ['failure', 3, ({ address }) => fetch(denial(address))],
    ['timeout', 3, () => undefined],
    ['SIGTERM', 130, ({ child }) => child.kill('SIGTERM')],
    ['SIGINT', 130, ({ child }) => child.kill('SIGINT')],
  ]
  test.each(ENDS)('%s of the login command', async (how, code, end) => {
    stage = await startStage()
    const config = stage.config(how === 'timeout' ? 'session_timeout: 6\n' : '')
    const login = await waiting('default', stage.server.url, stage.callbackUrl, '--config', config)
    const { closed } = await hold()
    await end(login)
    expect(await login.exited).toBe(code)
    await closed
    await stage.callbackPortIsFree()
  })

  const HOST_ENDS: [string, string, (address: string) => unknown][] = [
    ['success', '', (address) => stage.visit(address)],
    ['failure', '', (address) => fetch(denial(address))],
    ['timeout', 'session_timeout: 6\n', () => undefined],
  ]
  test.each(HOST_ENDS)(
    '%s of the sign-in that a bridge began, after the end of the bridge’s stdin',
    async (_, text, end) => {
      stage = await startStage()
      const host = stage.host(['--config', stage.config(text)], { PERSON: 'absent' })
      host.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25' } })
      const [tab] = await stage.untilTabs(1)
      const { closed } = await hold()
      expect(await host.close()).toBe(0)
      expect(stage.loginProcesses()).toHaveLength(1)
      await end(tab?.[0] ?? '')
      await closed
      await stage.callbackPortIsFree()
      await stage.untilLoginsLeft(0)
    },
  )
})

test('when several sign-ins run at once, each code is redeemed with its own verifier, client and redirect URI', async () => {
  stage = await startStage()
  // A second authorization server: clients of the first are unknown there, and both hold a code to verifier and redirect URI.
  const authorization = await startAuthorizationServer()
  const server = await startProtectedServer({ issuer: authorization.issuer, target: stage.everything.url })
  onTestFinished(async () => {
    await server.close()
    await authorization.close()
  })
  const grants: Record<string, unknown>[] = []
  for (const { provider } of [stage.authorization, authorization])
    provider.on('grant.success', (ctx) => void grants.push({ ...ctx.oidc.params }))
  const elsewhere = `http://localhost:${await freePort()}/auth/callback`
  const logins = [
    await waiting('one'),
    await waiting('two'),
    await waiting('one', server.url),
    await waiting('three', stage.server.url, elsewhere),
  ]
  const ends = []
  for (const { address } of logins.slice(0, 3)) ends.push(await stage.visitElsewhere(address))
  // The last one first: none of them is answered in the order in which they began.
  await stage.visit(logins[3]?.address ?? '')
  for (const end of ends.reverse()) expect((await fetch(end)).status).toBe(200)
  expect(await Promise.all(logins.map(({ exited }) => exited))).toEqual([0, 0, 0, 0])
  expect(stage.authorization.counts.codeGrants).toBe(3)
  expect(authorization.counts.codeGrants).toBe(1)
  expect(new Set(grants.map(({ code_verifier: verifier }) => verifier)).size).toBe(4)
  expect(grants.map(({ redirect_uri: uri }) => uri).sort()).toEqual(
    [stage.callbackUrl, stage.callbackUrl, stage.callbackUrl, elsewhere].sort(),
  )
})
