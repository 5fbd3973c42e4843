// Several providers: the answer of one is not taken for that of another, whatever a hostile one makes of a sign-in (RFC 9700 section 4.4).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { composeGatewaySignIn } from '../../../../src/compose/gatewaySignIn.ts'
import type { ServedProvider } from '../../../../src/gateway/settings.ts'
import { createHttp } from '../../../../src/system/http/client.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createStandingClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { aProvider, aServer } from '../../../fakes/gatewaySignInWorld.ts'
import { errorOf } from '../../../fakes/thrown.ts'
import { startProvider } from '../../../servers/providers.ts'

const CALLBACK = 'http://127.0.0.1:8080/auth/callback'

/** A provider that promises nothing about `iss`. */
async function honest(name = 'honest') {
  const server = await startProvider('google')
  onTestFinished(() => server.close())
  const client = { clientId: 'client-1', clientSecret: 'secret-1' }
  return { server, provider: { ...aProvider(name), issuer: server.issuer, ...client } }
}

/** A provider whose metadata is `more`, and that keeps the codes it is given. */
async function hostile(more: Record<string, unknown> = {}) {
  const codes: string[] = []
  const server = createServer(async (request, response) => {
    let form = ''
    for await (const chunk of request) form += chunk
    if (request.url === '/token') codes.push(new URLSearchParams(form).get('code') ?? '')
    const { port } = server.address() as AddressInfo
    const issuer = `http://127.0.0.1:${port}`
    const endpoints = { authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` }
    const document = { issuer, ...endpoints, code_challenge_methods_supported: ['S256'], jwks_uri: `${issuer}/keys` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...document, ...more }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => void server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { codes, more, issuer, provider: { ...aProvider('hostile'), issuer } }
}

/** `attempts`: those of another replica. */
async function gateway(providers: readonly ServedProvider[], attempts = createFakeAttemptStore(Date.now)) {
  const http = createHttp({ connectTimeoutMs: 5_000, environment: {} })
  onTestFinished(() => http.close())
  const clock = { ...createStandingClock(Date.now()), now: Date.now }
  const log = createFakeLogger()
  const { signIn } = await composeGatewaySignIn({
    settings: {
      ...{ providers, callbackUrl: CALLBACK, access: 'everyone', servers: [aServer()], userHeaders: {} },
      ...{ sessionTimeoutMs: 600_000, requestTimeoutMs: 10_000 },
    },
    stores: {
      ...{ attempts, tokens: createFakeTokenStore(clock.now), clients: createFakeClientStore() },
      ...{ cache: createFakeCache(), leases: createFakeLeases() },
    },
    ...{ http, clock, log },
  })
  const redirectUri = async (name: string) => (await signIn.begin(name, {})).url.searchParams.get('redirect_uri')
  return { ...signIn, redirectUri, attempts, log }
}

/** Where a provider sends the browser. */
const redirected = async (url: URL) =>
  new URL((await fetch(url, { redirect: 'manual' })).headers.get('location') ?? 'no:redirect')

const ISS = { authorization_response_iss_parameter_supported: true }

test('a single provider is answered at the callback URL, whether or not it promises iss', async () => {
  const { provider } = await honest()
  expect(await (await gateway([provider])).redirectUri('honest')).toBe(CALLBACK)
})

test('of several, one that promises iss is answered there too, and each other one at an address of its own', async () => {
  const [one, odd, promising] = [await honest(), await honest('Über uns'), await hostile(ISS)]
  const github = { ...aProvider('github'), issuer: 'https://github.com/login/oauth' }
  const plain = {
    ...{ ...aProvider('plain'), issuer: promising.issuer },
    endpoints: { authorization_endpoint: `${promising.issuer}/a`, token_endpoint: `${promising.issuer}/token` },
  }
  const { redirectUri } = await gateway([one.provider, odd.provider, promising.provider, github, plain])
  expect(await redirectUri('hostile')).toBe(CALLBACK)
  expect(await redirectUri('honest')).toBe(`${CALLBACK}/honest`)
  expect(await redirectUri('Über uns')).toBe(`${CALLBACK}/%C3%9Cber%20uns`)
  expect(await redirectUri('github')).toBe(`${CALLBACK}/github`)
  // Of written endpoints no metadata is asked for.
  expect(await redirectUri('plain')).toBe(`${CALLBACK}/plain`)
})

test('an answer at the address of its own sign-in is taken, and the code redeemed with that address', async () => {
  const { provider, server } = await honest('Über uns')
  const { begin, answer, binding } = await gateway([provider, (await hostile()).provider])
  const back = await redirected((await begin('Über uns', { flow: 'f' })).url)
  // As the listener writes it.
  back.pathname = decodeURIComponent(back.pathname)
  expect(await binding(back)).toEqual({ flow: 'f' })
  expect((await answer(back)).user.subject).toBe('ada')
  expect(server.seen.token[0]).toMatchObject({ redirect_uri: `${CALLBACK}/%C3%9Cber%20uns` })
})

test.each([
  ['', 'promises nothing'],
  ['', 'promises iss'],
  ['/honest', 'promises nothing'],
  ['/honest', 'promises iss'],
  ['/unknown', 'promises nothing'],
])('a code that arrives at %j reaches no hostile provider that %s', async (path, what) => {
  const [one, evil] = [await honest(), await hostile(what === 'promises iss' ? ISS : {})]
  const { begin, answer, binding, log } = await gateway([one.provider, evil.provider])
  // The attacker's own sign-in waits at the honest provider; the hostile one sends the victim on there with its values.
  const attacker = await begin('honest', {})
  const victim = await begin('hostile', { flow: 'f' })
  const mixed = new URL(attacker.url)
  mixed.searchParams.set('state', victim.state)
  mixed.searchParams.set('redirect_uri', CALLBACK + path)
  const back = await redirected(mixed)
  expect(back.searchParams.get('state')).toBe(victim.state)
  const refused = (await errorOf(answer(back))).code
  expect(evil.codes).toEqual([])
  // Where iss was promised, an answer without it is that of another provider.
  if (path === '' && what === 'promises iss') return expect(refused).toBe('issuer_mismatch')
  expect([refused, await binding(back)]).toEqual(['invalid_state', undefined])
  expect(log.entries).toContainEqual(expect.objectContaining({ event: 'oauth:callback-ignored' }))
  const own = new URL(victim.url.searchParams.get('redirect_uri') ?? '')
  own.search = back.search
  expect(await binding(own)).toEqual({ flow: 'f' })
})

test('an answer of the honest provider counts at no other address', async () => {
  const { provider } = await honest()
  const { begin, answer } = await gateway([provider, (await hostile()).provider])
  const back = await redirected((await begin('honest', {})).url)
  for (const path of ['/auth/callback', '/auth/callback/hostile', '/auth/callback/Honest']) {
    const elsewhere = new URL(back)
    elsewhere.pathname = path
    expect((await errorOf(answer(elsewhere))).code).toBe('invalid_state')
  }
  expect((await answer(back)).user.subject).toBe('ada')
})

test('what the metadata promises later changes nothing for a sign-in that is under way', async () => {
  const [one, evil] = [await honest(), await hostile()]
  const first = await gateway([one.provider, evil.provider])
  const victim = await first.begin('hostile', {})
  Object.assign(evil.more, ISS)
  const second = await gateway([one.provider, evil.provider], first.attempts)
  expect(await second.redirectUri('hostile')).toBe(CALLBACK)
  const shared = new URL(`${CALLBACK}?${new URLSearchParams({ state: victim.state, code: 'c', iss: evil.issuer })}`)
  expect((await errorOf(second.answer(shared))).code).toBe('invalid_state')
  expect(evil.codes).toEqual([])
})
