// What the bridge adds by itself, and a server refuses: left out in the same tab, remembered, and never what a person configured.
import { describe, expect, test } from 'vitest'
import { leaveOut, refusedAdditions } from '../../../../src/auth/client/additions.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { json } from '../../../fakes/fakeHttp.ts'
import { createOddWorld, FOREIGN, ISSUER, type OddServer, SERVER, type SignInWishes } from '../../../fakes/oddSignIn.ts'

type Members = Readonly<Record<string, string>>
type Refuses = (asked: Members) => Members | undefined

const scopesOf = ({ scope }: Members) => scope?.split(' ') ?? []
const error = (error: string, error_description?: string) => ({
  error,
  ...(error_description ? { error_description } : {}),
})

/** What a server refuses, and how it says so. */
const REFUSED: readonly (readonly [string, Refuses, Members])[] = [
  ...[
    error('invalid_scope'),
    error('invalid_scope', 'The requested scope is invalid, unknown, or malformed'),
    error('invalid_scope', 'offline_access is not allowed for this client'),
    error('invalid_request', 'Scope offline_access is not supported'),
    error('invalid_request', 'unknown scopes requested'),
  ].map(
    (answer) =>
      [
        'offline_access',
        (asked: Members) => (scopesOf(asked).includes('offline_access') ? answer : undefined),
        answer,
      ] as const,
  ),
  ...[
    error('invalid_target'),
    error('invalid_target', 'The requested resource is invalid, missing, unknown, or malformed.'),
    error('invalid_request', "Unsupported parameter: 'resource'"),
    error('invalid_request', 'Unrecognized key(s) in object: resource'),
    error('invalid_request', 'resource indicators are not enabled'),
    error('invalid_request'),
    error('invalid_resource', 'AADSTS500011: The resource principal was not found'),
    error('invalid_parameter', 'resource'),
  ].map(
    (answer) => ['resource', ({ resource }: Members) => (resource === undefined ? undefined : answer), answer] as const,
  ),
]

const names = REFUSED.map(
  ([what, refuses, answer]) => [what, `${answer.error}: ${answer.error_description ?? ''}`, refuses] as const,
)

describe('at the authorization endpoint', () => {
  test.each(names)('%s refused with “%s” is left out in the same tab, and from then on', async (what, _, refuses) => {
    const world = createOddWorld({ authorize: (asked) => refuses(asked) ?? { code: 'c' } })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab).toHaveLength(2)
    const { scope, resource } = tab[1] ?? {}
    expect([scope, resource]).toEqual(what === 'resource' ? ['files offline_access', undefined] : ['files', SERVER])
    expect(tab[1]?.state).not.toBe(tab[0]?.state)
    expect(tab[1]?.code_challenge).not.toBe(tab[0]?.code_challenge)
    expect(tab[1]?.client_id).toBe(tab[0]?.client_id)
    expect(world.registrations()).toHaveLength(1)
    expect(await world.tokens()).toMatchObject({ scope: scope ?? '' })
    expect((await world.tokens())?.resource).toBe(resource)
    expect((await world.signIn()).tab).toHaveLength(1)
  })
})

describe('at the code', () => {
  const codeNames = [
    ...names,
    [
      'resource',
      'invalid_grant: the resource does not match',
      ({ resource }: Members) => (resource === undefined ? undefined : error('invalid_grant', 'resource mismatch')),
    ] as const,
  ].filter(([what]) => what === 'resource')

  test.each(codeNames)('%s refused with “%s” is left out there in one more round', async (_what, _, refuses) => {
    const token: OddServer['token'] = (asked) => {
      const answer = asked.grant_type === 'authorization_code' ? refuses(asked) : undefined
      return answer && json(answer, 400)
    }
    const world = createOddWorld({ token })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    // The authorization endpoint took it, so the token stays bound to it.
    expect(tab.map(({ resource }) => resource)).toEqual([SERVER, SERVER])
    expect(await world.tokens()).toMatchObject({ resource: SERVER })
    expect(world.tokenRequests().map(({ resource }) => resource)).toEqual([SERVER, undefined])
    expect((await world.signIn()).tab).toHaveLength(1)
  })
})

