// How a client proves itself to servers that want it another way than they say: each way once, remembered, and no second registration.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { json, respond } from '../../../fakes/fakeHttp.ts'
import { createOddWorld, ISSUER, KEY, type OddServer, type Proof } from '../../../fakes/oddSignIn.ts'

const METHODS = 'token_endpoint_auth_methods_supported'
const SECRET = 's-1'

/** What servers take. */
const TAKES: Readonly<Record<string, (proof: Proof) => boolean>> = {
  'the header': ({ header }) => header?.endsWith(`:${SECRET}`) ?? false,
  'the header alone': ({ header, id }) => id === undefined && (header?.endsWith(`:${SECRET}`) ?? false),
  'the header, and the id in the body': ({ header, id }) => header?.startsWith(`${id}:`) ?? false,
  'the body': ({ secret, id }) => secret === SECRET && id !== undefined,
  'the body alone': ({ header, secret, id }) => header === undefined && secret === SECRET && id !== undefined,
  'the id in the body': ({ id }) => id !== undefined,
  'no secret at all': ({ header, secret, id }) => header === undefined && secret === undefined && id !== undefined,
}

/** How they refuse anything else. */
const REFUSALS: Readonly<Record<string, () => ReturnType<typeof json>>> = {
  '401 invalid_client': () => json({ error: 'invalid_client' }, 401, { 'www-authenticate': 'Basic realm="x"' }),
  '400 invalid_client': () => json({ error: 'invalid_client', error_description: 'Unknown client_id' }, 400),
  '200 invalid_client': () => json({ error: 'invalid_client' }),
  '401 unauthorized_client': () => json({ error: 'unauthorized_client', error_description: 'Missing client_id' }, 401),
  '400 invalid_request': () => json({ error: 'invalid_request', error_description: 'client_id is required' }, 400),
  '400 in words': () => json({ error: 'invalid_request', error_description: 'Invalid client credentials' }, 400),
  '401 without a body': () => respond(401),
  '403 of no OAuth': () => json({ message: 'Forbidden' }, 403),
}

const LISTS: readonly (readonly string[] | undefined)[] = [
  undefined,
  ['client_secret_basic'],
  ['client_secret_post'],
  ['client_secret_post', 'client_secret_basic'],
  ['client_secret_basic', 'none'],
]

const server = (
  takes: string,
  refusal: string,
  list: readonly string[] | undefined,
  more: OddServer = {},
): OddServer => ({
  metadata: list === undefined ? {} : { [METHODS]: list },
  register: (_asked, count) => json({ client_id: `client-${count}`, client_secret: SECRET }, 201),
  token: (_asked, proof) => (TAKES[takes]?.(proof) ? undefined : REFUSALS[refusal]?.()),
  ...more,
})

const cases = Object.keys(TAKES).flatMap((takes) =>
  Object.keys(REFUSALS).flatMap((refusal) => LISTS.map((list) => [takes, refusal, list] as const)),
)

test.each(cases)(
  'a server that takes %s, refuses with %s, and lists %j is signed in to by one registration',
  async (...odd) => {
    const world = createOddWorld(server(...odd))
    const { page } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(world.registrations()).toHaveLength(1)
    expect(world.proofs().length).toBeLessThanOrEqual(4)
    const before = world.proofs().length
    // The second sign-in and each refresh know the way.
    expect((await world.signIn()).page.kind).toBe('done')
    expect(world.proofs()).toHaveLength(before + 1)
  },
)

describe('a configured client', () => {
  test.each(
    Object.keys(REFUSALS).flatMap((refusal) =>
      ['the header', 'the body', 'the body alone'].map((takes) => [takes, refusal] as const),
    ),
  )('signs in to a server that takes %s and refuses with %s, whatever that lists', async (takes, refusal) => {
    for (const list of LISTS) {
      const world = createOddWorld(server(takes, refusal, list), {
        configured: { clientId: 'mine', clientSecret: SECRET },
      })
      expect((await world.signIn()).page.kind).toBe('done')
      expect(world.proofs().length).toBeLessThanOrEqual(2)
      expect(world.registrations()).toEqual([])
    }
  })

  test('sends its id in the header alone: a server may refuse it beside', async () => {
    const world = createOddWorld(server('the header', '401 invalid_client', undefined), {
      configured: { clientId: 'mine', clientSecret: SECRET },
    })
    await world.signIn()
    expect(world.proofs()).toEqual([{ header: `mine:${SECRET}`, id: undefined, secret: undefined }])
  })

  test('never goes without its secret, and the refusal of its own method is told', async () => {
    const world = createOddWorld(server('no secret at all', '401 invalid_client', undefined), {
      configured: { clientId: 'mine', clientSecret: SECRET },
    })
    expect((await world.signIn()).page).toMatchObject({ kind: 'failed', code: 'invalid_client' })
    expect(world.proofs()).toHaveLength(2)
  })
})

