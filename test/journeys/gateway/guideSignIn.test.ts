// The guide's issues with redirects, tokens, providers and PKCE, at a gateway: each fault made for real, as the client, the person and the log see it.
import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openBrowsing } from '../../servers/browsing.ts'
import { type GatewayStage, registerClient, startGatewayStage, tokenAt } from '../../servers/gatewayStage.ts'
import { guideShell } from '../../servers/guideShell.ts'

let stage: GatewayStage
let type: ReturnType<typeof guideShell>
const REDIRECT = 'http://127.0.0.1:33418/callback'
let clientId: string
beforeAll(async () => {
  stage = await startGatewayStage({
    asInGuide: true,
    environment: { DEBUG: 'oauth:*' },
    config: { session_timeout: 300 },
  })
  type = guideShell(stage, 'http://localhost:3000')
  clientId = await registerClient(stage.origin, REDIRECT)
})
afterEach(() => {
  stage.provider.state.tokenFault = undefined
})
afterAll(() => stage?.close())

const signIn = () => stage.signIn({ clientId })
const sqlite = (statement: string) => type(`sqlite3 oauth.db "${statement}"`)
const verifier = () => randomBytes(32).toString('base64url')
const hash = (text: string) => createHash('sha256').update(text).digest('base64url')

/** Where the client is answered, or the page that says why not. */
async function authorize(parameters: Readonly<Record<string, string>>) {
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: clientId, redirect_uri: REDIRECT, state: 'client-state' },
    ...{ resource: stage.url, ...parameters },
  })
  return openBrowsing().follow(`${stage.origin}/authorize?${query}`, REDIRECT)
}

test('Issue: "OAuth redirect URI mismatch": the gateway sends the provider exactly its callback_url, and a client is answered at none that it has not registered', async () => {
  const { out } = await type('cat config.yaml | grep callback_url')
  const callback = out.trim().replace('callback_url: ', '')
  expect(callback).toBe(`${stage.origin}/auth/callback`)
  const login = await openBrowsing().load(`${stage.origin}/auth/login`)
  expect(new URL(String(login.headers.location)).searchParams.get('redirect_uri')).toBe(callback)
  for (const other of [
    'http://127.0.0.1:33418/callback/',
    'http://127.0.0.1:33418/auth/callback',
    'https://127.0.0.1:33418/callback',
  ]) {
    const page = await authorize({ redirect_uri: other, code_challenge: hash('x'), code_challenge_method: 'S256' })
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('Redirect URI not allowed')])
  }
})

test('Issue: "Invalid state parameter": the guide\'s curl gets it in words, its SQL shows the pending sign-ins, and the log has invalid_state', async () => {
  const tried = await type('curl -v "http://localhost:8080/auth/callback?code=test&state=test"')
  expect([tried.out, tried.err]).toEqual([
    expect.stringMatching(/^Invalid state/),
    expect.stringContaining('< HTTP/1.1 400'),
  ])
  await openBrowsing().load(`${stage.origin}/auth/login`)
  const pending = await sqlite("SELECT * FROM sessions WHERE created_at > datetime('now', '-5 minutes');")
  expect([pending.code, pending.out]).toEqual([0, expect.stringContaining('|')])
  expect(await sqlite("DELETE FROM sessions WHERE created_at < datetime('now', '-1 hour');")).toMatchObject({ code: 0 })
  expect((await type('grep invalid_state logs/proxy.log')).code).toBe(0)
  expect((await type('cat config.yaml | grep session_timeout')).out).toBe('session_timeout: 300\n')
})

test('Issue: OAuth flow gets stuck at authorization page: the log shows a callback that arrived', async () => {
  await signIn()
  const { out } = await type('tail -n 500 logs/proxy.log | grep callback')
  expect(out).toContain('GET /auth/callback')
  expect(out).not.toMatch(/code=|state=/)
})

test('Issue: "Token expired" errors: the guide\'s refresh works with a bearer, and a provider that refuses it is named token_expired', async () => {
  const { access_token: bearer } = await signIn()
  const refresh = `curl -s -X POST http://localhost:8080/auth/refresh -H "Authorization: Bearer ${bearer}" -v`
  const good = await type(refresh)
  expect(JSON.parse(good.out)).toMatchObject({ refreshed: true })
  const listed = await sqlite('SELECT user_id, expires_at, created_at FROM tokens ORDER BY created_at DESC LIMIT 5;')
  expect(listed.out).toMatch(/^[\w-]+\|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/)
  const sealed = await sqlite('SELECT user_id, refresh_token FROM tokens WHERE refresh_token IS NOT NULL;')
  expect(sealed.out.trim().split('\n')).toHaveLength(1)
  await stage.provider.revokeGrants()
  const refused = await type(refresh)
  expect(JSON.parse(refused.out)).toMatchObject({ refreshed: false, error: 'token_expired' })
  const nobody = await type(
    'curl -X POST http://localhost:8080/auth/refresh -H "Authorization: Bearer YOUR_ACCESS_TOKEN" -v',
  )
  expect([nobody.out, nobody.err]).toEqual([
    expect.stringContaining('invalid_token'),
    expect.stringContaining('< HTTP/1.1 401'),
  ])
})

