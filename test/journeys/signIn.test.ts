// The first journey, with real parts throughout: oidc-provider, server-everything, a person, the program itself.
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Stage = Awaited<ReturnType<typeof startStage>>

let stage: Stage
afterEach(() => stage?.close())

const echo = (host: ReturnType<Stage['host']>, message: string) =>
  host.request('tools/call', { name: 'echo', arguments: { message } })

test('a first start signs in through the browser once, and the same initialize is then answered by the server', async () => {
  stage = await startStage()
  const host = stage.host()
  const answer = await host.initialize()
  expect(answer.result.serverInfo.name).toContain('everything')
  expect((await host.request('tools/list')).result.tools.length).toBeGreaterThan(5)
  expect((await echo(host, 'grüß dich')).result.content[0].text).toBe('Echo: grüß dich')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts).toMatchObject({ registrations: 1, codeGrants: 1 })
  expect(await host.close()).toBe(0)
  expect(host.rubbish).toEqual([])
})

test('a login whose token the server refuses says so, also with its exit code, and opens no second tab', async () => {
  stage = await startStage()
  stage.server.state.refuses = true
  const login = await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])
  expect(login.code).toBe(3)
  expect(login.stderr).toMatch(/^error: .*refuses it \(401\)/m)
  expect(login.stderr).toMatch(/^hint: .*audience/m)
  expect(stage.tabs()).toHaveLength(1)
})

test('the authorization request has PKCE S256, state, nonce, the exact redirect URI and the resource of the metadata', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  const query = new URL(stage.tabs()[0]?.[0] ?? '').searchParams
  expect(query.get('code_challenge_method')).toBe('S256')
  expect(query.get('code_challenge')).toMatch(/^[\w-]{43}$/)
  expect(query.get('state')).toMatch(/^[\w-]{43}$/)
  expect(query.get('nonce')).toBeTruthy()
  expect(query.get('redirect_uri')).toBe(stage.callbackUrl)
  expect(query.get('resource')).toBe(stage.server.url)
  await host.close()
})

test('a second start needs no sign-in: the stored token is sent with the first request', async () => {
  stage = await startStage()
  const first = stage.host()
  await first.initialize()
  await first.close()
  const refusedBefore = stage.server.state.refused
  const second = stage.host()
  expect(await second.isMet()).toBe(true)
  expect((await echo(second, 'again')).result.content[0].text).toBe('Echo: again')
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.server.state.refused).toBe(refusedBefore)
  await second.close()
})

test('bearer and X-User-* headers from the validated ID token are sent with every request', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  await host.request('tools/list')
  for (const { headers } of stage.server.state.passed) {
    expect(headers.authorization).toMatch(/^Bearer eyJ/)
    expect(headers['x-user-id']).toBe('alice')
    expect(headers['x-user-email']).toBe('alice@example.com')
    expect(headers['x-user-name']).toBe('Alice Example')
  }
  await host.close()
})

test('an access token that the server refuses is refreshed without the person noticing', async () => {
  stage = await startStage()
  const host = stage.host()
  await host.initialize()
  stage.server.rejectTokens()
  const answers = await Promise.all([1, 2, 3, 4].map((n) => echo(host, `call ${n}`)))
  expect(answers.map(({ result }) => result.content[0].text)).toEqual([1, 2, 3, 4].map((n) => `Echo: call ${n}`))
  expect(stage.authorization.counts).toMatchObject({ refreshGrants: 1, refusedRefreshes: 0 })
  expect(stage.tabs()).toHaveLength(1)
  await host.close()
})

// JWTs count whole seconds, so a token of 2 s may live for little more than one.
test('a token that has expired is refreshed before the call', async () => {
  stage = await startStage({ accessTokenSeconds: 2 })
  const host = stage.host()
  await host.initialize()
  const before = stage.authorization.counts.refreshGrants
  const refreshes = () => stage.authorization.counts.refreshGrants - before
  await until(
    'three refreshes',
    async () => {
      expect((await echo(host, 'tick')).result.content[0].text).toBe('Echo: tick')
      return refreshes() >= 3
    },
    refreshes,
  )
  expect(stage.tabs()).toHaveLength(1)
  expect(stage.authorization.counts.refusedRefreshes).toBe(0)
  await host.close()
})

test('a revoked refresh token leads to one new sign-in, and the call that noticed succeeds', async () => {
  stage = await startStage({ accessTokenSeconds: 2 })
  const host = stage.host()
  await host.initialize()
  await stage.authorization.revokeGrants()
  await until('a second tab', async () => {
    expect((await echo(host, 'still here')).result.content[0].text).toBe('Echo: still here')
    return stage.tabs().length === 2
  })
  expect(stage.authorization.counts.refusedRefreshes).toBe(1)
  expect(stage.tabs()).toHaveLength(2)
  await host.close()
})

test('Issue: no browser tab opens: after a sign-in that was denied the error says so and why, until login has opened one', async () => {
  stage = await startStage({ person: 'deny' })
  const host = stage.host()
  const error = await host.failure()
  expect(error.data).toMatchObject({ source: 'mcp-oauth-bridge', code: 'access_denied' })
  expect(error.data.hint).not.toBe('')
  expect(error.code < -32768 || error.code > -32000).toBe(true)
  expect(error.data.hint).not.toBe('')
  stage.authorization.state.person = 'approve'
  const again = await host.failure()
  expect(again.message).toContain('The last sign-in failed: ')
  expect(again.data).toMatchObject({ code: 'access_denied' })
  expect(again.data.hint).toContain(`mcp-oauth-bridge login ${stage.server.url}`)
  expect(stage.tabs()).toHaveLength(1)
  expect((await stage.command(['login', stage.server.url, '--callback-url', stage.callbackUrl])).code).toBe(0)
  expect(await host.isMet()).toBe(true)
  await host.close()
})

test('a sign-in that nobody completes ends at session_timeout with an error answer and a free port', async () => {
  stage = await startStage()
  const config = await stage.config('session_timeout: 6\nlogin: { hold_initialize_ms: 60000 }\n')
  const host = stage.host(['--config', config], { PERSON: 'absent' })
  const error = await host.failure()
  expect(error.data.code).toBe('login_timed_out')
  expect(stage.tabs()).toHaveLength(1)
  await stage.callbackPortIsFree()
  expect(await host.close()).toBe(0)
})
