// An unknown client to an access token: the listener, the authorization server, the consent page, a provider and the stores, each as it is.
import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { composeGatewaySignIn } from '../../../../src/compose/gatewaySignIn.ts'
import { createAuthorizationServer } from '../../../../src/gateway/authorization/authorizationServer.ts'
import { createCallers } from '../../../../src/gateway/proxy/callers.ts'
import type { Access } from '../../../../src/gateway/settings.ts'
import { createAccess } from '../../../../src/gateway/signin/access.ts'
import { showProblem } from '../../../../src/gateway/signin/page.ts'
import { createGatewaySignIn } from '../../../../src/gateway/signin/signIn.ts'
import { createHttp } from '../../../../src/system/http/client.ts'
import { createGoingClock } from '../../../fakes/authorizationStage.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { createFakeCache, createFakeClientStore } from '../../../fakes/fakeCache.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { startShell } from '../../../fakes/gatewayShell.ts'
import { aProvider, aServer, nextOf, openBrowser, tokenOn } from '../../../fakes/gatewaySignInWorld.ts'
import { openGatewayStores } from '../../../fakes/gatewayStores.ts'
import { freePort } from '../../../servers/freePort.ts'
import { startProvider } from '../../../servers/providers.ts'

const CLIENT_CALLBACK = 'http://127.0.0.1:33418/callback'
const NOBODY = { emails: [], domains: [], subjects: [], groups: [], tenants: [], organisations: [] }
const DAY = 24 * 3_600_000

async function startWhole(access: Access = 'everyone') {
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  const provider = await startProvider('github')
  const clock = createGoingClock()
  const log = createFakeLogger()
  const http = createHttp({ connectTimeoutMs: 5_000, environment: {} })
  const stores = await openGatewayStores({ clock: clock as never })
  const leases = createFakeLeases()
  const settings = {
    ...{ publicUrl, callbackUrl: `${publicUrl}/auth/callback`, access, servers: [aServer()], userHeaders: {} },
    providers: [
      {
        ...{ ...aProvider('github'), issuer: provider.issuer, clientId: 'client-1', clientSecret: 'secret-1' },
        endpoints: { userinfo_endpoint: `${provider.origin}/user` },
      },
    ],
    ...{ sessionTimeoutMs: 600_000, requestTimeoutMs: 10_000 },
    tokens: { accessMs: 3_600_000, refreshIdleMs: 30 * DAY, refreshMs: 90 * DAY, reuseGraceMs: 30_000 },
    clients: {
      ...{ registration: 'open' as const, documents: true, documentHosts: ['*'], redirectSchemes: [] },
      ...{ redirectHosts: ['*'], known: [] },
    },
  }
  const tokens = createFakeTokenStore(clock.now)
  const upstream = await composeGatewaySignIn({
    ...{ settings, http, clock, log },
    stores: {
      ...{ attempts: createFakeAttemptStore(clock.now), tokens, leases },
      ...{ clients: createFakeClientStore(), cache: createFakeCache() },
    },
  })
  const authorization = await createAuthorizationServer({
    ...{ ...stores, settings, leases, http, isBehindProxy: false, clock, log, errorPage: showProblem },
  })
  const callers = createCallers(stores.callers, clock)
  const handlers = createGatewaySignIn({
    ...{ ...stores, ...upstream, settings, authorization, clock, log },
    checkAccess: createAccess({ access, providers: upstream.accessProviders }),
    callerOf: async ({ headers }) =>
      callers.find(createHash('sha256').update(String(headers.authorization).slice(7)).digest('base64url')),
  })
  await startShell({
    settings: { publicUrl, servers: settings.servers, listen: { host: '127.0.0.1', port } },
    handlers: { ...handlers, authorization },
  })
  onTestFinished(async () => {
    await provider.close()
    await http.close()
    await stores.database.close()
  })
  return { publicUrl, provider, tokens, log, authorization: upstream, database: stores.database }
}

