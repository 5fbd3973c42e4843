// Who has signed in, what they gave, and what clients hold: the gateway's stores on every engine, for two replicas at once.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { RECORD_KINDS } from '../../src/gateway/authorization/adapter.ts'
import { NOON } from '../fakes/fakeClock.ts'
import { describeStores, times } from '../fakes/gatewayEngines.ts'
import { ADA, DAY, grantOf, HOUR, RESOURCE, recordOf, signedIn } from '../fakes/gatewayRows.ts'
import { codeOf } from '../fakes/thrown.ts'

describeStores((world) => {
  describe('of persons', () => {
    test('forgets who has not come for long, with their tokens, but nobody who has a grant, is blocked or is of the bridge', async () => {
      const { one, clock } = world()
      const { database, persons } = one
      const { person: granted } = await signedIn(one)
      const [gone, blocked] = [
        await persons.seen({ ...ADA, subject: 'gone' }),
        await persons.seen({ ...ADA, subject: 'blocked' }),
      ]
      await database.run('UPDATE users SET blocked_at = ? WHERE id = ?', new Date(NOON), blocked.id)
      const ofBridge = { id: 'server default x#y', issuer: 'i', subject: 's', claims: '{}', at: new Date(NOON) }
      await database.run(
        'INSERT INTO users (id, issuer, subject, claims, created_at, updated_at) VALUES (:id, :issuer, :subject, :claims, :at, :at)',
        ofBridge,
      )
      for (const [server, profile] of [
        ['provider:google', gone.id],
        ['provider:google', granted.id],
        ['https://mcp.example.com/mcp', gone.id],
      ] as const)
        await database.run(
          'INSERT INTO tokens (server, profile, generation, created_at, updated_at) VALUES (?, ?, 1, ?, ?)',
          ...[server, profile, new Date(NOON), new Date(NOON)],
        )
      clock.advance(DAY)
      const late = await persons.seen({ ...ADA, subject: 'late' })
      expect(await persons.forget(NOON, 1_000)).toBe(0)
      expect(await persons.forget(NOON + 1, 1_000)).toBe(1)
      const left = await database.all('SELECT id FROM users')
      expect(left.map(({ id }) => id).sort()).toEqual([granted.id, blocked.id, late.id, ofBridge.id].sort())
      expect((await database.all('SELECT server, profile FROM tokens ORDER BY server')) as unknown).toEqual([
        { server: 'https://mcp.example.com/mcp', profile: gone.id },
        { server: 'provider:google', profile: granted.id },
      ])
    })

    test('forgets no more persons at once than it is told', async () => {
      const { persons } = world().one
      for (const subject of ['a', 'b', 'c']) await persons.seen({ ...ADA, subject })
      expect([await persons.forget(NOON + 1, 2), await persons.forget(NOON + 1, 2)]).toEqual([2, 1])
    })

    test('knows an account again, and keeps what its newest sign-in said', async () => {
      const { one, other } = world()
      const first = await one.persons.seen(ADA)
      const claims = { sub: 'ada', email: 'ada@new.example', groups: ['staff'] }
      const second = await other.persons.seen({ ...ADA, claims })
      expect(first).toEqual({ ...ADA, id: first.id, email: 'ada@example.com', blockedAt: undefined })
      expect(second).toEqual({ ...ADA, claims, id: first.id, email: 'ada@new.example', blockedAt: undefined })
      expect(await one.persons.byId(first.id)).toEqual(second)
    })

    test.each([
      ['issuer', { ...ADA, issuer: 'https://accounts.example/' }],
      ['subject', { ...ADA, subject: 'Ada' }],
      ['subject with a space', { ...ADA, subject: 'ada ' }],
    ])('takes another %s for another person', async (_, user) => {
      const { persons } = world().one
      const ada = await persons.seen(ADA)
      expect((await persons.seen(user)).id).not.toBe(ada.id)
      expect(await persons.byId(ada.id)).toEqual(ada)
    })

    test('makes one person of an account that signs in for the first time fifty times at once', async () => {
      const { one, other } = world()
      const seen = await times(50, (index) => (index % 2 === 0 ? one : other).persons.seen(ADA))
      expect(new Set(seen.map(({ id }) => id)).size).toBe(1)
      expect(await one.database.all('SELECT id FROM users')).toEqual([{ id: seen[0]?.id }])
    })

    test.each([
      ['none', {}],
      ['a number', { email: 7 }],
      ['a list', { email: ['ada@example.com'] }],
      ['a text that no database keeps', { email: 'ada\0@example.com' }],
      ['a text of 100,000 characters', { email: `${'a'.repeat(100_000)}@example.com` }],
    ])('has no e-mail address where the claim is %s', async (_, claims) => {
      const person = await world().one.persons.seen({ ...ADA, claims })
      expect(person).toMatchObject({ email: undefined, claims })
      expect(await world().one.persons.byId(person.id)).toEqual(person)
    })

    test('returns claims as they were said', async () => {
      const claims = { name: 'Å\0\ud800"\\😀', long: 'x'.repeat(100_000), deep: { list: [1, null, { a: true }] } }
      const { id } = await world().one.persons.seen({ ...ADA, claims })
      expect((await world().other.persons.byId(id))?.claims).toEqual(claims)
    })

    test.each([
      ['a NUL', 'ada\0'],
      ['half a character', 'ada\ud800'],
      ['10,000 characters', 'a'.repeat(10_000)],
    ])('refuses a subject with %s, which could be taken for another one', async (_, subject) => {
      expect(await codeOf(world().one.persons.seen({ ...ADA, subject }))).toBe('login_failed')
      expect(await world().one.database.all('SELECT id FROM users')).toEqual([])
    })

    test('neither finds nor changes the account of a token set, which is not a person', async () => {
      const { database, persons } = world().one
      await database.run(
        'INSERT INTO users (id, issuer, subject, claims, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)',
        ...['of-a-token-set', ADA.issuer, ADA.subject, '{}', new Date(NOON), new Date(NOON)],
      )
      const ada = await persons.seen(ADA)
      expect(ada.id).not.toBe('of-a-token-set')
      expect(await persons.byId('of-a-token-set')).toBeUndefined()
      expect(await database.get("SELECT claims FROM users WHERE id = 'of-a-token-set'")).toEqual({ claims: '{}' })
    })

    test('says when a person was blocked, and a further sign-in does not change it', async () => {
      const { database, persons } = world().one
      const { id } = await persons.seen(ADA)
      await database.run('UPDATE users SET blocked_at = :at WHERE id = :id', { at: new Date(NOON), id })
      expect((await persons.seen(ADA)).blockedAt).toBe(NOON)
      expect((await persons.byId(id))?.blockedAt).toBe(NOON)
    })

    test.each(['', 'nobody', 'a\0b', 'x'.repeat(100_000)])('knows nobody by an id that it did not give', async (id) => {
      await world().one.persons.seen(ADA)
      expect(await world().one.persons.byId(id)).toBeUndefined()
    })
  })

  describe('of grants', () => {
    test.each([
      ['with', {}],
      ['without', { clientName: undefined, redirectHost: undefined }],
    ])('returns a grant as it began, %s what a client may leave out', async (_, members) => {
      const { one, other, clock } = world()
      const { id } = await one.persons.seen(ADA)
      const grant = { ...grantOf(id), ...members }
      await one.grants.begin(grant)
      const begun = { ...grant, createdAt: clock.now(), endedAt: undefined, endedBy: undefined }
      expect(await other.grants.byId(grant.id)).toEqual(begun)
      expect(await other.grants.byId('another')).toBeUndefined()
    })

    test('keeps a grant whose client has a name that no database keeps, without the name', async () => {
      const { persons, grants } = world().one
      const { id } = await persons.seen(ADA)
      await grants.begin({ ...grantOf(id), clientName: 'Edit\0r' })
      expect(await grants.byId('grant')).toMatchObject({ clientName: undefined, personId: id })
    })

    test('begins a grant once, also where two replicas do so at once, and never anew', async () => {
      const { one, other } = world()
      const { id } = await one.persons.seen(ADA)
      await times(10, (index) => (index % 2 === 0 ? one : other).grants.begin(grantOf(id)))
      await one.grants.end('grant', 'person')
      await one.grants.begin(grantOf(id))
      expect(await one.database.all('SELECT id, ended_by FROM grants')).toEqual([{ id: 'grant', ended_by: 'person' }])
    })

    test('ends a grant once, and says by whom', async () => {
      const { one, other, clock } = world()
      await signedIn(one)
      clock.advance(HOUR)
      expect(await one.grants.end('grant', 'replay')).toBe(true)
      expect(await other.grants.end('grant', 'person')).toBe(false)
      expect(await one.grants.end('another', 'person')).toBe(false)
      expect(await other.grants.byId('grant')).toMatchObject({ endedAt: NOON + HOUR, endedBy: 'replay' })
    })

    test.each(['', 'a\0b', 'a\ud800', 'x'.repeat(100_000)])(
      'knows no grant by an id that none can have',
      async (id) => {
        await signedIn(world().one)
        expect(await world().one.grants.byId(id)).toBeUndefined()
        expect(await world().one.grants.end(id, 'client')).toBe(false)
      },
    )

    test('lets one of twenty ends at once be the one that ended it', async () => {
      const { one, other } = world()
      await signedIn(one)
      const ended = await times(20, (index) => (index % 2 === 0 ? one : other).grants.end('grant', 'client'))
      expect(ended.filter(Boolean)).toEqual([true])
    })

    test('deletes with a grant its records, its own one, and the answers kept for its refresh tokens; no others', async () => {
      const { grants, records, refreshAnswers, database } = world().one
      const own = createHash('sha256').update('grant').digest('base64url')
      await signedIn(world().one)
      const rest = await signedIn(world().one, 'rest')
      await records.put(recordOf({ kind: 'Grant', idHash: own, grantId: undefined }))
      for (const idHash of ['grant-refresh', rest.refresh])
        await refreshAnswers.keep({ idHash, successorHash: 'next', answer: 'answer', expiresAt: NOON + HOUR })
      await grants.end('grant', 'person')
      const left = await database.all('SELECT id_hash FROM oauth_records ORDER BY id_hash')
      expect(left).toEqual([{ id_hash: rest.token }, { id_hash: rest.refresh }])
      expect(await database.all('SELECT id_hash FROM refresh_answers')).toEqual([{ id_hash: rest.refresh }])
    })

    test('lets nothing be found under a grant once its end is known, whatever happens at the same time', async () => {
      const { one, other } = world()
      const { token, refresh } = await signedIn(one)
      let isOver = false
      const foundAfter: unknown[] = []
      const look = async (replica: typeof one) => {
        const begun = isOver
        const found = [
          await replica.records.find('RefreshToken', refresh),
          await replica.callers.byTokenHash(token),
          (await replica.records.consume('RefreshToken', refresh)) || undefined,
        ]
        if (begun) foundAfter.push(...found.filter((one) => one !== undefined))
      }
      const ending = one.grants.end('grant', 'person').then(() => {
        isOver = true
      })
      await Promise.all([ending, times(30, (index) => look(index % 2 === 0 ? one : other))])
      await times(10, () => look(other))
      expect(foundAfter).toEqual([])
    })
  })

  describe('of records', () => {
    test.each(RECORD_KINDS)('returns a record of the kind %s as it was put', async (kind) => {
      const { one, other } = world()
      const { person } = await signedIn(one)
      const payload = { kind, list: [1, 'ü\0\ud800', null], nested: { resource: RESOURCE }, long: 'x'.repeat(50_000) }
      const record = recordOf({ kind, personId: person.id, payload })
      await one.records.put(record)
      expect(await other.records.find(kind, 'hash')).toEqual({ ...record, consumedAt: undefined })
      expect(await other.records.find(kind, 'HASH')).toBeUndefined()
    })

    test('keeps a record that belongs to nobody yet', async () => {
      const nobody = { grantId: undefined, clientId: undefined, personId: undefined, resource: undefined }
      const record = recordOf({ ...nobody, kind: 'Interaction' })
      await world().one.records.put(record)
      expect(await world().one.records.find('Interaction', 'hash')).toEqual({ ...record, consumedAt: undefined })
    })

    test('finds a record under its own kind only', async () => {
      await signedIn(world().one)
      await world().one.records.put(recordOf())
      for (const kind of RECORD_KINDS.filter((one) => one !== 'RefreshToken'))
        expect(await world().one.records.find(kind, 'hash')).toBeUndefined()
    })

    test('finds a record until the millisecond in which it expires', async () => {
      const { one, clock } = world()
      await signedIn(one)
      await one.records.put(recordOf({ expiresAt: NOON + 1_001 }))
      clock.advance(1_000)
      expect(await one.records.find('RefreshToken', 'hash')).toMatchObject({ expiresAt: NOON + 1_001 })
      clock.advance(1)
      expect(await one.records.find('RefreshToken', 'hash')).toBeUndefined()
      expect(await one.records.consume('RefreshToken', 'hash')).toBe(false)
    })

    test.each([
      ['for ever', Number.POSITIVE_INFINITY, 'found'],
      ['beyond every date', 1e300, 'found'],
      ['to no time at all', Number.NaN, 'not found'],
      ['to a time before all dates', -1e300, 'not found'],
      ['to a part of a millisecond', NOON + 0.5, 'not found'],
    ] as const)('lets a record live %s, which means it is %s', async (_, expiresAt, outcome) => {
      const { records } = world().one
      await signedIn(world().one)
      await records.put(recordOf({ expiresAt }))
      const found = await records.find('RefreshToken', 'hash')
      expect(found === undefined ? 'not found' : 'found').toBe(outcome)
    })

    test('lets one of fifty consumers at once win, and is found as consumed until it expires', async () => {
      const { one, other, clock } = world()
      await signedIn(one)
      await one.records.put(recordOf())
      clock.advance(5)
      const won = await times(50, (index) => (index % 2 === 0 ? one : other).records.consume('RefreshToken', 'hash'))
      expect(won.filter(Boolean)).toEqual([true])
      expect(await other.records.find('RefreshToken', 'hash')).toMatchObject({ consumedAt: NOON + 5 })
    })

    test('keeps a consumed record consumed, also when it is put again', async () => {
      const { records } = world().one
      await signedIn(world().one)
      await records.put(recordOf())
      await records.consume('RefreshToken', 'hash')
      await records.put(recordOf({ payload: { again: true } }))
      expect(await records.find('RefreshToken', 'hash')).toMatchObject({ consumedAt: NOON, payload: { again: true } })
      expect(await records.consume('RefreshToken', 'hash')).toBe(false)
    })

    test('consumes nothing that is of another kind, removed, or was never there', async () => {
      const { records } = world().one
      await signedIn(world().one)
      await records.put(recordOf())
      expect(await records.consume('AuthorizationCode', 'hash')).toBe(false)
      expect(await records.consume('RefreshToken', 'other')).toBe(false)
      await records.remove('RefreshToken', 'hash')
      expect(await records.consume('RefreshToken', 'hash')).toBe(false)
      expect(await records.find('RefreshToken', 'hash')).toBeUndefined()
    })

    test('removes one record, or all of a grant', async () => {
      const { records, database } = world().one
      const { token } = await signedIn(world().one)
      const rest = await signedIn(world().one, 'rest')
      await records.remove('AccessToken', rest.token)
      await records.removeGrant('grant')
      expect(await records.find('AccessToken', token)).toBeUndefined()
      expect(await database.all('SELECT id_hash FROM oauth_records')).toEqual([{ id_hash: rest.refresh }])
    })

    test.each(['AccessToken', 'AuthorizationCode', 'RefreshToken'] as const)(
      'never finds the kind %s under a grant that has ended, expired or was deleted by hand',
      async (kind) => {
        const { one, clock } = world()
        const { person } = await signedIn(one)
        await one.grants.begin({ ...grantOf(person.id, 'short'), expiresAt: NOON + 1_000 })
        await one.grants.end('grant', 'operator')
        const under = (grantId: string) => recordOf({ kind, grantId, idHash: grantId })
        for (const grantId of ['grant', 'short', 'none']) await one.records.put(under(grantId))
        expect(await one.records.find(kind, 'short')).toBeDefined()
        clock.advance(1_000)
        for (const grantId of ['grant', 'short', 'none']) {
          expect(await one.records.find(kind, grantId)).toBeUndefined()
          expect(await one.records.consume(kind, grantId)).toBe(false)
        }
      },
    )

    test('remembers when a grant got its last access token', async () => {
      const { one, clock } = world()
      await signedIn(one)
      const lastUsed = async () => (await one.database.get('SELECT last_used_at FROM grants'))?.last_used_at
      clock.advance(DAY)
      await one.records.put(recordOf({ kind: 'RefreshToken', idHash: 'next' }))
      expect(await lastUsed()).toBe('2026-01-15 12:00:00.000')
      await one.records.put(recordOf({ kind: 'AccessToken', idHash: 'next' }))
      expect(await lastUsed()).toBe('2026-01-16 12:00:00.000')
    })

    test('purges what has expired, a batch at a time, and nothing else', async () => {
      const { one, clock } = world()
      const { database, records, refreshAnswers, persons } = one
      const { token } = await signedIn(one)
      for (let index = 0; index < 5; index++) {
        await records.put(recordOf({ idHash: `old-${index}`, expiresAt: NOON + index }))
        const answer = { idHash: `old-${index}`, successorHash: 'next', answer: 'answer', expiresAt: NOON + 1 }
        await refreshAnswers.keep(answer)
      }
      const { id } = await persons.seen(ADA)
      for (const [name, end] of [
        ['old', NOON],
        ['new', NOON + DAY],
      ] as const)
        await database.run(
          'INSERT INTO web_sessions (id_hash, user_id, created_at, last_used_at, expires_at) VALUES (?, ?, ?, ?, ?)',
          ...[name, id, new Date(NOON), new Date(NOON), new Date(end)],
        )
      clock.advance(10)
      const oldest = () => database.get("SELECT min(id_hash) AS oldest FROM oauth_records WHERE id_hash LIKE 'old-%'")
      expect(await records.purge(2)).toBe(2 + 2 + 1)
      expect(await oldest()).toEqual({ oldest: 'old-2' })
      expect(await records.purge(2)).toBe(2 + 2)
      expect(await records.purge(2)).toBe(1 + 1)
      expect(await records.purge(2)).toBe(0)
      expect(await records.find('AccessToken', token)).toBeDefined()
      expect(await database.all('SELECT id_hash FROM web_sessions')).toEqual([{ id_hash: 'new' }])
    })

    test('purges leases of processes that ended in the middle, a day later', async () => {
      const { one, clock } = world()
      const lease = { name: 'refresh:hash', owner: 'nobody', end: new Date(NOON) }
      await one.database.run('INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :end)', lease)
      clock.advance(DAY - 1)
      expect(await one.records.purge(1_000)).toBe(0)
      clock.advance(1)
      expect(await one.records.purge(1_000)).toBe(1)
    })

    test('purges attempts a day after their end, and grants thirty', async () => {
      const { one, clock } = world()
      await signedIn(one)
      const row = { server: 'provider:google', profile: 'flow', status: 'failed', challenge: '{}' }
      await one.database.run(
        `INSERT INTO sessions (id, state, server, profile, status, challenge, created_at, expires_at, updated_at)
           VALUES (:id, :state, :server, :profile, :status, :challenge, :at, :at, :at)`,
        { ...row, id: 'attempt', state: 'state', at: new Date(NOON) },
      )
      clock.advance(DAY - 1)
      await one.records.purge(1_000)
      expect(await one.database.all('SELECT id FROM sessions')).toHaveLength(1)
      clock.advance(1)
      await one.records.purge(1_000)
      expect(await one.database.all('SELECT id FROM sessions')).toEqual([])
      clock.advance(119 * DAY - 1)
      await one.records.purge(1_000)
      expect(await one.grants.byId('grant')).toBeDefined()
      clock.advance(1)
      await one.records.purge(1_000)
      expect(await one.grants.byId('grant')).toBeUndefined()
    })
  })
})
