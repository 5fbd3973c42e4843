// The pages of a sign-in at the gateway, over real sockets: consent, the provider's redirect, sign-in without a client, refresh.
import { afterEach, describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import {
  aServer,
  type Browser,
  nextOf,
  openBrowser,
  type SignInWorld,
  startSignInWorld,
  tokenOn,
  type WorldOptions,
} from '../../../fakes/gatewaySignInWorld.ts'
import { goAwayWhileSending } from '../../../fakes/goneClient.ts'

const worlds: SignInWorld[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function open(options: WorldOptions = {}) {
  const world = await startSignInWorld(options)
  worlds.push(world)
  return { world, browser: openBrowser(world.origin) }
}

const NOBODY = { emails: [], domains: [], subjects: [], groups: [], tenants: [], organisations: [] }

/** Says yes; resolves to the state at the provider. */
async function allow(browser: Browser, consent: string, provider = 'google'): Promise<string> {
  const page = await browser.get(consent)
  const sent = await browser.post(consent, { token: tokenOn(page), answer: `yes:${provider}` })
  expect(sent.status).toBe(200)
  return nextOf(sent).searchParams.get('state') ?? ''
}

/** The rest of the way: the provider's redirect, and back into the authorization server. */
async function comeBack(browser: Browser, state: string): Promise<URL> {
  const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
  expect(callback.status).toBe(303)
  const back = await browser.get(callback.location)
  expect(back.status).toBe(303)
  return new URL(back.location)
}

describe('consent', () => {
  test('a person who agrees is signed in at the provider, and the client gets its code', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const client = await comeBack(browser, await allow(browser, consent))
    expect(client.href).toBe('https://app.example/callback?code=code-1')
    expect(world.outcomes).toMatchObject([{ person: { id: 'person-ada', subject: 'ada' } }])
    expect(world.kept).toEqual([{ provider: 'google', personId: 'person-ada' }])
  })

  test('a person who says no ends it: the client gets access_denied, and no provider is asked', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const page = await browser.get(consent)
    const sent = await browser.post(consent, { token: tokenOn(page), answer: 'no' })
    expect(sent.status).toBe(200)
    expect(nextOf(sent).searchParams.get('error')).toBe('access_denied')
    expect(world.attempts.size).toBe(0)
  })

  test('a person who goes away while the form is sent is no failure', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const form = { 'content-type': 'application/x-www-form-urlencoded', origin: world.origin }
    await goAwayWhileSending(world.origin, consent, form)
    expect((await browser.get(consent)).status).toBe(200)
    expect(world.log.entries.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('is asked for each flow, also of a client that was allowed before', async () => {
    const { world, browser } = await open()
    await comeBack(browser, await allow(browser, world.authorize(browser)))
    const again = await browser.get(world.authorize(browser))
    expect([again.status, again.text.includes('asks for access')]).toEqual([200, true])
    expect(world.outcomes).toHaveLength(1)
  })

  test('goes on by a page and never by a redirect after the form', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const page = await browser.get(consent)
    const sent = await browser.post(consent, { token: tokenOn(page), answer: 'yes:google' })
    expect([sent.status, sent.location]).toEqual([200, ''])
    expect(nextOf(sent).origin).toBe('https://provider.example')
    expect(sent.text).toContain('<a class="button" href="https://provider.example/authorize?')
  })

  test('any number of renders gives forms of which each works', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const [first, second] = [await browser.get(consent), await browser.get(consent)]
    browser.jar.delete('consent')
    const third = await browser.get(consent)
    expect(new Set([first, second, third].map(tokenOn)).size).toBe(1)
    expect((await browser.post(consent, { token: tokenOn(first), answer: 'yes:google' })).status).toBe(200)
  })

  test('two flows in two tabs do not disturb each other', async () => {
    const { world, browser } = await open()
    const [one, two] = [world.authorize(browser), world.authorize(browser)]
    const pages = [await browser.get(one), await browser.get(two)]
    expect(tokenOn(pages[0] as never)).not.toBe(tokenOn(pages[1] as never))
    const [first, second] = [await allow(browser, one), await allow(browser, two)]
    expect((await comeBack(browser, second)).searchParams.get('code')).toBe('code-1')
    expect((await comeBack(browser, first)).searchParams.get('code')).toBe('code-1')
  })

  test('another browser gets 403, and the flow lives', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const stranger = openBrowser(world.origin)
    const page = await browser.get(consent)
    for (const path of [consent, `${consent}/back`]) expect((await stranger.get(path)).status).toBe(403)
    expect((await stranger.post(consent, { token: tokenOn(page), answer: 'no' })).status).toBe(403)
    expect((await comeBack(browser, await allow(browser, consent))).searchParams.get('code')).toBe('code-1')
  })

  test.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['no origin', { origin: '' }],
    ['the origin null', { origin: 'null' }],
    ['another scheme', { origin: 'https://127.0.0.1' }],
    ['another site, by Fetch Metadata', { 'sec-fetch-site': 'cross-site' }],
    ['another host of the site', { 'sec-fetch-site': 'same-site' }],
    ['no form', { 'content-type': 'text/plain' }],
    ['no cookie of the page', { cookie: 'other=1' }],
  ])('an answer with %s is refused, and the flow lives', async (_, headers: Record<string, string>) => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const page = await browser.get(consent)
    const refused = await browser.post(consent, { token: tokenOn(page), answer: 'yes:google' }, headers)
    expect(refused.status).toBe(403)
    expect(world.attempts.size).toBe(0)
    expect((await browser.post(consent, { token: tokenOn(page), answer: 'yes:google' })).status).toBe(200)
  })

  test.each(['', 'x', 'token of another flow'])('an answer with the form token %j is refused', async (kind) => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const other = tokenOn(await browser.get(world.authorize(browser)))
    await browser.get(consent)
    const token = kind === 'token of another flow' ? other : kind
    expect((await browser.post(consent, { token, answer: 'no' })).status).toBe(403)
    expect(world.outcomes).toEqual([])
  })

  test('an answer of more than any form of ours has is refused', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const token = tokenOn(await browser.get(consent))
    const refused = await browser.post(consent, { token, answer: 'no', more: 'x'.repeat(20_000) })
    expect(refused.status).toBe(403)
  })

  test('a server that names its provider offers no other one', async () => {
    const { world, browser } = await open({
      providers: ['google', 'github'],
      servers: [aServer({ provider: 'github' })],
    })
    const consent = world.authorize(browser)
    const page = await browser.get(consent)
    expect([page.text.includes('Google'), page.text.includes('GitHub')]).toEqual([false, true])
    expect((await browser.post(consent, { token: tokenOn(page), answer: 'yes:google' })).status).toBe(400)
    expect(world.attempts.size).toBe(0)
  })
})

