// Refresh tokens: spent once, repeated within a grace, and a family that ends with a replay; also where the process dies between two writes.
import { expect, test } from 'vitest'
import type { RecordStore } from '../../../../src/gateway/ports.ts'
import { sha256 } from '../../../../src/sha256.ts'
import { type AuthorizationStage, startAuthorization, tokensOf } from '../../../fakes/authorizationStage.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'

const count = async (stage: AuthorizationStage, kind: string) =>
  (await stage.stores.database.all('SELECT * FROM oauth_records WHERE kind = ?', kind)).length

test('a refresh gives a new pair, and the access token names person, client, grant and resource', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const next = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  expect(next.status).toBe(200)
  expect(next.refresh).not.toBe(signed.refresh)
  expect(await stage.stores.callers.byTokenHash(sha256(next.access))).toMatchObject({
    person: { id: stage.person.id },
    clientId: signed.clientId,
    clientName: 'A client',
    resource: stage.resource,
    scope: 'mcp',
  })
})

test('four refreshes at once on two replicas get one pair, four times', async () => {
  const leases = createFakeLeases()
  const one = await startAuthorization({ leases })
  const two = await startAuthorization({ leases, stores: one.stores, publicUrl: one.publicUrl })
  const signed = await one.signIn()
  const before = [await count(one, 'RefreshToken'), await count(one, 'AccessToken')]
  const answers = await Promise.all(
    [one, two, one, two].map(async (stage) => tokensOf(await stage.refresh(signed.clientId, signed.refresh))),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
  expect([await count(one, 'RefreshToken'), await count(one, 'AccessToken')]).toEqual(before.map((n) => n + 1))
})

test('an answer that never arrived is given again within the grace', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const first = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  stage.clock.advance(29_000)
  expect((await tokensOf(await stage.refresh(signed.clientId, signed.refresh))).body).toEqual(first.body)
  expect((await stage.refresh(signed.clientId, first.refresh)).status).toBe(200)
})

test('a replay after the grace ends the family', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const next = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  stage.clock.advance(31_000)
  expect(await tokensOf(await stage.refresh(signed.clientId, signed.refresh))).toMatchObject({
    status: 400,
    error: 'invalid_grant',
  })
  expect(await stage.isAlive(next.access)).toBe(false)
  expect((await stage.refresh(signed.clientId, next.refresh)).status).toBe(400)
  expect(stage.log.entries.map(({ event }) => event)).toContain('authorization:family_ended')
  expect(await stage.stores.database.get('SELECT ended_by FROM grants')).toMatchObject({ ended_by: 'replay' })
})

test('a replay within the grace after the successor was used ends the family', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const second = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  const third = await tokensOf(await stage.refresh(signed.clientId, second.refresh))
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(400)
  expect(await stage.isAlive(third.access)).toBe(false)
  expect((await stage.refresh(signed.clientId, third.refresh)).status).toBe(400)
})

test('with a grace of 0 every replay ends the family', async () => {
  const stage = await startAuthorization({ tokens: { reuseGraceMs: 0 } })
  const signed = await stage.signIn()
  const next = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(400)
  expect(await stage.isAlive(next.access)).toBe(false)
  expect(await stage.stores.database.all('SELECT * FROM refresh_answers')).toEqual([])
})

test('another client, scope or resource gets nothing of a spent token, and ends nothing', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const other = await stage.signIn()
  const next = await tokensOf(await stage.refresh(signed.clientId, signed.refresh))
  for (const [client, more, error] of [
    [other.clientId, {}, 'invalid_grant'],
    [signed.clientId, { scope: 'mcp admin' }, 'invalid_scope'],
    [signed.clientId, { resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
  ] as const)
    expect(await tokensOf(await stage.refresh(client, signed.refresh, more))).toMatchObject({ status: 400, error })
  expect(await stage.isAlive(next.access)).toBe(true)
  expect((await tokensOf(await stage.refresh(signed.clientId, signed.refresh))).body).toEqual(next.body)
})

test('a refresh that is refused spends nothing', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  const other = await stage.signIn()
  expect((await stage.refresh(other.clientId, signed.refresh)).status).toBe(400)
  expect((await stage.refresh(signed.clientId, signed.refresh, { scope: 'admin' })).status).toBe(400)
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(200)
})

