// The guide's issues with redirects and PKCE: each fault made for real, and named with its remedy.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const log = () => readFileSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, 'logs/proxy.log'), 'utf8')

const byHand = (redirectUri: string) => ({
  settings: {
    clients: [
      {
        ...{ client_id: 'by-hand', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' },
        ...{ application_type: 'native', grant_types: ['authorization_code', 'refresh_token'] },
      },
    ],
  },
})

test.each(['/callback', '/auth/callback/'])(
  'Issue: "OAuth redirect URI mismatch": doctor asks the provider that has %s, and names redirect_uri_mismatch',
  async (path) => {
    stage = await startStage(byHand(`http://localhost:4711${path}`))
    const { code, report, found } = await stage.doctor([stage.server.url, '--client-id', 'by-hand'])
    expect(code).toBe(3)
    expect(report.ok).toBe(false)
    expect(report.likely_cause).toMatchObject({ name: 'redirect_uri', code: 'redirect_uri_mismatch' })
    expect(found('redirect_uri').detail).toContain('OAuth redirect URI mismatch')
    expect(found('redirect_uri').remedy).toContain(`Register exactly ${stage.callbackUrl}`)
    expect(stage.tabs()).toEqual([])
  },
)

test('a redirect URI that is registered exactly passes', async () => {
  stage = await startStage(byHand('http://localhost:4711/auth/callback'))
  const callback = ['--callback-url', 'http://localhost:4711/auth/callback']
  const { found } = await stage.doctor([stage.server.url, '--client-id', 'by-hand', ...callback])
  expect(found('redirect_uri')).toMatchObject({ status: 'pass' })
})

test('Issue: "Invalid state parameter": the callback says so, the log names it, and doctor warns of a low session_timeout', async () => {
  stage = await startStage()
  const config = stage.config(`session_timeout: 250\ncallback_url: ${stage.callbackUrl}\n`)
  const login = stage.start(['login', stage.server.url, '--no-browser', '--config', config])
  const address = await login.says(/^http\S+/m)
  const answer = await fetch(`${stage.callbackUrl}?code=test&state=test`)
  expect([answer.status, await answer.text()]).toEqual([400, 'Invalid state\n'])
  expect(stage.logged()).toContainEqual(expect.objectContaining({ event: 'oauth:callback', error: 'invalid_state' }))
  const { code, found } = await stage.doctor([stage.server.url, '--config', config])
  expect(found('config')).toMatchObject({
    status: 'warn',
    code: 'invalid_state',
    remedy: expect.stringContaining('300'),
  })
  expect(found('config').detail).toContain('session_timeout is low (< 300s)')
  // The port is held by the sign-in that waits: that is no fault.
  expect(found('callback_port')).toMatchObject({
    status: 'pass',
    detail: expect.stringContaining('pending sign-in of mcp-oauth-bridge'),
  })
  expect(code).toBe(0)
  await stage.visit(address)
  expect(await login.exited).toBe(0)
})

test('Issue: OAuth flow gets stuck at authorization page: doctor names who holds the callback port', async () => {
  stage = await startStage()
  const taken = `http://127.0.0.1:${stage.everything.port}/auth/callback`
  const stuck = await stage.doctor([stage.server.url, '--client-id', 'by-hand', '--callback-url', taken])
  expect(stuck.found('callback_port')).toMatchObject({ status: 'fail', code: 'port_in_use' })
  expect(stuck.found('callback_port').remedy).toContain('callback_url')
  expect(stuck.found('callback_port').detail).toMatch(/is in use by \S+ \(pid \d+\)/)
  expect(stuck.code).not.toBe(0)
  const moves = await stage.doctor([stage.server.url, '--callback-url', taken])
  expect(moves.found('callback_port')).toMatchObject({
    status: 'warn',
    remedy: expect.stringContaining('neighboring'),
  })
})

test('Issue: OAuth flow gets stuck at authorization page: the log shows whether the callback came', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', ...here()])
  const address = await login.says(/^http\S+/m)
  const callbacks = () => stage.logged().flatMap(({ event, outcome }) => (event === 'oauth:callback' ? [outcome] : []))
  expect(callbacks()).toEqual(['listening'])
  await stage.visit(address)
  expect(await login.exited).toBe(0)
  expect(callbacks()).toEqual(['listening', 'received'])
})

test('Issue: "PKCE code_verifier validation failed": the sign-in ends as pkce_failed, and DEBUG=oauth:pkce shows every step', async () => {
  stage = await startStage()
  const login = stage.start(['login', stage.server.url, '--no-browser', ...here()], { DEBUG: 'oauth:pkce' })
  const address = new URL(await login.says(/^http\S+/m))
  const challenge = address.searchParams.get('code_challenge') ?? ''
  const said = { error: 'invalid_grant', error_description: 'code_verifier does not match code_challenge' }
  const headers = { 'content-type': 'application/json' }
  stage.authorization.state.tokenFault = { status: 400, headers, body: JSON.stringify(said) }
  await stage.visit(address.href)
  expect(await login.exited).toBe(3)
  const failure = stage.logged().find(({ event }) => event === 'oauth:sign-in-failed')
  expect(failure).toMatchObject({ error: 'pkce_failed' })
  expect(await login.says(/^hint: .*/m)).toContain('Start the sign-in again')
  const steps = stage.logged().flatMap(({ event, message }) => (event === 'oauth:pkce' ? [message] : []))
  expect(steps).toEqual([
    'code_verifier generated',
    'code_challenge created (SHA-256)',
    expect.stringContaining('code_verifier stored'),
    expect.stringContaining('code_verifier retrieved'),
  ])
  expect(log()).not.toContain(challenge)
})

test.each([
  ['Issue: "PKCE required but not provided"', 'pkce_enabled: false', 'MCP requires PKCE'],
  ['Issue: "Code challenge method not supported"', 'code_challenge_method: plain', 'must be S256'],
])('%s: %s is refused with the reason, its line and column', async (_issue, line, reason) => {
  stage = await startStage()
  const config = stage.config(`providers:\n  example:\n    ${line}\n`)
  const { code, report } = await stage.doctor([stage.server.url, '--config', config])
  expect(code).toBe(2)
  expect(report.likely_cause).toMatchObject({ name: 'config', code: 'config_invalid' })
  expect(report.likely_cause.detail).toContain(`${config}:3:`)
  expect(report.likely_cause.detail).toContain(reason)
  expect(report.likely_cause.remedy).toContain('Correct the line')
})

test('Issue: "Code challenge method not supported": doctor names a provider that does not advertise S256', async () => {
  stage = await startStage()
  const path = '/.well-known/oauth-authorization-server'
  const own = (await (await fetch(stage.authorization.issuer + path)).json()) as Record<string, unknown>
  stage.authorization.state.documents[path] = { ...own, code_challenge_methods_supported: ['plain'] }
  const { code, report, found } = await stage.doctor()
  expect(code).toBe(3)
  expect(report.likely_cause).toMatchObject({ name: 'pkce', code: 'pkce_unsupported' })
  expect(found('authorization_server_metadata').status).toBe('pass')
  expect(found('pkce').remedy).toContain('code_challenge_methods_supported')
})