describe('what cannot go on ends at the client', () => {
  const refused = new BridgeError('access_denied', { message: 'Ada said “no” \\ there.' })
  const away = new BridgeError('authorization_server_unreachable')
  test.each([
    ['the provider refuses', { answerFails: refused }, 'access_denied'],
    ['the provider does not answer', { answerFails: away }, 'temporarily_unavailable'],
    ['an ID token does not pass', { answerFails: new BridgeError('invalid_signature') }, 'server_error'],
    ['the person is blocked', { blockedAt: 1 }, 'access_denied'],
  ] as const)('%s', async (_, change, error) => {
    const { world, browser } = await open()
    Object.assign(world.state, change)
    const client = await comeBack(browser, await allow(browser, world.authorize(browser)))
    expect(client.origin).toBe('https://app.example')
    expect(client.searchParams.get('error')).toBe(error)
    expect(client.searchParams.get('error_description')).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(world.kept).toEqual([])
  })

  test.each(['database_unreachable', 'schema_missing', 'internal'] as const)(
    '%s inside the gateway, of which neither the client nor a page is told where it is',
    async (code) => {
      const { world, browser } = await open()
      world.state.beginFails = new BridgeError(code, { message: 'db.internal:5432/canary' })
      const consent = world.authorize(browser)
      const sent = await browser.post(consent, { token: tokenOn(await browser.get(consent)), answer: 'yes:google' })
      const page = await browser.get('/auth/login?provider=google')
      expect(page.status).toBe(code === 'internal' ? 500 : 503)
      const said = sent.text + page.text
      expect(said).toContain(code)
      expect(said).not.toContain('canary')
    },
  )

  test('a person whom access does not name, of whom nothing is kept', async () => {
    const { world, browser } = await open({ access: { ...NOBODY, domains: ['other.example'] } })
    const client = await comeBack(browser, await allow(browser, world.authorize(browser)))
    expect(client.searchParams.get('error')).toBe('access_denied')
    expect(client.searchParams.get('error_description')).toContain('access_not_granted')
    expect([world.kept.length, world.persons.size]).toEqual([0, 0])
  })

  test('the server’s own access counts too', async () => {
    const own = aServer({ access: { ...NOBODY, emails: ['bob@example.com'] } })
    const { world, browser } = await open({ servers: [own] })
    const client = await comeBack(browser, await allow(browser, world.authorize(browser)))
    expect(client.searchParams.get('error')).toBe('access_denied')
  })

  test('a provider that cannot be asked', async () => {
    const { world, browser } = await open()
    world.state.beginFails = new BridgeError('discovery_failed', { message: 'Nothing there.' })
    const consent = world.authorize(browser)
    const sent = await browser.post(consent, { token: tokenOn(await browser.get(consent)), answer: 'yes:google' })
    expect(sent.status).toBe(200)
    expect(nextOf(sent).searchParams.get('error')).toBe('server_error')
  })

  test('a bug of ours, without its words', async () => {
    const { world, browser } = await open()
    world.state.answerFails = new BridgeError('internal', { message: 'Unexpected: canary' })
    const client = await comeBack(browser, await allow(browser, world.authorize(browser)))
    expect(client.href).not.toContain('canary')
  })

  test('but where that is not possible, at a page that names no inner fault', async () => {
    const { world, browser } = await open()
    for (const [error, status] of [
      [new BridgeError('invalid_state'), 403],
      [new BridgeError('database_locked'), 503],
      [new Error('canary'), 500],
    ] as const) {
      const consent = world.authorize(browser)
      const page = await browser.get(consent)
      world.state.finishFails = error
      const sent = await browser.post(consent, { token: tokenOn(page), answer: 'no' })
      expect([sent.status, sent.text.includes('canary'), sent.text.includes('<h1>')]).toEqual([status, false, true])
    }
  })

  test('no provider at all', async () => {
    const { world, browser } = await open({ providers: [] })
    const page = await browser.get(world.authorize(browser))
    expect(new URL(page.location).searchParams.get('error')).toBe('server_error')
  })
})