test('the method that the registration names comes first, whatever the metadata lists', async () => {
  const world = createOddWorld({
    ...server('the body alone', '401 invalid_client', ['client_secret_basic']),
    register: () =>
      json({ client_id: 'c', client_secret: SECRET, token_endpoint_auth_method: 'client_secret_post' }, 201),
  })
  expect((await world.signIn()).page.kind).toBe('done')
  expect(world.proofs()).toHaveLength(1)
})

test('a key is used, although a secret was accepted before there was one', async () => {
  const world = createOddWorld({})
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  await world.cache.put(`auth-method:${ISSUER} mine`, 'client_secret_basic', world.clock.now() + 1_000)
  const client = { clientId: 'mine', clientSecret: SECRET, privateKey: pem, authMethod: 'private_key_jwt' }
  const oauth = await world.clients.connect(ISSUER, client)
  await oauth.refresh('r', { scope: undefined, resource: undefined })
  expect(world.proofs()).toMatchObject([{ header: undefined, secret: undefined }])
  expect(world.tokenRequests()[0]).toHaveProperty('client_assertion')
})

describe('a code that the first method has spent', () => {
  const spending = (takes: string): OddServer => {
    const used = new Set<string>()
    return server(takes, '401 invalid_client', undefined, {
      token({ code = '' }, proof) {
        const isUsed = used.has(code)
        used.add(code)
        if (!TAKES[takes]?.(proof)) return json({ error: 'invalid_client' }, 401)
        return isUsed ? json({ error: 'invalid_grant' }, 400) : undefined
      },
      metadata: {},
    })
  }

  test.each(['the body alone', 'no secret at all', 'the header alone'])(
    'is asked for anew in the same tab, with the method that takes %s',
    async (takes) => {
      const world = createOddWorld(spending(takes))
      const { page, tab } = await world.signIn()
      expect(page.kind).toBe('done')
      expect(tab).toHaveLength(2)
      expect(tab[1]).toMatchObject({ client_id: 'client-1', scope: tab[0]?.scope, resource: tab[0]?.resource })
      expect(tab[1]?.state).not.toBe(tab[0]?.state)
      expect(tab[1]?.code_challenge).not.toBe(tab[0]?.code_challenge)
      expect(world.registrations()).toHaveLength(1)
    },
  )

  test('is asked for anew once only', async () => {
    const world = createOddWorld(
      server('the body alone', '401 invalid_client', undefined, {
        token: (_asked, proof) =>
          TAKES['the body alone']?.(proof)
            ? json({ error: 'invalid_grant' }, 400)
            : json({ error: 'invalid_client' }, 401),
      }),
    )
    const { page, tab } = await world.signIn()
    expect(page).toMatchObject({ kind: 'failed', code: 'login_failed' })
    expect(tab.length).toBeLessThanOrEqual(2)
  })
})

describe('what stays refused', () => {
  test('a server that takes no method gets one new registration, each method once for each, and no third', async () => {
    const world = createOddWorld(server('nothing', '401 invalid_client', undefined))
    expect((await world.signIn()).page).toMatchObject({ kind: 'failed', code: 'invalid_client' })
    expect(world.registrations()).toHaveLength(2)
    expect(world.proofs()).toHaveLength(8)
  })

  test.each([
    ['a code it does not know', () => json({ error: 'invalid_grant' }, 400)],
    ['trouble', () => respond(503)],
    ['a limit', () => json({ error: 'invalid_client' }, 429)],
    ['a page', () => respond(200, { 'content-type': 'text/html' }, '<html>')],
  ])('another method is not tried after %s', async (_, answer) => {
    const world = createOddWorld(server('nothing', '401 invalid_client', undefined, { token: answer }))
    expect((await world.signIn()).page.kind).toBe('failed')
    expect(world.proofs()).toHaveLength(1)
    expect(world.registrations()).toHaveLength(1)
  })

  test('a public client has one way only', async () => {
    const world = createOddWorld({ token: () => json({ error: 'invalid_client' }, 401) })
    expect((await world.signIn()).page).toMatchObject({ kind: 'failed', code: 'invalid_client' })
    expect(world.proofs()).toHaveLength(2)
  })
})

test('a refresh finds the other method too, and the new one is used from then on', async () => {
  let takes = 'the header'
  const world = createOddWorld({
    ...server('', '', undefined),
    token: (_asked, proof) => (TAKES[takes]?.(proof) ? undefined : json({ error: 'invalid_client' }, 401)),
  })
  await world.signIn()
  takes = 'the body alone'
  const tokens = (await world.store.load(KEY)).tokens
  const client = await world.clients.ofTokens(tokens?.issuer ?? '', tokens?.clientId ?? '', tokens?.redirectUri ?? '')
  const refresh = async () => {
    const oauth = await world.clients.connect(tokens?.issuer ?? '', client)
    return oauth.refresh(tokens?.refreshToken ?? '', { scope: undefined, resource: tokens?.resource })
  }
  expect(await refresh()).toMatchObject({ accessToken: 'access-3' })
  expect(await refresh()).toMatchObject({ accessToken: 'access-4' })
  expect(world.proofs().map(({ header }) => header === undefined)).toEqual([false, false, true, true])
})
