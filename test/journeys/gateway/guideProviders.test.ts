// The guide's issues with Google, Microsoft and GitHub, at a gateway: what each of them says ends at the client in words, and in the log with what to do.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openBrowsing } from '../../servers/browsing.ts'
import { type GatewayStage, registerClient, startGatewayStage } from '../../servers/gatewayStage.ts'
import { guideShell } from '../../servers/guideShell.ts'
import { aadsts, startProvider } from '../../servers/providers.ts'
import { until } from '../../servers/until.ts'

type Provider = Awaited<ReturnType<typeof startProvider>>
type Name = 'google' | 'microsoft' | 'github'

let stage: GatewayStage
let providers: Readonly<Record<Name, Provider>>
let clientId: string
let type: ReturnType<typeof guideShell>
const REDIRECT = 'http://127.0.0.1:33418/callback'
beforeAll(async () => {
  const [google, microsoft, github] = await Promise.all([
    startProvider('google'),
    startProvider('microsoft'),
    startProvider('github'),
  ])
  providers = { google, microsoft, github }
  const client = { client_id: 'client-1', client_secret: 'secret-1' }
  const endpoints = {
    authorization_endpoint: `${github.issuer}/authorize`,
    token_endpoint: `${github.issuer}/access_token`,
    userinfo_endpoint: `${github.origin}/user`,
  }
  stage = await startGatewayStage({
    asInGuide: true,
    target: 'http://127.0.0.1:1/mcp',
    config: {
      providers: {
        google: { issuer: google.issuer, ...client, scopes: ['openid', 'email', 'profile'], prompt: 'select_account' },
        microsoft: { issuer: microsoft.issuer, ...client, prompt: 'consent' },
        github: { issuer: github.issuer, ...client, ...endpoints, refresh_strategy: 'none' },
      },
    },
  })
  type = guideShell(stage, 'http://localhost:3000')
  clientId = await registerClient(stage.origin, REDIRECT)
})
afterEach(() => {
  for (const { state } of Object.values(providers)) Object.assign(state, { authorize: undefined, token: undefined })
})
afterAll(async () => {
  await stage?.close()
  await Promise.all(Object.values(providers ?? {}).map((one) => one.close()))
})

const signIn = (at: Name) => stage.signIn({ clientId, answer: `yes:${at}` })
const log = () => readFileSync(join(stage.home, 'logs/proxy.log'), 'utf8')
const failures = () =>
  log()
    .split('\n')
    .filter((line) => line.includes('"gateway:sign-in-failed"'))
    .map((line) => JSON.parse(line) as Record<string, string>)

interface Told {
  /** What the client gets (RFC 6749 section 4.1.2.1). */
  readonly error: 'access_denied' | 'server_error' | 'temporarily_unavailable'
  /** Our code, at the end of the description and in the log. */
  readonly code: string
  /** The provider's own words, for both. */
  readonly words: string
  /** For the operator. */
  readonly hint: RegExp
}

async function ends(at: Name, told: Told) {
  const before = failures().length
  const refused = await signIn(at).then(
    () => 'it signed in',
    ({ message }: Error) => message,
  )
  expect(refused).toMatch(new RegExp(`^${told.error}: .*\\(${told.code}\\)$`))
  expect(refused).toContain(told.words)
  await until('the log to have it', () => failures().length > before)
  const logged = failures().at(-1)
  expect(logged).toMatchObject({ level: 'warn', error: told.code, message: expect.stringContaining(told.words) })
  expect(logged?.hint).toMatch(told.hint)
  // Neither has commands of a bridge, which nobody has here.
  expect(`${refused} ${logged?.hint}`).not.toMatch(/mcp-oauth-\w+ (login|logout|status)|repeat the call/)
}

const redirected = (at: Name, answer: Record<string, string>) => {
  providers[at].state.authorize = () => answer
}
const fromToken = (at: Name, body: Record<string, unknown>, status = 400) => {
  providers[at].state.token = () => ({ status, body })
}

describe('Google OAuth Issues', () => {
  test('Issue: "Access not configured" error: the API is off, in a redirect and from the token endpoint', async () => {
    const told = { error: 'server_error', code: 'access_not_configured', hint: /Google Cloud console/ } as const
    redirected('google', {
      error: 'access_not_configured',
      error_description: 'The API is not enabled for your project',
    })
    await ends('google', { ...told, words: 'The API is not enabled for your project' })
    providers.google.state.authorize = undefined
    fromToken('google', { error: { code: 403, message: 'Access Not Configured.', status: 'PERMISSION_DENIED' } }, 403)
    await ends('google', { ...told, words: 'Access Not Configured' })
    expect((await type('cat config.yaml | grep -A 5 google')).out).toContain('scopes:')
    expect(providers.google.seen.authorize.at(-1)?.scope).toBe('openid email profile')
  })

  test.each([
    ['access_denied', 'access_denied', 'access_denied', /approve the access/i],
    ['org_internal', 'access_denied', 'access_denied', /External/],
    ['admin_policy_enforced', 'access_denied', 'access_denied', /administrator/],
    ['redirect_uri_mismatch', 'server_error', 'redirect_uri_mismatch', /Register exactly the callback_url/],
    ['temporarily_unavailable', 'temporarily_unavailable', 'authorization_server_error', /later/],
  ] as const)('%s in the redirect is %s at the client', async (said, error, code, hint) => {
    redirected('google', { error: said })
    await ends('google', { error, code, words: said, hint })
  })

  test('a client secret that is wrong is invalid_client, and the log says where to set it', async () => {
    fromToken('google', { error: 'invalid_client', error_description: 'The provided client secret is invalid.' }, 401)
    const words = 'The provided client secret is invalid.'
    await ends('google', { error: 'server_error', code: 'invalid_client', words, hint: /client_secret .*config\.yaml/ })
  })
})