describe('the provider’s redirect', () => {
  test.each(['?code=test&state=test', '?code=test', '', '?state='])(
    'to /auth/callback%s is an invalid state',
    async (query) => {
      const { browser } = await open()
      const page = await browser.get(`/auth/callback${query}`)
      expect([page.status, page.text.includes('Invalid state')]).toEqual([400, true])
      const curl = await browser.get(`/auth/callback${query}`, { accept: '*/*' })
      expect([curl.status, curl.text.startsWith('Invalid state')]).toEqual([400, true])
    },
  )

  test('in another browser is refused with 403, and is still good in the first', async () => {
    const { world, browser } = await open()
    const state = await allow(browser, world.authorize(browser))
    const stranger = openBrowser(world.origin)
    expect((await stranger.get(`/auth/callback?code=c&state=${state}`)).status).toBe(403)
    // Not even one that is in a flow of its own.
    await allow(stranger, world.authorize(stranger))
    expect((await stranger.get(`/auth/callback?code=c&state=${state}`)).status).toBe(403)
    expect(world.kept).toEqual([])
    expect((await comeBack(browser, state)).searchParams.get('code')).toBe('code-1')
  })

  test('that a browser loads ahead uses nothing up', async () => {
    const { world, browser } = await open()
    const state = await allow(browser, world.authorize(browser))
    const ahead = await browser.get(`/auth/callback?code=c&state=${state}`, { 'sec-purpose': 'prefetch;prerender' })
    expect(ahead.status).toBe(403)
    expect((await comeBack(browser, state)).searchParams.get('code')).toBe('code-1')
  })

  test('counts once', async () => {
    const { world, browser } = await open()
    const state = await allow(browser, world.authorize(browser))
    await comeBack(browser, state)
    expect((await browser.get(`/auth/callback?code=c&state=${state}`)).status).toBe(400)
  })

  test('an outcome of one flow is of no use in another, nor when it is changed or late', async () => {
    const { world, browser } = await open()
    const [one, two] = [world.authorize(browser), world.authorize(browser)]
    const callback = await browser.get(`/auth/callback?code=c&state=${await allow(browser, one)}`)
    const outcome = browser.jar.get('outcome') ?? ''
    expect((await browser.get(`${two}/back`)).location).toBe(two)
    browser.jar.set('outcome', `${outcome.slice(0, -8)}AAAAAAAA`)
    expect((await browser.get(callback.location)).location).toBe(one)
    browser.jar.set('outcome', outcome)
    world.clock.advance(121_000)
    expect((await browser.get(callback.location)).location).toBe(one)
    expect(world.outcomes).toEqual([])
  })
})

