// Codes and tokens: what redeems a code, what ends it, client authentication, and what may be given back.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { sha256 } from '../../../../src/sha256.ts'
import { CALLBACK, served, startAuthorization, tokensOf } from '../../../fakes/authorizationStage.ts'
import { goAwayWhileSending } from '../../../fakes/goneClient.ts'

type Stage = Awaited<ReturnType<typeof startAuthorization>>
const registered = async (stage: Stage, metadata: Record<string, unknown> = {}) =>
  (await (await stage.register(metadata)).json()) as { client_id: string; client_secret: string }

test('a code that is redeemed twice is refused, and ends what it gave', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const given = await stage.code(id)
  const tokens = await tokensOf(await stage.redeem(id, given))
  expect(await stage.isAlive(tokens.access)).toBe(true)
  expect(await tokensOf(await stage.redeem(id, given))).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(await stage.isAlive(tokens.access)).toBe(false)
})

test('of two redemptions at once at most one gets tokens, and they are over', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const given = await stage.code(id)
  const answers = await Promise.all([stage.redeem(id, given), stage.redeem(id, given)])
  const tokens = await Promise.all(answers.map(tokensOf))
  expect(tokens.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
  for (const { access } of tokens) expect(await stage.isAlive(access)).toBe(false)
})

test.each([
  ['a wrong verifier', { code_verifier: 'x'.repeat(43) }],
  ['no verifier', { code_verifier: '' }],
  ['another redirect URI', { redirect_uri: 'http://127.0.0.1:33418/other' }],
  ['another resource', { resource: 'https://elsewhere.example/mcp' }],
])('a code is dead after one try with %s', async (_title, more) => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const given = await stage.code(id)
  expect((await stage.redeem(id, given, more)).status).toBe(400)
  expect(await tokensOf(await stage.redeem(id, given))).toMatchObject({ status: 400, error: 'invalid_grant' })
  expect(await stage.stores.database.all('SELECT * FROM grants WHERE ended_at IS NULL')).toEqual([])
})

test.each([
  ['a wrong verifier', { code_verifier: 'x'.repeat(43) }, 'code_verifier does not match code_challenge'],
  ['no verifier', { code_verifier: '' }, 'code_verifier must be provided'],
  ['another redirect URI', { redirect_uri: 'http://127.0.0.1:33418/other' }, 'grant request is invalid'],
])('a client with %s is told so, and the log has it', async (_title, more, words) => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const answer = await stage.redeem(id, await stage.code(id), more)
  expect(await answer.json()).toEqual({ error: 'invalid_grant', error_description: words })
  const logged = stage.log.entries.find(({ event }) => event === 'authorization:refused')
  expect(logged?.fields).toEqual({ code: 'invalid_grant', message: expect.stringContaining(words) })
})

test.each([
  ['none', undefined],
  ['an empty', ''],
])(
  'a client of OAuth 2.1 that sends %s redirect URI with its code gets tokens, bound by its verifier',
  async (_title, redirect_uri) => {
    const stage = await startAuthorization()
    // At another port than the registered one, and not the only one.
    const { client_id } = await registered(stage, {
      redirect_uris: ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1/b'],
    })
    const redeem = ({ code, verifier: code_verifier }: { code: string; verifier: string }) => {
      const form = { grant_type: 'authorization_code', client_id, code, code_verifier, resource: stage.resource }
      return stage.post('/token', { ...form, ...(redirect_uri === undefined ? {} : { redirect_uri }) })
    }
    const { status, access } = await tokensOf(await redeem(await stage.code(client_id)))
    expect([status, await stage.isAlive(access)]).toEqual([200, true])
    const { code, verifier } = await stage.code(client_id)
    expect((await redeem({ code, verifier: verifier.toUpperCase() })).status).toBe(400)
    expect((await redeem({ code, verifier })).status).toBe(400)
  },
)

test('a code that is not known any more is refused as such, with and without a redirect URI', async () => {
  const stage = await startAuthorization()
  const { client_id } = await registered(stage, {
    redirect_uris: ['http://127.0.0.1:1/callback', 'http://127.0.0.1:1/b'],
  })
  const form = { grant_type: 'authorization_code', client_id, code: 'x'.repeat(43), code_verifier: 'v'.repeat(43) }
  for (const more of [{}, { redirect_uri: 'http://127.0.0.1:1/callback' }]) {
    const answer = await stage.post('/token', { ...form, ...more })
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_grant' })])
  }
})

