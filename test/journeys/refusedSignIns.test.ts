// Sign-ins that must be refused: each is an error answer that names the cause, and the bridge stays.
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { startCrookedServer } from '../servers/scriptedOrigin.ts'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const EVIL = 'https://evil.example'

describe('a refused sign-in is an error answer that names the cause, and the process stays', () => {
  test.each([
    ['the issuer', 'issuer_mismatch', EVIL, { metadata: { issuer: EVIL } }],
    ['the resource', 'resource_mismatch', EVIL, { resource: { resource: EVIL } }],
    [
      'metadata without S256',
      'pkce_unsupported',
      'S256',
      { metadata: { code_challenge_methods_supported: ['plain'] } },
    ],
    [
      'metadata without registration',
      'registration_failed',
      '/callback',
      { metadata: { registration_endpoint: undefined } },
    ],
    ['metadata without a token endpoint', 'discovery_failed', 'token_endpoint', { metadata: { token_endpoint: 7 } }],
    ['the browser’s address', 'discovery_failed', 'file://', { metadata: { authorization_endpoint: 'file:///x' } }],
    ['a token that is no header', 'malformed_token', '', { token: { access_token: 'a\r\nb', token_type: 'bearer' } }],
  ] as const)('%s: %s', async (_what, code, named, options) => {
    stage = await startStage()
    const server = await startCrookedServer(options)
    onTestFinished(() => server.close())
    const host = stage.hostOf(server.url)
    const error = await host.failure()
    expect(error.data).toMatchObject({ source: 'mcp-oauth-bridge', code })
    expect(error.message).toContain(named)
    expect(error.data.hint).not.toBe('')
    expect((await host.request('ping')).result).toEqual({})
    expect(host.child.exitCode).toBeNull()
    expect(await host.close()).toBe(0)
  })

  test('an error whose iss is another’s is neither acted on nor shown: the sign-in waits on for the right one', async () => {
    stage = await startStage()
    const server = await startCrookedServer({
      metadata: { authorization_response_iss_parameter_supported: true },
      callback: { error: 'access_denied', error_description: 'needle', iss: EVIL },
    })
    onTestFinished(() => server.close())
    const config = stage.config('session_timeout: 6\n')
    const { code, stderr } = await stage.command([
      ...['login', server.url, '--config', config, '--callback-url', stage.callbackUrl],
    ])
    expect(code).toBe(3)
    expect(stderr).toContain('login_timed_out')
    expect(stderr).not.toContain('needle')
    expect(stage.tabs()).toHaveLength(1)
  })

  test('a code whose iss is another’s is not redeemed', async () => {
    stage = await startStage()
    const server = await startCrookedServer({
      metadata: { authorization_response_iss_parameter_supported: true },
      callback: { iss: EVIL },
    })
    onTestFinished(() => server.close())
    const host = stage.hostOf(server.url)
    const error = await host.failure()
    expect(error.data.source).toBe('mcp-oauth-bridge')
    expect(server.tokenRequests()).toBe(0)
    expect(await host.close()).toBe(0)
  })
})

test('forged callbacks with an attacker’s code never reach the token endpoint, and the sign-in goes on', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  const address = await login.says(/^http\S+/m)
  const forged = [
    'code=attacker',
    'code=attacker&state=',
    'code=attacker&state=guessed',
    `code=attacker&state=${'A'.repeat(43)}`,
    'code=attacker&state[]=x',
    'error=access_denied',
    'error=access_denied&state=guessed&error_description=needle',
  ]
  for (const query of forged) {
    const answer = await fetch(`${stage.callbackUrl}?${query}`, { headers: { accept: 'text/html' } })
    expect(answer.status).toBe(400)
    expect(await answer.text()).not.toContain('needle')
  }
  expect(stage.authorization.state.tokenRequests).toBe(0)
  await stage.visit(address)
  expect(await login.exited).toBe(0)
  expect(stage.authorization.state.tokenRequests).toBe(1)
})

test('a callback that is asked for without being a navigation spends no code', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  const end = await stage.visitElsewhere(await login.says(/^http\S+/m))
  const looks = [
    { method: 'HEAD' },
    { method: 'POST' },
    { method: 'OPTIONS' },
    { headers: { 'sec-purpose': 'prefetch' } },
    { headers: { origin: EVIL } },
  ]
  for (const look of looks) expect([403, 405]).toContain((await fetch(end, look)).status)
  expect(stage.authorization.state.tokenRequests).toBe(0)
  expect((await fetch(end)).status).toBe(200)
  expect(await login.exited).toBe(0)
})

test('a sign-in that is terminated frees the port, and says that it was interrupted', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', '--callback-url', stage.callbackUrl])
  await login.says(/^http\S+/m)
  const socket = fetch(stage.callbackUrl, { keepalive: true })
  await (await socket).text()
  login.child.kill('SIGTERM')
  expect(await login.exited).toBe(130)
  expect(await login.says(/interrupted/)).toBe('interrupted')
  await stage.callbackPortIsFree()
})

test('the login process of a bridge that is terminated frees the port too', async () => {
  stage = await startStage()
  const host = stage.host([], { PERSON: 'absent' })
  host.initialize().catch(() => undefined)
  await stage.untilTabs(1)
  // Without the bridge, which would start another one.
  host.child.kill('SIGKILL')
  await host.exited
  const [pid] = stage.loginProcesses()
  process.kill(pid ?? 0, 'SIGTERM')
  await stage.callbackPortIsFree()
})

test('what servers say is shown without escape sequences and without what turns writing: terminal, page and status', async () => {
  stage = await startStage()
  const hostile = '\u001b]0;title\u0007\u001b[2Jgood\u202egnp.exe\u2066\u061c'
  const controls = (text: string) => /[\p{Cc}\p{Cf}]/u.exec(text.replaceAll('\n', ''))?.[0]
  const server = await startCrookedServer({ callback: { error: 'access_denied', error_description: hostile } })
  onTestFinished(() => server.close())
  const words = (url: string) => ['login', url, '--no-browser', '--callback-url', stage.callbackUrl]
  const denied = stage.start(words(server.url))
  const end = await stage.visitElsewhere(await denied.says(/^http\S+/m))
  const page = await (await fetch(end, { headers: { accept: 'text/html' } })).text()
  expect(page).toContain('access_denied')
  expect(controls(page)).toBeUndefined()
  expect(await denied.exited).toBe(3)
  expect(controls(await denied.says(/[\s\S]*see mcp-oauth-bridge explain/))).toBeUndefined()

  stage.authorization.state.claims = { email: `${hostile}@example.com`, name: hostile }
  const login = stage.start(words(stage.server.url))
  await stage.visit(await login.says(/^http\S+/m))
  expect(await login.exited).toBe(0)
  expect(controls(await login.says(/Signed in[\s\S]*/))).toBeUndefined()
  const status = await stage.command(['status'])
  expect(status.stdout).toContain('gnp.exe')
  expect(controls(status.stdout)).toBeUndefined()
})