describe('cookies and headers', () => {
  test('over https the cookies are Secure, HttpOnly, Lax and of this host or path alone', async () => {
    const { world, browser } = await open({ publicUrl: 'https://mcp.example.com' })
    const consent = world.authorize(browser)
    const page = await browser.get(consent)
    const headers = { origin: 'https://mcp.example.com' }
    const sent = await browser.post(consent, { token: tokenOn(page), answer: 'yes:google' }, headers)
    const state = nextOf(sent).searchParams.get('state') ?? ''
    const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
    const set = [page, sent, callback]
      .flatMap((one) => one.headers.getSetCookie())
      .filter((one) => !/Max-Age=0/.test(one))
    expect(set.map((line) => line.replace(/=[^;]*/, ''))).toEqual([
      expect.stringMatching(
        /^__Secure-consent; Path=\/auth\/consent\/[\w-]+; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/,
      ),
      expect.stringMatching(/^__Host-flow-[\w-]{22}; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/),
      expect.stringMatching(
        /^__Secure-outcome; Path=\/auth\/consent\/[\w-]+; Max-Age=120; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ])
    expect(set.join()).not.toContain(state)
  })

  test('on http loopback they have no prefix and no Secure, which not every browser takes there', async () => {
    const { world, browser } = await open()
    await allow(browser, world.authorize(browser))
    expect([...browser.jar.keys()].filter((name) => !name.startsWith('engine-'))).toEqual([
      'consent',
      expect.stringMatching(/^flow-/),
    ])
  })

  test('no page runs a script, is framed, is kept, or lets a form go elsewhere', async () => {
    const { world, browser } = await open()
    const consent = world.authorize(browser)
    const pages = [await browser.get(consent), await browser.get('/auth/callback'), await browser.get('/auth/login')]
    for (const { headers, text } of pages.slice(0, 2)) {
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("form-action 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('script')
      expect(text).not.toMatch(/<script|onclick|javascript:/i)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-frame-options')).toBe('DENY')
      // A browser sends `Origin: null` with a form of a page that has no-referrer.
      expect(headers.get('referrer-policy')).toBe('same-origin')
    }
  })
})

describe('sign-in without a client', () => {
  test('goes to the only provider, and ends on a page that names the account', async () => {
    const { world, browser } = await open()
    const start = await browser.get('/auth/login')
    expect([start.status, new URL(start.location).origin]).toEqual([303, 'https://provider.example'])
    const state = new URL(start.location).searchParams.get('state')
    const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
    expect(callback.location).toBe('/auth/login?done')
    const end = await browser.get(callback.location)
    expect([end.status, end.text.includes('You are signed in'), end.text.includes('ada@example.com')]).toEqual([
      200,
      true,
      true,
    ])
    expect(world.kept).toEqual([{ provider: 'google', personId: 'person-ada' }])
  })

  test('that fails ends on a page with the reason', async () => {
    const { world, browser } = await open({ access: NOBODY })
    const start = await browser.get('/auth/login')
    const state = new URL(start.location).searchParams.get('state')
    const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
    const end = await browser.get(callback.location)
    expect([end.status, end.text.includes('access_not_granted'), end.text.includes('ada@')]).toEqual([403, true, false])
    expect(world.kept).toEqual([])
  })

  test('a page of others leads nobody through it: the person chooses', async () => {
    const { world, browser } = await open()
    const page = await browser.get('/auth/login', { 'sec-fetch-site': 'cross-site' })
    expect([page.status, page.location]).toEqual([200, ''])
    expect(page.text).toContain('href="/auth/login?provider=google"')
    expect(world.attempts.size).toBe(0)
    const chosen = await browser.get('/auth/login?provider=google', { 'sec-fetch-site': 'cross-site' })
    expect(chosen.status).toBe(200)
    expect((await browser.get('/auth/login?provider=google', { 'sec-fetch-site': 'same-origin' })).status).toBe(303)
  })

  test('of several providers a person chooses one', async () => {
    const { world, browser } = await open({ providers: ['google', 'github'] })
    expect((await browser.get('/auth/login')).text).toContain('Sign in with GitHub')
    await browser.get('/auth/login?provider=github')
    expect([...world.attempts.values()].map(({ provider }) => provider)).toEqual(['github'])
  })

  test('for a server asks its provider and its access', async () => {
    const work = aServer({ name: 'work', path: '/mcp/work', provider: 'github', access: NOBODY })
    const { world, browser } = await open({ providers: ['google', 'github'], servers: [work] })
    const start = await browser.get('/auth/login?server=work')
    expect([...world.attempts.values()]).toMatchObject([{ provider: 'github', binding: { server: '/mcp/work' } }])
    const state = new URL(start.location).searchParams.get('state')
    const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
    expect((await browser.get(callback.location)).text).toContain('access_not_granted')
    expect((await browser.get('/auth/login?server=%3Cb%3E')).status).toBe(404)
  })

  test('begins under the public name, so that its cookie comes back', async () => {
    const { world } = await open({ publicUrl: (origin) => origin.replace('127.0.0.1', 'localhost') })
    const moved = await openBrowser(world.origin).get('/auth/login?provider=google')
    expect([moved.status, moved.location]).toEqual([
      303,
      `${world.origin.replace('127.0.0.1', 'localhost')}/auth/login?provider=google`,
    ])
    // Not behind a proxy that asks by a name or port of its own.
    for (const publicUrl of ['https://mcp.example.com', 'http://localhost:1']) {
      const { browser } = await open({ publicUrl })
      expect((await browser.get('/auth/login')).location).toContain('https://provider.example/')
    }
  })

  test('with a provider that cannot be asked is a page', async () => {
    const { world, browser } = await open()
    world.state.beginFails = new BridgeError('authorization_server_unreachable')
    const page = await browser.get('/auth/login')
    expect([page.status, page.text.includes('authorization_server_unreachable')]).toEqual([502, true])
  })
})

test('how a sign-in failed fits into a cookie, whatever the provider said and in whatever script', async () => {
  for (const char of ['x', 'ü', '語', '😀', '\\', '"', '\ud800']) {
    const { world, browser } = await open()
    const text = char.repeat(2_000)
    world.state.answerFails = new BridgeError('login_failed', {
      message: text,
      hint: text,
      details: { state: 'claimed' },
    })
    const login = await browser.get('/auth/login')
    const state = new URL(login.location).searchParams.get('state')
    const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
    const cookie = callback.headers.getSetCookie().find((one) => one.includes('outcome='))
    expect(cookie?.length).toBeLessThan(4_096)
    const end = await browser.get(callback.location)
    expect([end.status, end.text.includes('login_failed')]).toEqual([403, true])
  }
})

test('what fails inside the gateway is in its log and on no page', async () => {
  const { world, browser } = await open()
  world.state.answerFails = new TypeError('secret detail of the inside') as unknown as BridgeError
  const login = await browser.get('/auth/login')
  const state = new URL(login.location).searchParams.get('state')
  const callback = await browser.get(`/auth/callback?code=c&state=${state}`)
  const end = await browser.get(callback.location)
  expect([end.status, end.text.includes('(internal)'), end.text.includes('secret detail')]).toEqual([403, true, false])
  expect(JSON.stringify(world.log.entries)).toContain('secret detail')
})

describe('POST /auth/refresh', () => {
  const ours = { authorization: 'Bearer ours', origin: '', 'sec-fetch-site': '' }

  test('refreshes the caller’s tokens at the provider and gives out none', async () => {
    const { world, browser } = await open()
    world.state.expiresAt = Date.parse('2026-01-15T13:00:00.000Z')
    const done = await browser.post('/auth/refresh', {}, ours)
    expect([done.status, JSON.parse(done.text)]).toEqual([
      200,
      { refreshed: true, expires_at: '2026-01-15T13:00:00.000Z' },
    ])
    world.state.expiresAt = undefined
    expect(JSON.parse((await browser.post('/auth/refresh', {}, ours)).text)).toEqual({
      refreshed: true,
      expires_at: null,
    })
  })

  test.each([
    ['refresh_token_missing', 409, 'The reason.'],
    ['token_expired', 409, 'The reason.'],
    ['authorization_server_unreachable', 502, 'The reason.'],
    ['database_locked', 503, 'The database of the gateway is not available.'],
    ['schema_missing', 503, 'The database of the gateway is not available.'],
  ] as const)('says why with %s', async (code, status, description) => {
    const { world, browser } = await open()
    world.state.refreshFails = new BridgeError(code, { message: 'The reason.' })
    const refused = await browser.post('/auth/refresh', {}, ours)
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      status,
      { refreshed: false, error: code, error_description: description },
    ])
  })

  test.each([
    ['without a bearer', '', 'resource_metadata="ORIGIN/.well-known/oauth-protected-resource/mcp", scope="mcp"'],
    ['with a foreign one', 'Bearer other', 'scope="mcp", error="invalid_token"'],
  ])('%s is 401 with a challenge', async (_, authorization, challenge) => {
    const { world, browser } = await open()
    const refused = await browser.post('/auth/refresh', {}, { ...ours, authorization })
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain(challenge.replace('ORIGIN', world.origin))
  })

  test('where there are several servers, a challenge names none of them', async () => {
    const servers = ['one', 'two'].map((name) => aServer({ name, path: `/mcp/${name}` }))
    const { browser } = await open({ servers })
    const refused = await browser.post('/auth/refresh', {}, { ...ours, authorization: '' })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer scope="mcp"'])
  })
})

test('no secret of a sign-in is in the log', async () => {
  const { world, browser } = await open()
  const state = await allow(browser, world.authorize(browser))
  const secret = [...browser.jar].find(([name]) => name.startsWith('flow-'))?.[1] ?? ''
  await comeBack(browser, state)
  const logged = JSON.stringify(world.log.entries)
  expect(logged).toContain('gateway:signed-in')
  for (const one of [state, secret, 'upstream-access', 'ada@example.com']) expect(logged).not.toContain(one)
})