const VERIFIER = 'v'.repeat(64)

/** A new client asks. Gives the browser on the consent page. */
async function ask(publicUrl: string) {
  const registered = await fetch(`${publicUrl}/register`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({
      ...{ client_name: 'Note<b>book', redirect_uris: [CLIENT_CALLBACK], token_endpoint_auth_method: 'none' },
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  })
  const { client_id: clientId } = (await registered.json()) as { client_id: string }
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: clientId, redirect_uri: CLIENT_CALLBACK, state: 'client-state' },
    ...{ code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'), code_challenge_method: 'S256' },
    resource: `${publicUrl}/mcp`,
  })
  const browser = openBrowser(publicUrl)
  const asked = await browser.get(`/authorize?${query}`)
  const consent = pathOf(publicUrl, asked.location)
  return { clientId, browser, consent, page: await browser.get(consent) }
}

const pathOf = (origin: string, location: string) => {
  const { pathname, search } = new URL(location, origin)
  return pathname + search
}

type Asked = Awaited<ReturnType<typeof ask>>

/** Follows our own redirects and pages until the client's redirect URI. */
async function toClient(publicUrl: string, { browser, consent, page }: Asked, answer: string): Promise<URL> {
  const sent = await browser.post(consent, { token: tokenOn(page), answer })
  let next = nextOf(sent)
  if (!next.href.startsWith(publicUrl)) {
    const there = await fetch(next, { redirect: 'manual' })
    next = new URL(there.headers.get('location') ?? '')
  }
  for (let hop = 0; hop < 8 && next.href.startsWith(publicUrl); hop++) {
    const { location, status, text } = await browser.get(pathOf(publicUrl, next.href))
    if (location === '') throw new Error(`${next.pathname} answered ${status}: ${text}`)
    next = new URL(location, next)
  }
  return next
}

