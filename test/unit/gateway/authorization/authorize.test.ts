// An authorization request: what it may ask, whose browser goes on with it, and how its answer looks.
import { expect, onTestFinished, test } from 'vitest'
import { CALLBACK, createJar, served, startAuthorization } from '../../../fakes/authorizationStage.ts'

const registered = async (stage: Awaited<ReturnType<typeof startAuthorization>>) =>
  ((await (await stage.register()).json()) as { client_id: string }).client_id

test('a person who agrees sends the client a code, its state and the issuer', async () => {
  const stage = await startAuthorization()
  const id = await registered(stage)
  const { answer } = await stage.code(id)
  expect(Object.fromEntries(answer)).toEqual({ code: expect.any(String), state: 'the-state', iss: stage.publicUrl })
  expect(stage.asked).toMatchObject([
    { clientId: id, clientName: 'A client', redirectUri: CALLBACK, resource: stage.resource, scope: 'mcp' },
  ])
})

test.each([
  ['response_mode', { response_mode: '' }],
  ['redirect_uri', { redirect_uri: '' }],
  [
    'every optional one',
    { response_mode: '', redirect_uri: '', resource: '', prompt: '', login_hint: '', request: '' },
  ],
])('%s without a value counts as omitted (RFC 6749 section 3.1)', async (_title, more) => {
  const stage = await startAuthorization()
  const { answer } = await stage.code(await registered(stage), more)
  expect(answer.get('code')).toEqual(expect.any(String))
})

test('a person who refuses sends the client an error with its state and the issuer', async () => {
  const stage = await startAuthorization()
  const id = await registered(stage)
  for (const error of ['access_denied', 'server_error', 'temporarily_unavailable'] as const) {
    stage.state.outcome = { error, description: 'In words.' }
    expect(Object.fromEntries((await stage.code(id)).answer)).toEqual({
      error,
      error_description: 'In words.',
      state: 'the-state',
      iss: stage.publicUrl,
    })
  }
  expect(await stage.stores.database.all('SELECT * FROM grants')).toEqual([])
})