test('an answer without a cookie has no Set-Cookie', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const answers = [
    await stage.redeem(id, await stage.code(id)),
    await stage.redeem('nobody', { code: 'c', verifier: 'v' }),
  ]
  answers.push(await stage.register(), await fetch(`${stage.origin}/authorize/over`))
  for (const { headers } of answers) expect(headers.getSetCookie()).toEqual([])
})

test('a parameter without a value counts as omitted', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const empty = { audience: '', client_secret: '', client_assertion: '', client_assertion_type: '', scope: '' }
  const tokens = await tokensOf(await stage.redeem(id, await stage.code(id), empty))
  expect(tokens.status).toBe(200)
  expect((await stage.refresh(id, tokens.refresh, empty)).status).toBe(200)
})

test('a code is dead after one try of another client', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const { client_id: other } = await registered(stage)
  const given = await stage.code(id)
  expect((await stage.redeem(other, given)).status).toBe(400)
  expect((await stage.redeem(id, given)).status).toBe(400)
})

test('who is not known as a client cannot end the code of another', async () => {
  const stage = await startAuthorization()
  const { client_id: id, client_secret: secret } = await registered(stage, {
    token_endpoint_auth_method: 'client_secret_post',
  })
  const given = await stage.code(id)
  expect((await stage.redeem(id, given, { client_secret: 'wrong' })).status).toBe(401)
  expect((await stage.redeem('nobody', given)).status).toBe(401)
  expect((await stage.redeem(id, given, { client_secret: secret })).status).toBe(200)
})

test('a code cannot be redeemed a minute after it was given', async () => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  const given = await stage.code(id)
  stage.clock.advance(61_000)
  expect((await stage.redeem(id, given)).status).toBe(400)
})

test('a client that does not ask for refresh tokens gets none', async () => {
  const stage = await startAuthorization()
  for (const grant_types of [['authorization_code'], undefined])
    expect((await stage.signIn({ grant_types })).body).not.toHaveProperty('refresh_token')
  expect((await stage.signIn()).body).toHaveProperty('refresh_token')
})

test('an access token is for one server, as a column of its record', async () => {
  const stage = await startAuthorization({ servers: [served('/mcp/work', 'work'), served('/mcp/home', 'home')] })
  const signed = await stage.signIn({}, { resource: `${stage.publicUrl}/mcp/work/` })
  expect(await stage.stores.callers.byTokenHash(sha256(signed.access))).toMatchObject({
    resource: `${stage.publicUrl}/mcp/work`,
  })
  const wrong = await stage.refresh(signed.clientId, signed.refresh, { resource: `${stage.publicUrl}/mcp/home` })
  expect(await tokensOf(wrong)).toMatchObject({ error: 'invalid_target' })
  const right = await stage.refresh(signed.clientId, signed.refresh, { resource: `${stage.publicUrl}/mcp/work/` })
  expect(right.status).toBe(200)
})

test.each(['/token', '/revoke', '/register'])(
  'a client that goes away while it sends its body to %s is no failure',
  async (path) => {
    const stage = await startAuthorization()
    await goAwayWhileSending(stage.origin, path, { 'content-type': 'application/json' })
    expect((await stage.refresh('nobody', 'x')).status).toBe(401)
    expect(stage.log.entries.filter(({ level }) => level === 'error')).toEqual([])
  },
)

test.each(['/token', '/revoke'])('a client that is gone gets 401 invalid_client at %s', async (path) => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  await stage.stores.clients.remove(signed.clientId)
  const form = {
    grant_type: 'refresh_token',
    refresh_token: signed.refresh,
    token: signed.access,
    client_id: signed.clientId,
  }
  for (const accept of ['application/json', 'text/html'])
    expect(await tokensOf(await stage.post(path, form, { accept }))).toMatchObject({
      status: 401,
      error: 'invalid_client',
    })
})

test('a client that is blocked gets 401 invalid_client', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  await stage.stores.database.run('UPDATE oauth_clients SET blocked_at = ?', new Date(stage.clock.now()))
  expect(await tokensOf(await stage.refresh(signed.clientId, signed.refresh))).toMatchObject({
    status: 401,
    error: 'invalid_client',
  })
})