const redeem = async (publicUrl: string, clientId: string, code: string) => {
  const answer = await fetch(`${publicUrl}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      ...{ grant_type: 'authorization_code', code, redirect_uri: CLIENT_CALLBACK, client_id: clientId },
      ...{ code_verifier: VERIFIER, resource: `${publicUrl}/mcp` },
    }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}

test('an unknown client gets an access token, by consent and a sign-in at the provider', async () => {
  const { publicUrl, provider, tokens, database } = await startWhole({ ...NOBODY, organisations: ['acme'] })
  const asked = await ask(publicUrl)
  expect([asked.page.status, asked.page.text.includes('Note&#60;b&#62;book')]).toEqual([200, true])
  const client = await toClient(publicUrl, asked, 'yes:github')
  expect(client.origin + client.pathname).toBe(CLIENT_CALLBACK)
  expect([client.searchParams.get('state'), client.searchParams.get('iss')]).toEqual(['client-state', publicUrl])
  const { status, body } = await redeem(publicUrl, asked.clientId, client.searchParams.get('code') ?? '')
  expect([status, body.token_type]).toEqual([200, 'Bearer'])
  const [row] = await tokens.list()
  expect([row?.server, row?.signedIn]).toEqual(['provider:github', true])
  // The guide's curl: GitHub gave nothing to refresh with.
  const headers = { authorization: `Bearer ${body.access_token}` }
  const refreshed = await fetch(`${publicUrl}/auth/refresh`, { method: 'POST', headers })
  expect([refreshed.status, ((await refreshed.json()) as { error: string }).error]).toEqual([
    409,
    'refresh_token_missing',
  ])
  expect(provider.seen.mcp).toEqual([])
  expect((await database.all('SELECT subject FROM users')).map(({ subject }) => subject)).toContain('4711')
})

test('a person who says no, and one whom access does not name, are access_denied at the client', async () => {
  const { publicUrl, tokens } = await startWhole({ ...NOBODY, organisations: ['others'] })
  for (const answer of ['no', 'yes:github']) {
    const client = await toClient(publicUrl, await ask(publicUrl), answer)
    expect(client.origin + client.pathname).toBe(CLIENT_CALLBACK)
    expect([client.searchParams.get('error'), client.searchParams.get('iss')]).toEqual(['access_denied', publicUrl])
  }
  expect(await tokens.list()).toEqual([])
})

test('a way back that is loaded four times at once leads to one grant and one code, and loaded again it says that it is over', async () => {
  const { publicUrl, database } = await startWhole()
  const { browser, consent, page, clientId } = await ask(publicUrl)
  const there = await fetch(nextOf(await browser.post(consent, { token: tokenOn(page), answer: 'yes:github' })), {
    redirect: 'manual',
  })
  const { location: back } = await browser.get(pathOf(publicUrl, there.headers.get('location') ?? ''))
  expect(back).toBe(`${consent}/back`)
  const four = <T>(work: () => Promise<T>) => Promise.all([work(), work(), work(), work()])
  const ways = await four(() => browser.get(back))
  expect(new Set(ways.map(({ status, location }) => `${status} ${location}`)).size).toBe(1)
  // So do the consent page and another answer, which no longer counts.
  expect((await browser.get(consent)).location).toBe(ways[0]?.location)
  const late = await browser.post(consent, { token: tokenOn(page), answer: 'no' })
  expect(nextOf(late).href).toBe(ways[0]?.location)
  const resume = pathOf(publicUrl, ways[0]?.location ?? '')
  const ends = await four(() => browser.get(resume))
  const codes = ends.flatMap(({ location }) => (location === '' ? [] : [new URL(location).searchParams.get('code')]))
  expect(codes).toHaveLength(1)
  expect(ends.filter(({ text }) => text.includes('This sign-in is over'))).toHaveLength(3)
  expect(await database.all('SELECT id FROM grants')).toHaveLength(1)
  for (const path of [back, consent]) {
    const again = await browser.get(path)
    expect([again.status, again.text.includes('You can close this tab')]).toEqual([410, true])
    expect((await openBrowser(publicUrl).get(path)).status).toBe(403)
  }
  expect((await redeem(publicUrl, clientId, codes[0] ?? '')).status).toBe(200)
})

test('the address of somebody’s consent page is of no use in another browser', async () => {
  const { publicUrl } = await startWhole()
  const asked = await ask(publicUrl)
  const stranger = openBrowser(publicUrl)
  expect((await stranger.get(asked.consent)).status).toBe(403)
  expect((await stranger.post(asked.consent, { token: tokenOn(asked.page), answer: 'no' })).status).toBe(403)
  const other = await ask(publicUrl)
  expect((await other.browser.get(asked.consent)).status).toBe(403)
  expect((await toClient(publicUrl, asked, 'yes:github')).searchParams.has('code')).toBe(true)
})

test('sign-in without a client, and curl at the callback as the guide has it', async () => {
  const { publicUrl, provider } = await startWhole()
  const curl = await fetch(`${publicUrl}/auth/callback?code=test&state=test`)
  expect([curl.status, (await curl.text()).includes('Invalid state')]).toEqual([400, true])
  const browser = openBrowser(publicUrl)
  const begun = await browser.get('/auth/login')
  expect(begun.location.startsWith(provider.origin)).toBe(true)
  const there = await fetch(begun.location, { redirect: 'manual' })
  const back = await browser.get(pathOf(publicUrl, there.headers.get('location') ?? ''))
  const end = await browser.get(back.location)
  expect([end.status, end.text.includes('You are signed in as <bdi>ada@example.com</bdi>')]).toEqual([200, true])
  expect((await fetch(`${publicUrl}/auth/refresh`, { method: 'POST' })).headers.get('www-authenticate')).toContain(
    `resource_metadata="${publicUrl}/.well-known/oauth-protected-resource/mcp"`,
  )
})