test.each([
  ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['no method, which means plain', { code_challenge_method: undefined }, 'invalid_request'],
  ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
  ['an empty challenge', { code_challenge: '' }, 'invalid_request'],
  ['response_type token', { response_type: 'token' }, 'unsupported_response_type'],
  ['response_type id_token', { response_type: 'id_token', nonce: 'n' }, 'unsupported_response_type'],
  ['response_type code token', { response_type: 'code token' }, 'unsupported_response_type'],
  ['response_mode form_post', { response_mode: 'form_post' }, 'unsupported_response_mode'],
  ['response_mode fragment', { response_mode: 'fragment' }, 'unsupported_response_mode'],
  ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
  ['a request URI', { request_uri: 'https://evil.example/' }, 'request_uri_not_supported'],
  ['that nobody is asked', { prompt: 'none' }, 'interaction_required'],
  ['another resource', { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
  ['a resource with a fragment', { resource: 'https://elsewhere.example/mcp#x' }, 'invalid_target'],
  ['a resource that is no URI', { resource: 'mcp' }, 'invalid_target'],
])('a request with %s is refused at the redirect URI, with state and issuer', async (_title, more, error) => {
  const stage = await startAuthorization()
  const { url } = await stage.browse(stage.authorizeUrl(await registered(stage), 'v', more))
  expect(`${url.origin}${url.pathname}`).toBe(CALLBACK)
  const answer = url.hash ? new URLSearchParams(url.hash.slice(1)) : url.searchParams
  expect(Object.fromEntries(answer)).toMatchObject({ error, state: 'the-state', iss: stage.publicUrl })
  expect(stage.asked).toEqual([])
  expect(await stage.stores.database.all('SELECT * FROM oauth_records')).toEqual([])
})

test.each([
  [
    'no challenge',
    { code_challenge: undefined, code_challenge_method: undefined },
    'PKCE is required for this client: send code_challenge, and code_challenge_method=S256',
  ],
  ['plain', { code_challenge_method: 'plain' }, "code_challenge_method 'plain' is not supported: send S256"],
  ['S512', { code_challenge_method: 'S512' }, "code_challenge_method 'S512' is not supported: send S256"],
  [
    'no method',
    { code_challenge_method: undefined },
    "code_challenge_method 'plain' is not supported, which is what none means: send S256",
  ],
  [
    'a method that would break out of the words',
    { code_challenge_method: 'a"&error=x\\' },
    "code_challenge_method '...' is not supported: send S256",
  ],
])('a client that sends %s is told what to send, and the log has it', async (_title, more, words) => {
  const stage = await startAuthorization()
  const redirectUri = `${CALLBACK}?keep=a%20b`
  const { client_id: id } = (await (await stage.register({ redirect_uris: [redirectUri] })).json()) as {
    client_id: string
  }
  const asked = stage.authorizeUrl(id, 'v', { ...more, redirect_uri: redirectUri })
  const location = (await fetch(asked, { redirect: 'manual' })).headers.get('location') ?? ''
  expect(Object.fromEntries(new URL(location).searchParams)).toEqual({
    ...{ error: 'invalid_request', error_description: words, state: 'the-state', iss: stage.publicUrl, keep: 'a b' },
  })
  expect(stage.log.entries).toContainEqual(
    expect.objectContaining({
      event: 'authorization:refused',
      fields: expect.objectContaining({ code: 'invalid_request' }),
    }),
  )
})

test.each([
  ['none', undefined],
  ['foreign ones', 'openid profile offline_access files:read'],
  ['an empty one', ''],
  ['its own among others', 'mcp openid'],
])('a client that asks for %s of scopes is given mcp', async (_title, scope) => {
  const stage = await startAuthorization()
  const { body } = await stage.signIn({}, { scope })
  expect(body).toMatchObject({ scope: 'mcp', refresh_token: expect.any(String) })
  expect(body).not.toHaveProperty('id_token')
})

test('the habits of OpenID Connect clients do no harm', async () => {
  const stage = await startAuthorization()
  const more = { nonce: 'n', max_age: '0', prompt: 'select_account', acr_values: 'x', id_token_hint: 'x', claims: '{}' }
  expect((await stage.signIn({}, more)).status).toBe(200)
})

test.each([
  ['with a slash at its end', (url: string) => `${url}/`],
  ['with its scheme in capitals', (url: string) => url.replace('http', 'HTTP')],
  ['not at all', () => undefined],
])('the only server is meant by a request that names it %s', async (_title, of) => {
  const stage = await startAuthorization()
  const { status } = await stage.signIn({}, { resource: of(stage.resource) })
  expect(status).toBe(200)
  expect(stage.asked[0]?.resource).toBe(stage.resource)
})

test('of several servers one must be named, and one only', async () => {
  const stage = await startAuthorization({ servers: [served('/mcp/work', 'work'), served('/mcp/home', 'home')] })
  const id = await registered(stage)
  expect((await stage.code(id, { resource: undefined })).answer.get('error')).toBe('invalid_target')
  expect((await stage.code(id, { resource: `${stage.publicUrl}/mcp` })).answer.get('error')).toBe('invalid_target')
  const both = stage.authorizeUrl(id, 'v', { resource: `${stage.publicUrl}/mcp/work` })
  both.searchParams.append('resource', `${stage.publicUrl}/mcp/home`)
  expect((await stage.browse(both)).url.searchParams.get('error')).toBe('invalid_target')
  const { code } = await stage.code(id, { resource: `${stage.publicUrl}/mcp/home` })
  expect(code).not.toBe('')
  expect(stage.asked.at(-1)?.server.name).toBe('home')
})

test('a client that is gone gets a page that says how to reconnect, and no redirect', async () => {
  const stage = await startAuthorization()
  const id = await registered(stage)
  await stage.stores.clients.remove(id)
  const response = await fetch(stage.authorizeUrl(id, 'v'), { redirect: 'manual' })
  expect([response.status, response.headers.get('location')]).toEqual([400, null])
  expect(await response.text()).toMatch(/Unknown client.*connect again/s)
})

test('a page shows nothing of the request as markup, and no stack', async () => {
  const stage = await startAuthorization()
  const url = stage.authorizeUrl('<script>1</script>', 'v', { redirect_uri: undefined })
  const text = await (await fetch(url)).text()
  expect(text).not.toMatch(/<script>|node_modules|at .*\.js/)
})

test('another browser does not go on with a request', async () => {
  const stage = await startAuthorization()
  const first = await fetch(stage.authorizeUrl(await registered(stage), 'v'), { redirect: 'manual' })
  const consent = first.headers.get('location') ?? ''
  const other = await fetch(consent, { redirect: 'manual' })
  expect(other.status).toBe(403)
  const flow = consent.split('/').at(-1)
  for (const cookie of [`_interaction=${flow}`, `_interaction=${flow}; _interaction.sig=AAAA`])
    expect((await fetch(consent, { redirect: 'manual', headers: { cookie } })).status).toBe(403)
  const jar = createJar()
  jar.take(first.headers.getSetCookie())
  const { url } = await stage.browse(consent, jar)
  expect(url.searchParams.get('code')).not.toBeNull()
})

test('two requests in two tabs of one browser do not disturb each other', async () => {
  const stage = await startAuthorization()
  const id = await registered(stage)
  const jar = createJar()
  const begin = async (state: string) => {
    const response = await fetch(stage.authorizeUrl(id, 'v', { state }), { redirect: 'manual' })
    jar.take(response.headers.getSetCookie())
    return response.headers.get('location') ?? ''
  }
  const [one, two] = [await begin('one'), await begin('two')]
  expect((await stage.browse(two, jar)).url.searchParams.get('state')).toBe('two')
  expect((await stage.browse(one, jar)).url.searchParams.get('state')).toBe('one')
})

test('a request that is over ends in a page', async () => {
  const stage = await startAuthorization()
  const jar = createJar()
  const first = await fetch(stage.authorizeUrl(await registered(stage), 'v'), { redirect: 'manual' })
  jar.take(first.headers.getSetCookie())
  const consent = first.headers.get('location') ?? ''
  await stage.browse(consent, jar)
  expect((await stage.browse(consent, jar)).response.status).toBe(403)
  const resume = await stage.browse(`${stage.origin}/authorize/${consent.split('/').at(-1)}`, jar)
  expect(resume.response.status).toBe(400)
  expect(await resume.response.text()).toContain('over')
})

test('links and cookies are those of the public URL, whatever Host and X-Forwarded-* say', async () => {
  const stage = await startAuthorization({ publicUrl: 'https://gateway.example' })
  const id = await registered(stage)
  const response = await fetch(stage.authorizeUrl(id, 'v'), {
    redirect: 'manual',
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' },
  })
  expect(response.headers.get('location')).toMatch(/^https:\/\/gateway\.example\/auth\/consent\//)
  const cookies = response.headers.getSetCookie()
  expect(cookies.length).toBeGreaterThan(1)
  for (const cookie of cookies) {
    expect(cookie).toMatch(/; secure/i)
    expect(cookie).toMatch(/; httponly/i)
    expect(cookie).toMatch(/; samesite=lax/i)
    expect(cookie).toMatch(/; path=\/(auth\/consent|authorize)\/[\w-]+/i)
  }
})

test('no browser gets a cookie of a session, and no code, token or flow stands in the table', async () => {
  const stage = await startAuthorization()
  const jar = createJar()
  const id = await registered(stage)
  await stage.browse(stage.authorizeUrl(id, 'v'), jar)
  expect(jar.lines().filter(({ value }) => value.startsWith('_session'))).toEqual([])
  const given = await stage.code(id)
  const flow = stage.asked.at(-1)?.flow ?? ''
  await fetch(stage.authorizeUrl(id, 'v'), { redirect: 'manual' })
  const tables = JSON.stringify(await stage.stores.database.all('SELECT * FROM oauth_records'))
  expect(tables).toContain('Interaction')
  expect(tables).not.toContain(given.code)
  expect(tables).not.toContain(flow)
  expect(tables).not.toContain('/authorize/')
})

test('the engine writes on no stream: what it says is in the log, once', async () => {
  const written: unknown[] = []
  const { warn, info } = console
  Object.assign(console, { warn: (text: unknown) => written.push(text), info: (text: unknown) => written.push(text) })
  onTestFinished(() => void Object.assign(console, { warn, info }))
  const stage = await startAuthorization()
  const signed = await stage.signIn({ token_endpoint_auth_method: 'client_secret_post' })
  await stage.post('/revoke', { token: signed.access, client_id: signed.clientId })
  expect(written).toEqual([])
  expect(stage.log.entries.filter(({ event }) => event === 'authorization:engine').length).toBeLessThanOrEqual(1)
})