test('a resource that the code is refused without too is left out of both requests then', async () => {
  const bound = new Set<string>()
  const world = createOddWorld({
    authorize: ({ state = '', resource }) => {
      if (resource !== undefined) bound.add(`code-of-${state}`)
      return { code: `code-of-${state}` }
    },
    token: ({ code = '', resource }) =>
      resource !== undefined || bound.has(code) ? json(error('invalid_request', 'resource'), 400) : undefined,
  })
  const { page, tab } = await world.signIn()
  expect(page.kind).toBe('done')
  expect(tab.map(({ resource }) => resource)).toEqual([SERVER, SERVER, undefined])
})

describe('at a refresh', () => {
  test.each(names.filter(([what]) => what === 'resource'))(
    '%s refused with “%s” is left out at once, and from then on',
    async (_what, _, refuses) => {
      const world = createOddWorld({
        token(asked) {
          const answer = asked.grant_type === 'refresh_token' ? refuses(asked) : undefined
          return answer && json(answer, 400)
        },
      })
      await world.signIn()
      const set = await world.tokens()
      const refresh = async () => {
        const oauth = await world.clients.connect(ISSUER, { clientId: 'client-1', authMethod: 'none' })
        return oauth.refresh(set?.refreshToken ?? '', { scope: undefined, resource: set?.resource })
      }
      expect(await refresh()).toMatchObject({ accessToken: expect.any(String) })
      expect(await refresh()).toMatchObject({ accessToken: expect.any(String) })
      expect(world.tokenRequests().map(({ resource }) => resource)).toEqual([SERVER, SERVER, undefined, undefined])
      // The sign-in itself keeps it: the token is for this server alone.
      expect((await world.signIn()).tab[0]?.resource).toBe(SERVER)
    },
  )

  test('a refresh token that is dead is told as that, also where the resource was refused first', async () => {
    const world = createOddWorld({
      token: ({ grant_type, resource }) =>
        grant_type === 'refresh_token' ? json(error(resource ? 'invalid_request' : 'invalid_grant'), 400) : undefined,
    })
    await world.signIn()
    const oauth = await world.clients.connect(ISSUER, { clientId: 'client-1', authMethod: 'none' })
    expect(await oauth.refresh('dead', { scope: undefined, resource: SERVER })).toBe('rejected')
    expect(await world.clients.leftOut.of(ISSUER)).toEqual([])
  })
})

describe('at the device request', () => {
  test.each(names)('%s refused with “%s” is left out at once', async (what, _, refuses) => {
    const world = createOddWorld({
      token(asked) {
        const answer = refuses(asked)
        return answer && json(answer, 400)
      },
    })
    const oauth = await world.clients.connect(ISSUER, { clientId: 'c', authMethod: 'none' })
    const asked = { scope: 'files offline_access', resource: SERVER }
    expect((await oauth.deviceAuthorization(asked)).user_code).toBe('U')
    expect(await world.clients.leftOut.of(ISSUER)).toEqual([what])
    await oauth.pollDevice({ device_code: 'd', resource: SERVER }, [])
  })
})

