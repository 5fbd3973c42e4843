// Servers that write their answers loosely: the built program signs in, calls and refreshes; what protects somebody stays refused.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { PROGRAM } from '../servers/host.ts'
import { startProtectedStage } from '../servers/scriptedStage.ts'

const run = promisify(execFile)
let stage: Awaited<ReturnType<typeof startProtectedStage>>
afterEach(() => stage?.close())

const url = () => `${stage.server.origin}/mcp`
const PRM = '/.well-known/oauth-protected-resource/mcp'
const asked = (path: string) => stage.issuer.requests.filter((seen) => seen.path === path)
/** The stage's own `command` names a callback, which `status` has no use for. */
const account = async () => {
  const { stdout } = await run(process.execPath, [PROGRAM, 'status', url(), '--json'], {
    ...{ env: stage.environment, cwd: stage.home },
  })
  return JSON.parse(stdout).accounts[0]
}

/** One tab, and a call with the token. */
async function expectSignedIn(...args: string[]) {
  const host = stage.host(...args)
  expect(await host.isMet()).toBe(true)
  expect((await host.request('tools/list')).result).toBeDefined()
  await host.close()
  expect(stage.tabs()).toBe(1)
}
const sent = (contentType: string, value: unknown, status = 200, mark = '') => ({
  ...{ status, headers: { 'content-type': contentType }, text: `${mark}${JSON.stringify(value)}` },
})

describe('a server is used', () => {
  test('whose every document and answer has odd optional members', async () => {
    stage = await startProtectedStage({
      ...{ scopes_supported: 'files offline_access', grant_types_supported: null, jwks_uri: '', userinfo_endpoint: 0 },
      ...{ token_endpoint_auth_methods_supported: '', code_challenge_methods_supported: 'S256' },
      ...{ revocation_endpoint: null, device_authorization_endpoint: [], prompt_values_supported: {} },
    })
    const { server, issuer } = stage
    server.routes[PRM] = () => ({
      json: {
        ...{ resource: [`${server.origin}/mcp`], authorization_servers: issuer.origin, scopes_supported: 'files mail' },
        ...{ resource_signing_alg_values_supported: null, dpop_bound_access_tokens_required: '' },
      },
    })
    issuer.routes['/register'] = () => ({
      json: { client_id: 4711, client_secret: null, client_secret_expires_at: '0' },
    })
    issuer.routes['/token'] = () => ({
      json: {
        ...{ access_token: 'a', token_type: null, refresh_token: ['r'], scope: ['files', 'mail'], expires_in: null },
        ...{ id_token: null, error: null, error_description: '' },
      },
    })
    await expectSignedIn()
    expect(asked('/authorize')[0]?.query.get('client_id')).toBe('4711')
    expect(asked('/authorize')[0]?.query.get('scope')).toBe('files mail offline_access')
    expect(await account()).toMatchObject({ scope: 'files mail', refreshable: true })
  })

  test.each([
    ['text/plain', 201, ''],
    ['text/html', 200, '\ufeff'],
    ['application/octet-stream', 203, ''],
    ['application/vnd.api+json', 202, '\ufeff'],
  ])('whose every answer is JSON under %s with status %i', async (type, status, mark) => {
    stage = await startProtectedStage()
    const { routes } = stage.issuer
    routes['/register'] = () => sent(type, { client_id: 'c' }, status, mark)
    let count = 0
    routes['/token'] = () =>
      sent(type, { access_token: `a-${++count}`, token_type: 'user', refresh_token: `r-${count}` }, status, mark)
    await expectSignedIn()
    expect(await stage.command('refresh', url())).toMatchObject({ code: 0 })
    routes['/token'] = () => sent(type, { error: 'invalid_grant' }, status > 200 ? status : 400, mark)
    expect((await stage.command('refresh', url())).stderr).toContain('token_expired')
    expect(asked('/register')).toHaveLength(1)
  })

  test('whose tokens are a form without a content type', async () => {
    stage = await startProtectedStage()
    stage.issuer.routes['/token'] = () => ({
      headers: { 'content-type': '' },
      text: 'access_token=a&token_type=bearer',
    })
    await expectSignedIn()
  })

  test('whose tokens are one level deeper', async () => {
    stage = await startProtectedStage()
    stage.issuer.routes['/token'] = () => ({
      json: {
        ok: true,
        access_token: '',
        authed_user: { id: 'U', scope: 'chat', access_token: 'a', token_type: 'user' },
      },
    })
    await expectSignedIn()
    expect(await account()).toMatchObject({ scope: 'chat' })
  })

  test('whose endpoints have our parameters in their own query, and others that stay', async () => {
    stage = await startProtectedStage()
    const { issuer } = stage
    const metadata = issuer.routes['/.well-known/oauth-authorization-server']
    const query = 'resource=https%3A%2F%2Ftheirs.example&scope=theirs&state=theirs&code=theirs&tenant=t&prompt=login'
    issuer.routes['/.well-known/oauth-authorization-server'] = (seen) => ({
      json: {
        ...(metadata?.(seen).json as object),
        ...{
          authorization_endpoint: `${issuer.origin}/authorize?${query}`,
          token_endpoint: `${issuer.origin}/token?${query}`,
        },
      },
    })
    await expectSignedIn('--scope', 'files')
    const authorization = asked('/authorize').at(-1)?.query
    expect(authorization?.getAll('resource')).toEqual([url()])
    expect(authorization?.getAll('scope')).toEqual(['files'])
    expect(authorization?.getAll('state')).toHaveLength(1)
    expect(authorization?.get('tenant')).toBe('t')
    expect(authorization?.get('prompt')).toBe('login')
    const token = asked('/token')[0]?.query
    expect([...(token?.keys() ?? [])]).toEqual(['scope', 'state', 'tenant', 'prompt'])
  })
})