test('a client with a secret sends it either way, and a wrong one is 401', async () => {
  const stage = await startAuthorization()
  for (const token_endpoint_auth_method of ['client_secret_basic', 'client_secret_post']) {
    const { client_id: id, client_secret: secret } = await registered(stage, { token_endpoint_auth_method })
    const form = async (given: { code: string; verifier: string }) => ({
      grant_type: 'authorization_code',
      code: given.code,
      code_verifier: given.verifier,
      redirect_uri: CALLBACK,
    })
    const basic = (password: string) => ({ authorization: `Basic ${btoa(`${id}:${password}`)}` })
    expect((await stage.post('/token', await form(await stage.code(id)), basic(secret))).status).toBe(200)
    expect((await stage.redeem(id, await stage.code(id), { client_secret: secret })).status).toBe(200)
    const refused = await stage.post('/token', await form(await stage.code(id)), basic('wrong'))
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Basic /)])
    expect((await stage.redeem(id, await stage.code(id))).status).toBe(401)
  }
})

test('a client signs its requests with a key of its own, and no signature counts twice', async () => {
  const stage = await startAuthorization()
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { client_id: id } = await registered(stage, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [publicKey.export({ format: 'jwk' })] },
  })
  const now = Math.floor(Date.now() / 1000)
  const assertion = (jti: string) => {
    const claims = { iss: id, sub: id, aud: stage.publicUrl, jti, iat: now, exp: now + 60 }
    const text = [{ alg: 'ES256' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: `${text}.${signature.toString('base64url')}`,
    }
  }
  const jti = randomUUID()
  expect((await stage.redeem(id, await stage.code(id), assertion(jti))).status).toBe(200)
  expect((await stage.redeem(id, await stage.code(id), assertion(jti))).status).toBe(401)
  expect((await stage.redeem(id, await stage.code(id))).status).toBe(401)
})

test('a configured client signs in, and needs its secret', async () => {
  const known = { name: 'Known', id: 'known', secret: 'its-long-secret', redirectUris: [CALLBACK, 'odd.scheme:/cb'] }
  const stage = await startAuthorization({ clients: { registration: 'off', documents: false, known: [known] } })
  expect((await stage.redeem('known', await stage.code('known'))).status).toBe(401)
  expect((await stage.redeem('known', await stage.code('known'), { client_secret: known.secret })).status).toBe(200)
  const odd = await stage.code('known', { redirect_uri: 'odd.scheme:/cb' })
  expect(odd.code).not.toBe('')
})

test('a refresh token that is given back ends the sign-in', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  expect((await stage.post('/revoke', { token: signed.refresh, client_id: signed.clientId })).status).toBe(200)
  expect(await stage.isAlive(signed.access)).toBe(false)
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(400)
  expect(await stage.stores.database.get('SELECT ended_by FROM grants')).toMatchObject({ ended_by: 'client' })
})

test('an access token that is given back is over, and the sign-in goes on', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  expect((await stage.post('/revoke', { token: signed.access, client_id: signed.clientId })).status).toBe(200)
  expect(await stage.isAlive(signed.access)).toBe(false)
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(200)
})

test('what another client gives back, or what nobody knows, ends nothing', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const other = await stage.signIn()
  for (const token of [signed.refresh, signed.access, 'unknown'])
    for (const hint of ['refresh_token', 'access_token', ''])
      expect((await stage.post('/revoke', { token, token_type_hint: hint, client_id: other.clientId })).status).toBe(
        200,
      )
  expect(await stage.isAlive(signed.access)).toBe(true)
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(200)
})

test.each([
  ['client_credentials', { grant_type: 'client_credentials' }],
  ['password', { grant_type: 'password', username: 'a', password: 'b' }],
  ['implicit', { grant_type: 'implicit' }],
  ['no', {}],
])('the grant type %s gives nothing', async (_title, form: Record<string, string>) => {
  const stage = await startAuthorization()
  const { client_id: id } = await registered(stage)
  expect((await stage.post('/token', { ...form, client_id: id })).status).toBe(400)
})

test('a parameter that comes twice, JSON, and a body of 17 KB are refused', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const twice = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: signed.clientId,
    refresh_token: signed.refresh,
  })
  twice.append('refresh_token', signed.refresh)
  expect((await stage.post('/token', twice)).status).toBe(400)
  const json = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"grant_type":"refresh_token"}',
  }
  expect((await fetch(`${stage.origin}/token`, json)).status).toBe(400)
  expect((await stage.post('/token', { token: 'x'.repeat(17_000) })).status).toBe(413)
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(200)
})

test('two replicas take turns: what one begins the other finishes', async () => {
  const one = await startAuthorization()
  const two = await startAuthorization({ stores: one.stores, publicUrl: one.publicUrl })
  const { client_id: id } = await registered(one)
  const given = await two.code(id)
  const tokens = await tokensOf(await one.redeem(id, given))
  expect((await two.refresh(id, tokens.refresh)).status).toBe(200)
})