test('a person who is blocked refreshes no more', async () => {
  const stage = await startAuthorization()
  const signed = await stage.signIn()
  await stage.stores.database.run('UPDATE users SET blocked_at = ?', new Date(stage.clock.now()))
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(400)
})

test('a sign-in lives 90 days, however often it is refreshed, and 30 without', async () => {
  const stage = await startAuthorization()
  const idle = await stage.signIn()
  const used = await stage.signIn()
  let { refresh } = used
  for (let days = 0; days < 88; days += 29) {
    stage.clock.advance(29 * 86_400_000)
    const next = await tokensOf(await stage.refresh(used.clientId, refresh))
    if (days < 60) expect(next.status).toBe(200)
    refresh = next.refresh
    if (days === 29) expect((await stage.refresh(idle.clientId, idle.refresh)).status).toBe(400)
  }
  stage.clock.advance(4 * 86_400_000)
  expect((await stage.refresh(used.clientId, refresh)).status).toBe(400)
})

/** Stores whose process is killed before its write number `at`: neither this one nor a later one happens. */
function killed(at: number, onKill: () => void) {
  let writes = 0
  const dies = async <T>(write: () => Promise<T>): Promise<T> => {
    if (++writes >= at) {
      onKill()
      return new Promise(() => undefined)
    }
    return write()
  }
  return {
    writes: () => writes,
    records: (store: RecordStore): RecordStore => ({
      ...store,
      put: (record) => dies(() => store.put(record)),
      consume: (kind, hash) => dies(() => store.consume(kind, hash)),
      remove: (kind, hash) => dies(() => store.remove(kind, hash)),
    }),
    answers: <S extends AuthorizationStage['stores']['refreshAnswers']>(store: S): S => ({
      ...store,
      keep: (answer: Parameters<S['keep']>[0]) => dies(() => store.keep(answer)),
    }),
  }
}

test.each([1, 2, 3, 4])(
  'a process that is killed before write %i of a refresh costs nobody the sign-in',
  async (at) => {
    const survivor = await startAuthorization()
    let reached = () => {}
    const kill = new Promise<void>((resolve) => {
      reached = resolve
    })
    const death = killed(at, () => reached())
    const dying = await startAuthorization({
      stores: survivor.stores,
      publicUrl: survivor.publicUrl,
      change: (options) => ({
        records: death.records(options.records),
        refreshAnswers: death.answers(options.refreshAnswers),
      }),
    })
    const signed = await survivor.signIn()
    const lost = dying.refresh(signed.clientId, signed.refresh).catch(() => undefined)
    await kill
    const again = await tokensOf(await survivor.refresh(signed.clientId, signed.refresh))
    expect(again.status).toBe(200)
    expect((await survivor.refresh(signed.clientId, again.refresh)).status).toBe(200)
    expect(death.writes()).toBe(at)
    void lost
  },
)

test('a refresh writes four times: the pair, its answer, and last that the old one is spent', async () => {
  const death = killed(Number.POSITIVE_INFINITY, () => undefined)
  const stage = await startAuthorization()
  const counting = await startAuthorization({
    stores: stage.stores,
    publicUrl: stage.publicUrl,
    change: (options) => ({
      records: death.records(options.records),
      refreshAnswers: death.answers(options.refreshAnswers),
    }),
  })
  const signed = await stage.signIn()
  expect((await counting.refresh(signed.clientId, signed.refresh)).status).toBe(200)
  expect(death.writes()).toBe(4)
})

test('a database that fails during a refresh is 503, and spends nothing', async () => {
  const stage = await startAuthorization()
  const broken = await startAuthorization({
    stores: stage.stores,
    publicUrl: stage.publicUrl,
    change: ({ refreshAnswers }) => ({
      refreshAnswers: { ...refreshAnswers, keep: () => Promise.reject(new Error('gone')) },
    }),
  })
  const signed = await stage.signIn()
  expect(await tokensOf(await broken.refresh(signed.clientId, signed.refresh))).toMatchObject({
    status: 503,
    error: 'temporarily_unavailable',
  })
  expect((await stage.refresh(signed.clientId, signed.refresh)).status).toBe(200)
})
