// Each provider's peculiarities, played on loopback: the built program signs in, refreshes and says what is wrong.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { aadsts, startProvider, TENANT } from '../servers/providers.ts'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

type Provider = Awaited<ReturnType<typeof startProvider>>
type Kind = Parameters<typeof startProvider>[0]

let stage: Awaited<ReturnType<typeof startStage>>
let provider: Provider
beforeAll(async () => {
  stage = await startStage()
})
afterAll(() => stage.close())
// Each provider has an origin of its own, so one home serves them all.
afterEach(() => provider?.close())

async function setUp(kind: Kind, keys: Record<string, unknown> = {}) {
  provider = await startProvider(kind)
  stage.config(provider.config(stage.callbackUrl, keys))
}

const login = (...args: string[]) => stage.command(['login', 'it', ...args])
const account = async () => JSON.parse((await stage.command(['status', 'it', '--json'])).stdout).accounts[0]
const asked = () => provider.seen.authorize.at(-1) ?? {}
const posted = () => provider.seen.token.at(-1) ?? {}

describe('google', () => {
  test('gets a request for offline access, and the ID token names the user to the server', async () => {
    await setUp('google')
    expect(await login()).toMatchObject({ code: 0 })
    expect(asked()).toMatchObject({
      access_type: 'offline',
      scope: 'openid email profile',
      code_challenge_method: 'S256',
    })
    expect(asked()).not.toHaveProperty('prompt')
    expect(await account()).toMatchObject({
      provider: 'google',
      email: 'ada@example.com',
      refreshable: true,
      login_due_at: null,
    })
    const host = stage.hostOf(provider.url, ['--config', `${stage.home}/bridge/config.yaml`])
    expect((await host.initialize()).result.serverInfo.name).toBe('behind')
    expect(provider.seen.mcp[0]).toMatchObject({ 'x-user-email': 'ada@example.com' })
    await host.close()
  })

  test('without a refresh token: status says so and when the next sign-in is due, and that one asks for consent', async () => {
    await setUp('google')
    provider.state.consented = true
    expect((await login()).code).toBe(0)
    const { expires_at, login_due_at, refreshable } = await account()
    expect(refreshable).toBe(false)
    expect(login_due_at).toBe(expires_at)
    const { stdout } = await stage.command(['status', 'it'])
    expect(stdout).toContain(`no refresh token: sign in again after ${login_due_at}`)
    expect(stdout).toContain('login --force')
    expect((await login('--force')).code).toBe(0)
    expect(asked().prompt).toBe('consent')
    expect((await account()).refreshable).toBe(true)
  })

  test('gets a request for consent in addition to the prompt that a person configured', async () => {
    await setUp('google', { prompt: 'select_account' })
    provider.state.consented = true
    await login()
    expect(asked().prompt).toBe('select_account')
    await login('--force')
    expect(asked().prompt).toBe('select_account consent')
  })

  test('parameters are replaced by a person’s own', async () => {
    await setUp('google', { authorize_params: { access_type: 'online', hd: 'example.com' } })
    expect((await login()).code).toBe(0)
    expect(asked()).toMatchObject({ access_type: 'online', hd: 'example.com' })
  })

  test('provides its ID token as the bearer if that is configured, also after a refresh', async () => {
    await setUp('google', { bearer: 'id_token' })
    expect((await login()).code).toBe(0)
    const bearer = async () => {
      const host = stage.hostOf(provider.url, ['--config', `${stage.home}/bridge/config.yaml`])
      expect(await host.isMet()).toBe(true)
      await host.close()
      return provider.seen.mcp.at(-1)?.authorization
    }
    const first = await bearer()
    expect(first).toMatch(/^Bearer eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    const { expires_at } = await account()
    expect(Date.parse(expires_at) - Date.now()).toBeLessThan(1_800_000)
    expect((await stage.command(['refresh', 'it'])).code).toBe(0)
    expect(await bearer()).toMatch(/^Bearer eyJ/)
  })

  test('keys that cannot be had for a while cost no refresh token where the ID token is the bearer', async () => {
    await setUp('google', { bearer: 'id_token' })
    provider.state.rotates = true
    expect((await login()).code).toBe(0)
    provider.state.keys = 503
    expect(await stage.command(['refresh', 'it'])).toMatchObject({ code: 4 })
    expect(await account()).toMatchObject({ state: 'signed_in', refreshable: true, last_error: null })
    provider.state.keys = 200
    expect(await stage.command(['refresh', 'it'])).toMatchObject({ code: 0 })
    const spent = provider.seen.token.map(({ refresh_token }) => refresh_token).filter((token) => token !== undefined)
    expect(new Set(spent).size).toBe(spent.length)
  })

  test('a refresh without an ID token leads to a sign-in where that is the bearer, and says why', async () => {
    await setUp('google', { bearer: 'id_token' })
    provider.state.rotates = true
    provider.state.renewsIdToken = false
    expect((await login()).code).toBe(0)
    const { code, stderr } = await stage.command(['refresh', 'it'])
    expect(code).toBe(3)
    expect(stderr).toContain('sent no ID token with the refresh')
    expect(stderr).toContain('remove bearer: id_token')
    expect(await account()).toMatchObject({ refreshable: false })
    expect(await login()).toMatchObject({ code: 0 })
    expect(await account()).toMatchObject({ state: 'signed_in', last_error: null })
    expect(provider.seen.authorize).toHaveLength(2)
  })

  test('without an ID token for bearer: id_token is id_token_missing, and nothing is stored', async () => {
    await setUp('google', { bearer: 'id_token', scopes: ['email'] })
    const { code, stderr } = await login()
    expect(code).toBe(3)
    expect(stderr).toContain('id_token_missing')
    expect(await account()).toMatchObject({ state: 'signed_out', issuer: null })
  })
})

describe('microsoft', () => {
  test('gets no resource, its shared issuer is accepted, and its ID token is checked against the tenant that signed in', async () => {
    await setUp('microsoft')
    expect(await login()).toMatchObject({ code: 0 })
    expect(asked()).not.toHaveProperty('resource')
    expect(asked().scope).toBe('api://mcp/access offline_access openid email profile')
    expect(posted()).not.toHaveProperty('resource')
    expect(await account()).toMatchObject({
      provider: 'microsoft',
      subject: 'ada',
      issuer: `${provider.origin}/common/v2.0`,
    })
  })

  test('gets the scope again on refresh', async () => {
    await setUp('microsoft')
    await login()
    expect(await stage.command(['refresh', 'it'])).toMatchObject({ code: 0 })
    expect(posted()).toMatchObject({
      grant_type: 'refresh_token',
      scope: 'api://mcp/access offline_access openid email profile',
    })
  })

  test('gets audience, prompt and resource if a person sets them', async () => {
    await setUp('microsoft', { audience: 'api://mcp', prompt: 'select_account', resource: 'api://mcp' })
    const { code, stderr } = await login()
    expect(asked()).toMatchObject({ audience: 'api://mcp', prompt: 'select_account', resource: 'api://mcp' })
    expect(code).toBe(3)
    expect(stderr).toContain('invalid_target')
    expect(stderr).toContain('--resource none')
  })

  test.each([
    ['another origin', 'https://evil.example/{tenantid}/v2.0'],
    ['another path', '{origin}/{tenantid}/v1.0'],
  ])('with a shared issuer of %s is issuer_mismatch', async (_, issuer) => {
    await setUp('microsoft')
    provider.metadata.issuer = issuer.replace('{origin}', provider.origin)
    const { code, stderr } = await login()
    expect(code).toBe(3)
    expect(stderr).toContain('issuer_mismatch')
    expect(provider.seen.authorize).toEqual([])
  })

  test('with the id of one tenant in its metadata is accepted, and its ID tokens must come from that tenant', async () => {
    await setUp('microsoft')
    provider.metadata.issuer = `${provider.origin}/${TENANT}/v2.0`
    expect((await login()).code).toBe(0)
    provider.metadata.issuer = `${provider.origin}/${TENANT.replaceAll('8', '9')}/v2.0`
    const stranger = await login('--force', '--profile', 'other', '--account', 'ada@example.com')
    expect(stranger.stderr).toContain('invalid_signature')
    const whoever = await login('--force', '--profile', 'third')
    expect(whoever).toMatchObject({ code: 0 })
    expect(whoever.stdout + whoever.stderr).not.toContain('ada')
  })
})

describe('github', () => {
  test('publishes no metadata, and its token without expiry is used and never refreshed', async () => {
    await setUp('github')
    expect(await login()).toMatchObject({ code: 0 })
    expect(asked()).toMatchObject({ scope: 'repo read:org', code_challenge_method: 'S256' })
    expect(asked()).not.toHaveProperty('resource')
    expect(posted().accept).toContain('application/json')
    expect(await account()).toMatchObject({
      ...{ provider: 'github', scope: 'repo read:org', expires_at: null, refreshable: false, login_due_at: null },
      state: 'signed_in',
    })
    const { code, stderr } = await stage.command(['refresh', 'it'])
    expect(code).toBe(3)
    expect(stderr).toContain('refresh_token_missing')
    expect(stderr).toContain('github did not issue one')
    expect(stderr).toContain('refresh_strategy: none')
  })

  test('as a GitHub App issues tokens that expire, and they are refreshed', async () => {
    await setUp('github-app')
    expect((await login()).code).toBe(0)
    expect(await account()).toMatchObject({ refreshable: true })
    expect((await stage.command(['refresh', 'it'])).code).toBe(0)
    expect(posted()).toMatchObject({ grant_type: 'refresh_token', client_secret: 'secret-1' })
  })

  test('shows a device code, and its pending answers with status 200 are waited through', async () => {
    await setUp('github')
    const running = stage.start(['login', 'it', '--device'])
    expect(await running.says(/Open this address[\s\S]*Waiting/)).toContain('ABCD-1234')
    await until('a token request', () => provider.seen.token.length > 0)
    provider.approve()
    expect(await running.exited).toBe(0)
    expect((await account()).state).toBe('signed_in')
    expect(provider.seen.authorize).toEqual([])
  })
})

describe('others', () => {
  test('auth0 gets the resource as audience, or the audience of a person', async () => {
    await setUp('auth0')
    expect((await login()).code).toBe(0)
    expect(asked()).toMatchObject({ audience: provider.url, resource: provider.url })
    await login('--force', '--authorize-param', 'audience=https://api.example.com')
    expect(asked().audience).toBe('https://api.example.com')
  })

  test('okta always gets a scope, including offline_access', async () => {
    await setUp('okta')
    expect(await login()).toMatchObject({ code: 0 })
    expect(asked().scope).toContain('offline_access')
    expect(await account()).toMatchObject({ provider: 'okta', refreshable: true })
  })

  test('a plain OAuth 2 server works with endpoints from the config, refresh included', async () => {
    provider = await startProvider('plain')
    const endpoints = {
      authorization_endpoint: `${provider.origin}/authorize`,
      token_endpoint: `${provider.origin}/token`,
    }
    stage.config(provider.config(stage.callbackUrl, endpoints))
    expect(await login()).toMatchObject({ code: 0 })
    expect(await account()).toMatchObject({ provider: null, issuer: provider.origin, refreshable: true })
    expect((await stage.command(['refresh', 'it'])).code).toBe(0)
  })
})

/** The troubleshooting guide's provider section and its PKCE section, error by error. */
describe('an error of a provider is reported with its name and its remedy', () => {
  const says = async (kind: Kind, script: Partial<Provider['state']>, name: string, remedy: RegExp) => {
    await setUp(kind)
    Object.assign(provider.state, script)
    const { code, stderr } = await login()
    expect(code).toBe(3)
    expect(stderr).toContain(`(${name}, see `)
    expect(/^hint: (.*)$/m.exec(stderr)?.[1]).toMatch(remedy)
  }
  const token = (body: Record<string, unknown>, status = 400) => ({ token: () => ({ status, body }) })
  const redirect = (fields: Record<string, string>) => ({ authorize: () => fields })

  test('OAuth redirect URI mismatch, from the token endpoint', () =>
    says(
      'google',
      token({ error: 'redirect_uri_mismatch', error_description: 'Bad Request' }),
      'redirect_uri_mismatch',
      /callback_url/,
    ))

  test('Google: access not configured', () =>
    says(
      'google',
      redirect({ error: 'access_not_configured' }),
      'access_not_configured',
      /Enable it in the Google Cloud console/,
    ))

  test('Google: access not configured, from the token endpoint', () =>
    says('google', token({ error: 'access_not_configured' }, 403), 'access_not_configured', /consent screen/))

  test('Microsoft: AADSTS50011 reply URL mismatch', () =>
    says(
      'microsoft',
      token(aadsts(50011, 'The reply URL specified in the request does not match.')),
      'redirect_uri_mismatch',
      /Authentication.*tenant_id/,
    ))

  test('Microsoft: AADSTS65001 consent required, in the redirect', () =>
    says(
      'microsoft',
      redirect({
        error: 'invalid_client',
        error_description: 'AADSTS65001: The user or administrator has not consented.',
      }),
      'consent_required',
      /prompt: consent.*administrator/,
    ))

  test('Microsoft: AADSTS65001 consent required, from the token endpoint', () =>
    says('microsoft', token(aadsts(65001, 'No consent.', 'invalid_grant')), 'consent_required', /Grant|grant consent/))

  test('Microsoft: AADSTS9010010 resource does not match the scope', () =>
    says(
      'microsoft',
      token(aadsts(9010010, 'The resource does not match.', 'invalid_target')),
      'invalid_target',
      /--resource none/,
    ))

  test('GitHub: redirect URI not allowed', () =>
    says('github', { redirectUri: 'http://localhost:1/other' }, 'redirect_uri_mismatch', /callback_url/))

  test('GitHub: an expired code, with status 200', () =>
    says(
      'github',
      token({ error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' }, 200),
      'login_failed',
      /Try again/,
    ))

  test('PKCE code_verifier validation failed', () =>
    says(
      'google',
      token({ error: 'invalid_grant', error_description: 'code_verifier does not match code_challenge' }),
      'pkce_failed',
      /Start the sign-in again/,
    ))

  test('PKCE required but not provided', () =>
    says(
      'google',
      redirect({ error: 'invalid_request', error_description: 'PKCE is required for this client' }),
      'pkce_failed',
      /Start the sign-in again/,
    ))

  test('code challenge method not supported', () =>
    says(
      'google',
      redirect({ error: 'invalid_request', error_description: "code_challenge_method 'plain' is not supported" }),
      'pkce_unsupported',
      /S256/,
    ))

  test('a provider’s own page instead of a redirect ends as login_timed_out', async () => {
    await setUp('microsoft')
    stage.config(`session_timeout: 1\n${provider.config(stage.callbackUrl)}`)
    provider.state.authorize = () => 'page'
    const { code, stderr } = await login()
    expect(code).toBe(3)
    expect(stderr).toContain('login_timed_out')
  })
})
