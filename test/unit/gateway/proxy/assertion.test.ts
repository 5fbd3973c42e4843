// The assertion by an independent reader, and the life of its keys over the months.
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { createAssertions } from '../../../../src/gateway/proxy/assertion/assertion.ts'
import { createSigningKeys } from '../../../../src/gateway/proxy/assertion/signingKeys.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { callerOf, createFakeSigningKeyStore, PUBLIC, personOf, servedAt } from '../../../fakes/proxyKit.ts'

const DAY = 86_400_000
const A = servedAt('https://a.example/mcp', { name: 'a', path: '/mcp/a' })
const B = servedAt('https://b.example/mcp', { name: 'b', path: '/mcp/b' })
const caller = (id: string, claims = {}) => callerOf(personOf(id, claims), `${PUBLIC}/mcp/a`, Number.MAX_SAFE_INTEGER)

function world() {
  const clock = createFakeClock()
  const store = createFakeSigningKeyStore()
  const leases = createFakeLeases()
  const process = () => createSigningKeys({ store, leases, clock, log: createFakeLogger() })
  const keys = process()
  const assertion = createAssertions({ issuer: PUBLIC, keys, clock, emailOf: ({ email }) => email })
  const verify = async (jwt: string, audience: string) =>
    jwtVerify(jwt, createLocalJWKSet((await keys.published()) as JSONWebKeySet), {
      issuer: PUBLIC,
      audience,
      algorithms: ['ES256'],
      currentDate: new Date(clock.now()),
      requiredClaims: ['jti', 'sub', 'iat', 'exp', 'client_id'],
    })
  return { clock, store, leases, keys, assertion, verify, process }
}

describe('an assertion', () => {
  test('says who calls by which client, is good for five minutes, and for one server', async () => {
    const { assertion, verify, clock } = world()
    const jwt = await assertion(A, caller('ada'))
    const { payload, protectedHeader } = await verify(jwt, A.url)
    const iat = Math.floor(clock.now() / 1000)
    expect(payload).toEqual({
      iss: PUBLIC,
      aud: A.url,
      sub: 'ada',
      email: 'ada@example.com',
      name: 'The ada',
      client_id: 'client-1',
      iat,
      exp: iat + 300,
      jti: expect.any(String),
    })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: expect.any(String) })
    await expect(verify(jwt, B.url)).rejects.toThrow('aud')
    clock.advance(300_000)
    await expect(verify(jwt, A.url)).rejects.toThrow('exp')
  })

  test('is sent for four minutes to one server for one person and client', async () => {
    const { assertion, clock } = world()
    const first = await assertion(A, caller('ada'))
    const others = [
      await assertion(B, caller('ada')),
      await assertion(A, caller('bob')),
      await assertion(A, { ...caller('ada'), clientId: 'client-2' }),
    ]
    expect(new Set([first, ...others]).size).toBe(4)
    clock.advance(239_999)
    expect(await assertion(A, caller('ada'))).toBe(first)
    clock.advance(1)
    expect(await assertion(A, caller('ada'))).not.toBe(first)
  })

  test('that was made when the clock was ahead is not sent once that is right', async () => {
    const { assertion, clock, verify } = world()
    await assertion(A, caller('ada'))
    clock.doze(-DAY / 12)
    const { payload } = await verify(await assertion(A, caller('ada')), A.url)
    expect(payload.iat).toBe(Math.floor(clock.now() / 1000))
  })

  test('says what the newest sign-in says: one that was made before is not sent any more', async () => {
    const { assertion, verify } = world()
    const said = async (email: string | undefined, name: string) => {
      const person = { ...personOf('ada', { name }), email }
      const { payload } = await verify(await assertion(A, { ...caller('ada'), person }), A.url)
      return [payload.email, payload.name]
    }
    expect(await said('ada@example.com', 'Ada')).toEqual(['ada@example.com', 'Ada'])
    expect(await said(undefined, 'Ada')).toEqual([undefined, 'Ada'])
    expect(await said('ada@other.example', 'Ada')).toEqual(['ada@other.example', 'Ada'])
    expect(await said('ada@other.example', 'Grace')).toEqual(['ada@other.example', 'Grace'])
  })

  test('has no name that is longer than 1,024 characters', async () => {
    const { assertion, verify } = world()
    const nameIn = async (name: string) =>
      (await verify(await assertion(A, caller('ada', { name })), A.url)).payload.name
    expect(await nameIn('n'.repeat(1_024))).toHaveLength(1_024)
    expect(await nameIn('n'.repeat(1_025))).toBeUndefined()
  })

  test('has no name that is no text', async () => {
    const { assertion, verify } = world()
    expect(
      (await verify(await assertion(A, caller('ada', { name: { first: 'A' } })), A.url)).payload.name,
    ).toBeUndefined()
  })
})

describe('the key of assertions', () => {
  test('is made once, by whichever process is first', async () => {
    const { process, store, leases } = world()
    const all = await Promise.all([process(), process(), process()].map((one) => one.current()))
    expect(new Set(all.map(({ kid }) => kid)).size).toBe(1)
    expect(store.rows.length).toBe(1)
    expect(new Set(leases.names)).toEqual(new Set(['signing-key']))
  })

  test('is published without its private half', async () => {
    const { keys } = world()
    expect((await keys.published()).keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: expect.any(String),
        alg: 'ES256',
        use: 'sig',
      },
    ])
  })

  test('has a successor that is published a day before, signs for thirty days, and stays for a day after', async () => {
    const { keys, clock, store } = world()
    const days: { signs: string; published: string[] }[] = []
    const first = (await keys.current()).kid
    for (let day = 0; day <= 32; day++) {
      days.push({
        signs: (await keys.current()).kid,
        published: (await keys.published()).keys.map((key) => String((key as { kid?: string }).kid)),
      })
      clock.advance(DAY)
    }
    const second = days.at(-1)?.signs ?? ''
    expect(second).not.toBe(first)
    expect(days.slice(0, 29).every(({ signs, published }) => signs === first && published.length === 1)).toBe(true)
    expect(days[29]).toEqual({ signs: first, published: [first, second] })
    expect(days[30]).toEqual({ signs: second, published: [first, second] })
    expect(days[31]).toEqual({ signs: second, published: [second] })
    expect(store.rows.length).toBe(1)
  })

  test('is never replaced by one that has not been published for a day, however long nobody was there', async () => {
    const { keys, clock } = world()
    const first = (await keys.current()).kid
    clock.advance(400 * DAY)
    expect((await keys.current()).kid).toBe(first)
    const known = (await keys.published()).keys.length
    clock.advance(DAY)
    expect([(await keys.current()).kid === first, known]).toEqual([false, 2])
  })

  test('that another process has made is published within a minute, also where the clock is set back', async () => {
    const { keys, store, clock } = world()
    await keys.current()
    const [first] = await store.all()
    if (!first) throw new Error('there is no key')
    await store.add({ ...first, kid: 'next', activeFrom: clock.now() + DAY })
    clock.doze(-DAY / 12)
    const isPublished = async () => (await keys.published()).keys.some(({ kid }) => kid === 'next')
    expect(await isPublished()).toBe(false)
    clock.advance(60_000)
    expect(await isPublished()).toBe(true)
  })

  test('is made anew at once where all were retired', async () => {
    const { keys, clock, store } = world()
    const { kid } = await keys.current()
    await store.retire(kid, clock.now())
    clock.advance(60_000)
    expect((await keys.current()).kid).not.toBe(kid)
  })
})
