// Endpoints with a query or fragment of their own: our members instead of theirs, never beside them; the rest stays.
import { describe, expect, test } from 'vitest'
import type { TokenSet } from '../../../src/records.ts'
import { json } from '../../fakes/fakeHttp.ts'
import { createWorld, GOOD, ISSUER, KEY, REDIRECT, type WorldOptions } from '../../fakes/signInWorld.ts'

const at = (name: string, query: string) => ({ metadata: { [name]: `${ISSUER}/${query}` } })
const address = async (query: string, options: WorldOptions = {}) => {
  const url = await createWorld({ answers: at('authorization_endpoint', query), ...options }).address()
  return url as URL
}

/** What an authorization request always has. */
const OURS = ['response_type', 'client_id', 'redirect_uri', 'state', 'code_challenge', 'code_challenge_method']
const MORE = ['scope', 'resource']

describe('an authorization endpoint', () => {
  test.each([...OURS, ...MORE])('with its own %s gets ours instead', async (name) => {
    const url = await address(`authorize?first=1&${name}=theirs&${name}=again&last=2`)
    expect(url.searchParams.getAll(name)).toHaveLength(1)
    expect(url.searchParams.get(name)).not.toMatch(/theirs|again/)
    expect([url.searchParams.get('first'), url.searchParams.get('last')]).toEqual(['1', '2'])
  })

  test('with all of them has each once, and each of ours as without them', async () => {
    const query = [...OURS, ...MORE].map((name) => `${name}=theirs`).join('&')
    const { searchParams } = await address(`authorize?${query}&tenant=t`)
    expect([...searchParams.keys()].sort()).toEqual([...OURS, ...MORE, 'tenant'].sort())
    expect(Object.fromEntries(searchParams)).toMatchObject({
      ...{ response_type: 'code', client_id: 'client-1', redirect_uri: REDIRECT, code_challenge_method: 'S256' },
      ...{ scope: 'files mail offline_access', resource: KEY.server, tenant: 't' },
    })
  })

  test.each([
    ['tenant=t', 'tenant', ['t']],
    ['a=1&a=2&b=', 'a', ['1', '2']],
    ['prompt=login', 'prompt', ['login']],
    ['audience=https%3A%2F%2Fapi.example%2F', 'audience', ['https://api.example/']],
    ['Scope=theirs', 'Scope', ['theirs']],
    ['p=B2C_1_sign%20in', 'p', ['B2C_1_sign in']],
    ['response_mode=query', 'response_mode', ['query']],
    ['scope[]=theirs', 'scope[]', ['theirs']],
  ])('keeps its own %s', async (query, name, values) => {
    expect((await address(`authorize?${query}`)).searchParams.getAll(name)).toEqual(values)
  })

  test('keeps its own resource where the person wants none to be sent', async () => {
    const url = await address('authorize?resource=theirs', { resource: 'none' })
    expect(url.searchParams.getAll('resource')).toEqual(['theirs'])
  })

  test('gets a parameter of the person instead of its own', async () => {
    const url = await address('authorize?prompt=login&x=1', { authorizeParameters: { prompt: 'consent' } })
    expect(url.searchParams.getAll('prompt')).toEqual(['consent'])
    expect(url.searchParams.get('x')).toBe('1')
  })

  test('never lets a parameter of the person replace ours', async () => {
    const url = await address('authorize?state=theirs', { authorizeParameters: { state: 'mine' } })
    expect(url.searchParams.getAll('state')).toHaveLength(1)
    expect(url.searchParams.get('state')).not.toMatch(/theirs|mine/)
  })

  test.each(['authorize?#', 'authorize?&&', 'authorize#/route', 'authorize?a=1#/route'])(
    'like %s gets our members before its fragment, once',
    async (query) => {
      const url = await address(query)
      expect(url.searchParams.getAll('state')).toHaveLength(1)
      expect(url.hash).toBe(query.includes('/route') ? '#/route' : '')
    },
  )
})

describe('a token endpoint', () => {
  const tokenRequests = async (query: string) => {
    const world = createWorld({
      answers: at('token_endpoint', query),
      refreshed: () => json({ ...GOOD.token, access_token: 'access-2' }),
    })
    const { tokens } = await world.signIn()
    await world.refresh(tokens as TokenSet & { refreshToken: string })
    return world.http.requests.filter(({ url }) => url.pathname === '/token')
  }

  test.each(['grant_type', 'code', 'redirect_uri', 'code_verifier', 'resource'])(
    'with its own %s gets ours in the body instead',
    async (name) => {
      const [exchange] = await tokenRequests(`token?tenant=t&${name}=theirs&${name}=again`)
      expect(exchange?.url.search).toBe('?tenant=t')
      expect(new URLSearchParams(String(exchange?.body)).getAll(name)).not.toContain('theirs')
    },
  )

  test('keeps what we do not send, in both grants', async () => {
    const [exchange, refresh] = await tokenRequests('token?p=a%20b&code=theirs&refresh_token=theirs&api-version=1')
    expect(exchange?.url.search).toBe('?p=a+b&refresh_token=theirs&api-version=1')
    expect(refresh?.url.search).toBe('?p=a+b&code=theirs&api-version=1')
  })

  test.each(['token?p=a%20b&q=~', 'token?a=1&a=2'])('like %s stays as it is', async (query) => {
    for (const { url } of await tokenRequests(query)) expect(url.href).toBe(`${ISSUER}/${query}`)
  })
})

test.each([
  ['registration_endpoint', 'register?client_name=theirs&tenant=t'],
  ['userinfo_endpoint', 'userinfo?schema=openid'],
])('the %s keeps its query: nothing of ours is in it', async (name, query) => {
  const world = createWorld({ answers: at(name, query), claims: ['email'] })
  expect((await world.signIn()).tokens?.accessToken).toBe('access-1')
  expect(world.http.urls).toContain(`${ISSUER}/${query}`)
})

test('a revocation endpoint keeps its query, but not a token', async () => {
  const world = createWorld({ answers: at('revocation_endpoint', 'revoke?token=theirs&tenant=t') })
  await world.signIn()
  await (await world.connect()).revoke('access-1', 'access_token')
  expect(world.http.urls.at(-1)).toBe(`${ISSUER}/revoke?tenant=t`)
})

test('a device authorization endpoint keeps its query, but not our members', async () => {
  const world = createWorld({ answers: at('device_authorization_endpoint', 'device?scope=theirs&tenant=t') })
  await world.deviceSignIn()
  expect(world.http.urls.at(-1)).toBe(`${ISSUER}/device?tenant=t`)
})

test.each([
  'https://as.example/activate?user_code=theirs&scope=theirs',
  'https://as.example/activate#/device',
  'https://as.example/#/device?code=ABCD-EFGH',
  'https://as.example/activate?code=A%20B',
])('the verification address %s is shown as it is', async (shown) => {
  const answers = { device: { verification_uri: shown, verification_uri_complete: shown } }
  const signIn = await createWorld({ answers }).deviceSignIn()
  expect([signIn.verificationUri, signIn.verificationUriComplete]).toEqual([shown, shown])
})