describe('an ID token that fails its checks', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const idToken = (alg: string) =>
    `${part({ alg })}.${part({ sub: 'secret-subject', email: 'secret@example.com' })}.AAAA`
  const setUp = async (alg: string) => {
    stage = await startProtectedStage({ scopes_supported: ['openid', 'email'] })
    const { server, issuer } = stage
    const plain = server.routes[PRM]
    server.routes[PRM] = (seen) => ({ json: { ...(plain?.(seen).json as object), scopes_supported: ['files'] } })
    const metadata = issuer.routes['/.well-known/oauth-authorization-server']
    issuer.routes['/.well-known/oauth-authorization-server'] = (seen) => ({
      json: { ...(metadata?.(seen).json as object), jwks_uri: `${issuer.origin}/no-such-keys` },
    })
    issuer.routes['/token'] = () => ({ json: { access_token: 'a', token_type: 'Bearer', id_token: idToken(alg) } })
  }

  test.each(['HS256', 'none', 'RS256'])('with %s costs the identity, not the sign-in', async (alg) => {
    await setUp(alg)
    await expectSignedIn()
    expect(asked('/authorize').at(-1)?.query.get('scope')).toContain('openid')
    const mcp = stage.server.requests.filter(
      ({ path, headers }) => path === '/mcp' && headers.authorization === 'Bearer a',
    )
    expect(mcp.length).toBeGreaterThan(0)
    expect(mcp.flatMap(({ headers }) => Object.keys(headers)).filter((name) => name.startsWith('x-user'))).toEqual([])
    expect(await account()).toMatchObject({ state: 'signed_in', email: null })
  })

  test.each([
    ['--account', 'secret@example.com'],
    ['--scope', 'openid files'],
  ])('with %s %s ends the sign-in and says the algorithm, without its content', async (...wish) => {
    await setUp('HS256')
    const { code, stderr } = await stage.command('login', url(), ...wish)
    expect(code).toBe(3)
    expect(stderr).toContain('invalid_signature')
    expect(stderr).toContain('HS256')
    expect(stderr).not.toContain('secret-subject')
    expect(await account()).toBeUndefined()
  })
})

test.each([
  ['a web page', { headers: { 'content-type': 'text/html' }, text: '<html>{"access_token":"a"}</html>' }],
  [
    'a page that links to a token',
    { headers: { 'content-type': 'text/html' }, text: '<a href="?access_token=a&x=y">' },
  ],
  ['two places with tokens', { json: { one: { access_token: 'a' }, two: { access_token: 'b' } } }],
  ['an error with a token below it', { json: { ok: false, user: { access_token: 'a' } } }],
])('a token answer that is %s signs nobody in', async (_, answer) => {
  stage = await startProtectedStage()
  stage.issuer.routes['/token'] = () => answer
  const { code, stderr } = await stage.command('login', url())
  expect(code).toBe(3)
  expect(stderr).toContain('login_failed')
})