describe('other additions', () => {
  test.each([
    ['prompt', error('invalid_request', 'prompt is not supported')],
    ['login_hint', error('invalid_request', 'login_hint is unknown')],
  ])('%s is left out where the server says “%s”', async (name, answer) => {
    const metadata = { prompt_values_supported: ['select_account'] }
    const world = createOddWorld(
      { metadata, authorize: (asked) => (asked[name] === undefined ? { code: 'c' } : answer) },
      { account: 'ada@example.com' },
    )
    const { page, tab } = await world.signIn()
    expect(tab).toHaveLength(2)
    expect(tab[0]).toHaveProperty(name)
    expect(tab[1]).not.toHaveProperty(name)
    // The account is checked all the same.
    expect(page).toMatchObject({ code: 'account_mismatch' })
  })

  test('openid is left out with email, profile and nonce, and the sign-in needs no ID token then', async () => {
    const metadata = { scopes_supported: ['openid', 'email', 'profile', 'offline_access'], jwks_uri: `${ISSUER}/jwks` }
    const authorize = (asked: Members) =>
      scopesOf(asked).includes('openid') ? error('invalid_scope', 'openid') : { code: 'c' }
    const world = createOddWorld({ metadata, authorize }, { claims: ['email'] })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab[0]).toMatchObject({ scope: 'files offline_access openid email profile', nonce: expect.any(String) })
    expect(tab[1]).toMatchObject({ scope: 'files offline_access' })
    expect(tab[1]).not.toHaveProperty('nonce')
  })

  test('all scopes are left out last, and asked for again at the next sign-in', async () => {
    const authorize = (asked: Members): Members => (asked.scope === undefined ? { code: 'c' } : error('invalid_scope'))
    const world = createOddWorld({ authorize })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab.map(({ scope }) => scope)).toEqual(['files offline_access', 'files', undefined])
    expect((await world.signIn()).tab.map(({ scope }) => scope)).toEqual(['files', undefined])
  })

  test('scopes that a call needs are not left out: the sign-in would be for nothing', async () => {
    const world = createOddWorld({ authorize: () => error('invalid_scope') })
    const { page, tab } = await world.signIn({ status: 403, scope: 'write' })
    expect(page).toMatchObject({ kind: 'failed', code: 'login_failed' })
    expect(tab.map(({ scope }) => scope)).toEqual(['write offline_access', 'write'])
  })

  test('a server that lets clients ask only for scopes they were registered with gets a client with these', async () => {
    const registered = new Map<string, string>()
    const world = createOddWorld({
      register({ scope }, count) {
        registered.set(`client-${count}`, String(scope ?? ''))
        return json({ client_id: `client-${count}`, scope }, 201)
      },
      authorize: ({ client_id = '', scope = '' }) => {
        const known = registered.get(client_id)?.split(' ') ?? []
        const missing = scope.split(' ').find((one) => !known.includes(one))
        return missing === undefined
          ? { code: 'c' }
          : error('invalid_scope', `Client was not registered with scope ${missing}`)
      },
    })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('done')
    expect(tab.map(({ scope }) => scope)).toEqual(['files offline_access', 'files offline_access'])
    expect((await world.signIn()).tab).toHaveLength(1)
    expect(world.registrations()).toHaveLength(2)
  })

  test('several refusals take several rounds, and no more than there are additions', async () => {
    const authorize = (asked: Members): Members => {
      if (asked.resource !== undefined) return error('invalid_target')
      return scopesOf(asked).includes('offline_access') ? error('invalid_scope') : { code: 'c' }
    }
    expect((await createOddWorld({ authorize }).signIn()).tab).toHaveLength(3)
    const always = createOddWorld({ authorize: () => error('invalid_request') })
    expect((await always.signIn()).tab).toHaveLength(2)
  })
})