describe('Microsoft/Azure AD Issues', () => {
  test('Issue: "AADSTS50011: Reply URL mismatch": the number, the words, and where to register the address', async () => {
    const text = 'The reply URL specified in the request does not match'
    const { error, error_description } = aadsts(50011, text)
    redirected('microsoft', { error, error_description })
    const told = { error: 'server_error', code: 'redirect_uri_mismatch', words: `AADSTS50011: ${text}` } as const
    await ends('microsoft', { ...told, hint: /App registrations.*callback_url.*tenant_id/ })
    providers.microsoft.state.authorize = undefined
    fromToken('microsoft', aadsts(50011, text))
    await ends('microsoft', { ...told, hint: /App registrations/ })
  })

  test('Issue: "AADSTS65001: User consent required": the client is told access_denied, and prompt: consent is sent to Microsoft', async () => {
    const text = 'The user or administrator has not consented to use the application'
    fromToken('microsoft', aadsts(65001, text, 'invalid_grant'))
    const told = { error: 'access_denied', code: 'consent_required', words: `AADSTS65001: ${text}` } as const
    await ends('microsoft', { ...told, hint: /prompt: consent.*grant consent/ })
    expect((await type('cat config.yaml | grep prompt')).out).toContain('prompt: consent')
    expect(providers.microsoft.seen.authorize.at(-1)?.prompt).toBe('consent')
  })

  test.each([
    [
      7000215,
      'Invalid client secret provided.',
      'invalid_client',
      'invalid_client',
      'server_error',
      /its value, not its id/,
    ],
    [
      700016,
      'Application was not found in the directory.',
      'unauthorized_client',
      'invalid_client',
      'server_error',
      /client_id/,
    ],
    [
      50105,
      'The user is not assigned to a role.',
      'access_denied',
      'access_denied',
      'access_denied',
      /Users and groups/,
    ],
    [
      50194,
      'Usage of the /common endpoint is not supported.',
      'invalid_request',
      'invalid_client',
      'server_error',
      /tenant_id/,
    ],
    [
      53003,
      'Blocked by Conditional Access.',
      'access_denied',
      'access_denied',
      'access_denied',
      /ask the operator of this gateway/,
    ],
  ] as const)('AADSTS%i: %s', async (number, text, said, code, error, hint) => {
    fromToken('microsoft', aadsts(number, text, said))
    await ends('microsoft', { error, code, words: `AADSTS${number}: ${text}`, hint })
  })
})

describe('GitHub OAuth Issues', () => {
  test('Issue: "Redirect URI not allowed": the client and the log have GitHub\'s sentence, and GitHub was asked with its own address below callback_url', async () => {
    providers.github.state.redirectUri = 'http://localhost:8080/other'
    const words = 'The redirect_uri MUST match the registered callback URL'
    await ends('github', { error: 'server_error', code: 'redirect_uri_mismatch', words, hint: /Register exactly/ })
    const { out } = await type('cat config.yaml | grep callback_url')
    expect(providers.github.seen.authorize.at(-1)?.redirect_uri).toBe(
      `${out.trim().replace('callback_url: ', '')}/github`,
    )
    providers.github.state.redirectUri = undefined
  })

  test.each([
    ['incorrect_client_credentials', 'server_error', 'invalid_client', /client_secret/],
    ['bad_verification_code', 'server_error', 'login_failed', /Start again/],
    ['unverified_user_email', 'access_denied', 'access_denied', /Verify the primary/],
  ] as const)('%s, which GitHub sends with status 200, is %s at the client', async (said, error, code, hint) => {
    fromToken('github', { error: said, error_description: 'In GitHub’s words.' }, 200)
    await ends('github', { error, code, words: `${said}: In GitHub`, hint })
  })

  test('an application that GitHub has suspended is told so', async () => {
    const words = 'Your application has been suspended.'
    redirected('github', { error: 'application_suspended', error_description: words })
    await ends('github', { error: 'server_error', code: 'invalid_client', words, hint: /suspended/ })
  })

  test('Issue: "No refresh tokens from GitHub": a sign-in needs none, and /auth/refresh says refresh_token_missing', async () => {
    const { access_token: bearer } = await signIn('github')
    const { out } = await type(
      `curl -X POST http://localhost:8080/auth/refresh -H "Authorization: Bearer ${bearer}" -s`,
    )
    expect(JSON.parse(out)).toMatchObject({
      ...{ refreshed: false, error: 'refresh_token_missing' },
      hint: expect.stringContaining('do not expire'),
    })
    const count = await type('sqlite3 oauth.db "SELECT count(*) FROM tokens WHERE refresh_token IS NULL;"')
    expect(Number(count.out)).toBe(1)
    expect((await type('cat config.yaml | grep refresh_strategy')).out).toContain('refresh_strategy: none')
  })

  test('Issue: "Malformed token" errors: an access token that no header can hold is malformed_token', async () => {
    fromToken('github', { access_token: 'two words', token_type: 'bearer' }, 200)
    const words = 'sent a token of 9 characters'
    await ends('github', { error: 'server_error', code: 'malformed_token', words, hint: /printable ASCII/ })
    expect(log()).not.toContain('two words')
  })
})

test('GET /auth/login tells the operator in the browser what the provider said, and what to do', async () => {
  redirected('microsoft', aadsts(65001, 'No consent.') as unknown as Record<string, string>)
  const page = await openBrowsing().follow(`${stage.origin}/auth/login?provider=microsoft`)
  expect([page.status, page.text]).toEqual([403, expect.stringContaining('AADSTS65001: No consent.')])
  expect(page.text).toContain('consent_required')
  expect(page.text).toContain('have an administrator grant consent')
})