test('Issue: "Malformed token" errors: a bearer that is cut off, without its word, in two parts or a JWT is refused with 401, and told what is wrong', async () => {
  const { access_token: good } = await signIn()
  for (const [header, says] of [
    // The guide: Authorization: Bearer TOKEN, not Authorization: TOKEN.
    [good, 'the word Bearer'],
    [`Bearer ${good.slice(0, 20)}`, 'malformed_token.* this one has 20 characters'],
    ['Bearer your.token.here', 'malformed_token'],
    ['Bearer a b', 'malformed_token'],
    [`Bearer "${good}"`, 'malformed_token'],
    ['Bearer', 'malformed_token'],
  ] as const) {
    const { out } = await type(`curl -s -w '%{http_code}' ${stage.url} -H 'Authorization: ${header}'`)
    expect([header, out]).toEqual([header, expect.stringMatching(new RegExp(`${says}.*401$`))])
    expect(out).not.toContain(good)
  }
  // The guide's ways to look at one: its length, no line break, and the dots of a JWT, which it does not have.
  const looked = await type(`echo \${#TOKEN}; echo $TOKEN | awk -F. '{print NF-1}'; echo -n "$TOKEN" | od -c`, {
    TOKEN: good,
  })
  expect(looked.out).toMatch(/^43\n0\n/)
  expect(looked.out).not.toMatch(/\\[rn]/)
})

test('Issue: "Invalid token signature": an ID token that does not pass ends the sign-in as invalid_signature at the client', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const seconds = Math.floor(Date.now() / 1000)
  const claims = {
    iss: stage.provider.issuer,
    sub: 'ada',
    aud: stage.providerEntry.client_id,
    iat: seconds,
    exp: seconds + 60,
  }
  const forged = `${part({ alg: 'RS256', kid: 'other' })}.${part(claims)}.${randomBytes(256).toString('base64url')}`
  stage.provider.state.tokenFault = answerOf({
    access_token: 'at',
    token_type: 'Bearer',
    expires_in: 3600,
    id_token: forged,
  })
  await expect(signIn()).rejects.toThrow(/^server_error: .*\(invalid_signature\)$/)
  expect((await type('grep -i error logs/proxy.log | tail -n 3')).out).toContain('"error":"invalid_signature"')
  // The guide's lines: the clock, the issuer, and the keys that it publishes.
  expect((await type('date')).code).toBe(0)
  const named = (await type('cat config.yaml | grep issuer')).out.trim().replace('issuer: ', '')
  expect(named).toBe(stage.provider.issuer)
  const published = await type(`curl -s ${named}/.well-known/openid-configuration`)
  expect((await fetch(JSON.parse(published.out).jwks_uri)).status).toBe(200)
})

const answerOf = (body: object) => ({
  status: 200,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
})

test('Issue: "PKCE code_verifier validation failed": another verifier is invalid_grant, and DEBUG=oauth:pkce shows the four steps without a value', async () => {
  const mine = verifier()
  const { url } = await authorize({ code_challenge: hash(mine), code_challenge_method: 'S256' })
  const code = url.searchParams.get('code') ?? ''
  const redeem = (code_verifier: string) =>
    tokenAt(stage.origin, {
      ...{ grant_type: 'authorization_code', code, redirect_uri: REDIRECT, client_id: clientId, resource: stage.url },
      code_verifier,
    })
  expect(await redeem(verifier())).toMatchObject({
    status: 400,
    body: { error: 'invalid_grant', error_description: 'code_verifier does not match code_challenge' },
  })
  // The code is spent: whoever guesses gets one try.
  expect(await redeem(mine)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  const { out } = await type('grep oauth:pkce logs/proxy.log')
  for (const step of ['verifier generated', 'challenge created (SHA-256)', 'verifier stored', 'verifier retrieved'])
    expect(out).toContain(step)
  expect(out).not.toMatch(/[\w-]{43}/)
})

test('Issue: "PKCE required but not provided": a client without a challenge is told invalid_request in the words of the guide, and so is the log', async () => {
  const { url } = await authorize({})
  expect(url.searchParams.get('error')).toBe('invalid_request')
  expect(url.searchParams.get('error_description')).toMatch(/^PKCE is required for this client/)
  expect(url.searchParams.get('state')).toBe('client-state')
  expect((await type('tail -n 20 logs/proxy.log | grep -i error')).out).toContain('"authorization:refused"')
})

test('Issue: "PKCE code_verifier validation failed": a verifier and challenge made by the guide\'s shell lines are good', async () => {
  const { out } = await type(
    `CODE_VERIFIER=$(openssl rand -base64 32 | tr -d '=' | tr '+/' '-_')
     echo $CODE_VERIFIER
     echo -n $CODE_VERIFIER | openssl dgst -sha256 -binary | base64 | tr -d '=' | tr '+/' '-_'`,
  )
  const [mine = '', challenge = ''] = out.trim().split('\n')
  expect(mine).toMatch(/^[A-Za-z0-9_-]{43,128}$/)
  const { url } = await authorize({ code_challenge: challenge, code_challenge_method: 'S256' })
  const redeemed = await tokenAt(stage.origin, {
    ...{ grant_type: 'authorization_code', code: url.searchParams.get('code') ?? '', redirect_uri: REDIRECT },
    ...{ client_id: clientId, resource: stage.url, code_verifier: mine },
  })
  expect(redeemed.status).toBe(200)
})

test('Issue: "Code challenge method not supported": a client that asks for plain is told that \'plain\' is not supported', async () => {
  for (const more of [{ code_challenge_method: 'plain' }, {}] as Record<string, string>[]) {
    const { url } = await authorize({ code_challenge: verifier(), ...more })
    expect(url.searchParams.get('error')).toBe('invalid_request')
    expect(url.searchParams.get('error_description')).toMatch(/^code_challenge_method 'plain' is not supported/)
  }
})