describe('what a person configured is never left out, and the hint names it', () => {
  const cases: readonly (readonly [string, SignInWishes, Members, string])[] = [
    ['--scope', { scopes: ['files', 'offline_access'] }, error('invalid_scope', 'offline_access'), '--scope'],
    ['--resource', { resource: 'https://other.example' }, error('invalid_target'), '--resource none'],
    [
      '--resource in words',
      { resource: 'https://other.example' },
      error('invalid_request', 'resource'),
      '--resource none',
    ],
    [
      '--authorize-param',
      { authorizeParameters: { prompt: 'consent' } },
      error('invalid_request', 'prompt=consent is not supported'),
      '--authorize-param prompt',
    ],
    [
      '--authorize-param of any name',
      { authorizeParameters: { tenant: 'x' } },
      error('invalid_request', 'unknown parameter tenant'),
      '--authorize-param tenant',
    ],
  ]
  test.each(cases)('%s', async (_, wishes, answer, flag) => {
    const world = createOddWorld({ authorize: () => answer }, wishes)
    const { page, tab } = await world.signIn()
    expect(tab).toHaveLength(1)
    expect(page.kind === 'failed' && page.hint).toContain(flag)
    expect(page.kind === 'failed' && page.message).toContain(answer.error)
    expect(await world.clients.leftOut.of(ISSUER)).toEqual([])
  })

  test('although the server refused it before it was configured', async () => {
    const refuses: Refuses = ({ resource }) => (resource === SERVER ? error('invalid_target') : undefined)
    const server = { authorize: (asked: Members) => refuses(asked) ?? { code: 'c' } }
    const before = createOddWorld(server)
    await before.signIn()
    expect(await before.clients.leftOut.of(ISSUER)).toEqual(['resource'])
    const after = createOddWorld(server, { resource: 'https://mine.example' })
    await after.clients.leftOut.remember(ISSUER, ['resource'])
    expect((await after.signIn()).tab[0]?.resource).toBe('https://mine.example')
  })
})

describe('what is not a reason to leave anything out', () => {
  test.each([
    error('access_denied', 'The resource owner said no'),
    error('invalid_request', 'The resource owner is unknown'),
    error('invalid_request', 'The resource server is down'),
    error('invalid_request', 'redirect_uri does not match'),
    error('server_error', 'resource'),
    error('temporarily_unavailable', 'scope'),
    error('unsupported_response_type', 'scope'),
    error('login_required', 'prompt'),
    error('invalid_grant', 'scope'),
    error('unknown_error', 'resource'),
  ])('%j', async (answer) => {
    const world = createOddWorld({ authorize: () => answer })
    const { page, tab } = await world.signIn()
    expect(page.kind).toBe('failed')
    expect(tab).toHaveLength(1)
  })

  test('an answer of another issuer', async () => {
    const world = createOddWorld({ authorize: () => ({ ...error('invalid_target'), iss: 'https://evil.example' }) })
    const { page, tab } = await world.signIn()
    expect(page).toEqual({ kind: 'invalid_state' })
    expect(tab).toHaveLength(1)
    expect(await world.clients.leftOut.of(ISSUER)).toEqual([])
  })
})

describe('an authorization server elsewhere that knows resources and has none of that name', () => {
  test.each([error('invalid_target'), error('invalid_target', 'unknown resource'), error('invalid_resource')])(
    'is believed (%j): its token without a resource could be for another server',
    async (answer) => {
      const refuses = (asked: Members) => (asked.resource === undefined ? undefined : answer)
      const atAuthorization = createOddWorld({ issuer: FOREIGN, authorize: (asked) => refuses(asked) ?? { code: 'c' } })
      const token: OddServer['token'] = (asked) => (asked.resource === undefined ? undefined : json(answer, 400))
      const atCode = createOddWorld({ issuer: FOREIGN, token })
      for (const world of [atAuthorization, atCode]) {
        const { page, tab } = await world.signIn()
        expect(page.kind).toBe('failed')
        expect(tab).toHaveLength(1)
        expect(page.kind === 'failed' && page.message).toContain(answer.error)
        expect(await world.clients.leftOut.of(FOREIGN)).toEqual([])
      }
      const oauth = await atCode.clients.connect(FOREIGN, { clientId: 'c', authMethod: 'none' })
      await expect(oauth.deviceAuthorization({ resource: SERVER })).rejects.toThrow(answer.error)
    },
  )

  test('says how a person leaves it out', async () => {
    const world = createOddWorld({ issuer: FOREIGN, authorize: () => error('invalid_target') })
    const { page } = await world.signIn()
    expect(page).toMatchObject({ code: 'invalid_target', hint: expect.stringContaining('--resource none') })
  })

  test.each([
    error('invalid_request', `The resource ${SERVER} is not registered`),
    error('invalid_request', `Resource "${SERVER}" is not allowed for this client`),
    error('invalid_grant', `no such resource: ${SERVER}`),
  ])('is believed by another code too, if it names the one it does not have: %j', async (answer) => {
    const refuses = ({ resource }: Members) => (resource === undefined ? undefined : answer)
    const authorize = (asked: Members): Members => refuses(asked) ?? { code: 'c' }
    const token: OddServer['token'] = (asked) => (refuses(asked) ? json(answer, 400) : undefined)
    for (const odd of [{ authorize }, { token }]) {
      const { page, tab } = await createOddWorld({ issuer: FOREIGN, ...odd }).signIn()
      expect(page).toMatchObject({ kind: 'failed', hint: expect.stringContaining('--resource none') })
      expect(tab).toHaveLength(1)
      expect((await createOddWorld(odd).signIn()).page.kind).toBe('done')
    }
  })

  test.each([error('invalid_request', "unknown parameter 'resource'"), error('invalid_request')])(
    'is another case than one that does not know the parameter: %j',
    async (answer) => {
      const authorize = (asked: Members): Members => (asked.resource === undefined ? { code: 'c' } : answer)
      expect((await createOddWorld({ issuer: FOREIGN, authorize }).signIn()).page.kind).toBe('done')
    },
  )

  test('is asked without it if a person configured the issuer', async () => {
    const authorize = (asked: Members): Members =>
      asked.resource === undefined ? { code: 'c' } : error('invalid_target')
    const world = createOddWorld({ issuer: FOREIGN, authorize }, { issuer: FOREIGN })
    expect((await world.signIn()).page.kind).toBe('done')
  })

  test('may refuse it at a refresh, which gets no more than the sign-in did', async () => {
    const world = createOddWorld({
      issuer: FOREIGN,
      token: ({ grant_type, resource }) =>
        grant_type === 'refresh_token' && resource ? json(error('invalid_target'), 400) : undefined,
    })
    await world.signIn()
    const oauth = await world.clients.connect(FOREIGN, { clientId: 'client-1', authMethod: 'none' })
    expect(await oauth.refresh('r', { scope: undefined, resource: SERVER })).toMatchObject({ accessToken: 'access-3' })
  })
})

test('it is remembered for one server and issuer and a month, and what a file may hold besides is ignored', async () => {
  const world = createOddWorld({})
  await world.clients.leftOut.remember(ISSUER, ['resource'])
  expect(await world.clients.leftOut.of('https://other.example')).toEqual([])
  world.clock.advance(31 * 24 * 60 * 60 * 1000)
  expect(await world.clients.leftOut.of(ISSUER)).toEqual([])
  for (const odd of ['resource', { resource: true }, [1, null, 'client_id', 'state']]) {
    await world.cache.put(`left-out:${SERVER} ${ISSUER}`, odd, world.clock.now() + 1_000)
    expect(await world.clients.leftOut.of(ISSUER)).toEqual([])
  }
})

test('without an addition, what makes no sense alone is left out too', () => {
  const sent = { scope: 'a offline_access openid email', nonce: 'n', resource: 'r' }
  expect(leaveOut(sent, [])).toEqual(sent)
  expect(leaveOut(sent, ['openid'])).toMatchObject({ scope: 'a offline_access', nonce: undefined, resource: 'r' })
  expect(leaveOut({ scope: 'offline_access' }, ['offline_access'])).toEqual({ scope: undefined })
  const nothing = { scopes: false, resource: false, parameters: [] }
  const refused = { sent, configured: nothing, relation: 'own' } as const
  expect(refusedAdditions(new Error('scope'), refused)).toEqual([])
  expect(refusedAdditions(new BridgeError('login_failed'), refused)).toEqual([])
})
