// The clients of the authorization server, and what is sealed: secrets, kept answers, assertion keys; on every engine, for two replicas.
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { SigningKey } from '../../src/gateway/ports.ts'
import { NOON } from '../fakes/fakeClock.ts'
import { describeStores, times } from '../fakes/gatewayEngines.ts'
import { ADA, CLIENT, DAY, grantOf, HOUR } from '../fakes/gatewayRows.ts'
import { codeOf } from '../fakes/thrown.ts'

const SECRET = 'client-secret-0123456789'
const ANSWER = { idHash: 'spent', successorHash: 'next', answer: '{"access_token":"canary"}', expiresAt: NOON + 30_000 }
const KEY: SigningKey = {
  kid: 'key-1',
  publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  privateJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'private-canary' },
  activeFrom: NOON,
  retiredAt: undefined,
}

describeStores((world) => {
  /** The ids of all clients that are there. */
  const ids = async () =>
    (await world().one.database.all('SELECT id FROM oauth_clients ORDER BY id')).map(({ id }) => id)
  const bounds = { unusedSince: 0, idleSince: 0, most: 1_000_000 }

  describe('of clients', () => {
    test.each([
      ['public', CLIENT],
      ['confidential', { ...CLIENT, secret: SECRET }],
      ['described by a document', { ...CLIENT, id: 'https://client.example/mcp.json', source: 'document' as const }],
      [
        'with odd metadata',
        { ...CLIENT, metadata: { client_name: 'Å\0\ud800😀', x: [null, { y: 'z'.repeat(20_000) }] } },
      ],
    ])('returns a client that is %s as it was saved', async (_, client) => {
      const { one, other } = world()
      await one.clients.save(client, '192.0.2.1')
      expect(await other.clients.byId(client.id)).toEqual({ ...client, createdAt: NOON, blockedAt: undefined })
      expect(await other.clients.byId(`${client.id} `)).toBeUndefined()
    })

    test('replaces metadata and secret of a client that is saved again; not when it came, nor that it is blocked', async () => {
      const { one, clock } = world()
      await one.clients.save({ ...CLIENT, secret: SECRET }, undefined)
      await one.database.run('UPDATE oauth_clients SET blocked_at = :at', { at: new Date(NOON) })
      clock.advance(HOUR)
      const again = { ...CLIENT, metadata: { client_name: 'Other' }, secret: undefined }
      await one.clients.save(again, undefined)
      expect(await one.clients.byId(CLIENT.id)).toEqual({ ...again, createdAt: NOON, blockedAt: NOON })
    })

    test('never replaces a registered client by a document, or a document by a registration', async () => {
      const { clients } = world().one
      await clients.save(CLIENT, undefined)
      await clients.save({ ...CLIENT, source: 'document', metadata: {} }, undefined)
      expect(await clients.byId(CLIENT.id)).toMatchObject(CLIENT)
    })

    test.each(['', 'a\0b', 'a\ud800', 'x'.repeat(100_000)])(
      'knows no client by an id that nobody can have',
      async (id) => {
        const { clients } = world().one
        await clients.save(CLIENT, undefined)
        expect(await clients.byId(id)).toBeUndefined()
        await clients.used(id)
        await clients.remove(id)
        expect(await ids()).toEqual([CLIENT.id])
      },
    )

    test.each(['a\0b', 'a\ud800', `https://client.example/${'x'.repeat(10_000)}`])(
      'refuses to save a client under an id that cannot be found again',
      async (id) => {
        expect(await codeOf(world().one.clients.save({ ...CLIENT, id, source: 'document' }, undefined))).toBe(
          'invalid_client',
        )
        expect(await ids()).toEqual([])
      },
    )

    test('removes a client', async () => {
      const { clients } = world().one
      await clients.save(CLIENT, undefined)
      await clients.save({ ...CLIENT, id: 'other' }, undefined)
      await clients.remove(CLIENT.id)
      expect(await ids()).toEqual(['other'])
    })

    test('counts the registrations of an address, on every replica the same, and no documents', async () => {
      const { one, other, clock } = world()
      const save = (id: string, address: string | undefined, source: 'registered' | 'document' = 'registered') =>
        one.clients.save({ ...CLIENT, id, source }, address)
      await save('early', '192.0.2.1')
      clock.advance(HOUR)
      await save('first', '192.0.2.1')
      await save('second', '192.0.2.1')
      await save('elsewhere', '2001:db8::/64')
      await save('nowhere', undefined)
      await save('document', '192.0.2.1', 'document')
      expect(await other.clients.countSince('192.0.2.1', NOON + HOUR)).toBe(2)
      expect(await other.clients.countSince('192.0.2.1', NOON)).toBe(3)
      expect(await other.clients.countSince('2001:db8::/64', NOON)).toBe(1)
      expect(await other.clients.countSince('192.0.2.2', NOON)).toBe(0)
    })

    test('counts no registration of a clock that was ahead', async () => {
      const { one, other, clock } = world()
      await one.clients.save(CLIENT, '192.0.2.1')
      clock.advance(-2 * HOUR)
      expect(await other.clients.countSince('192.0.2.1', clock.now() - HOUR)).toBe(0)
    })

    test('writes when a client was used last, once a minute at most', async () => {
      const { one, other, clock } = world()
      const lastUsed = async () => (await one.database.get('SELECT last_used_at FROM oauth_clients'))?.last_used_at
      await one.clients.save(CLIENT, undefined)
      expect(await lastUsed()).toBeNull()
      await one.clients.used(CLIENT.id)
      clock.advance(60_000)
      await other.clients.used(CLIENT.id)
      expect(await lastUsed()).toBe('2026-01-15 12:00:00.000')
      clock.advance(1)
      await times(10, (index) => (index % 2 === 0 ? one : other).clients.used(CLIENT.id))
      expect(await lastUsed()).toBe('2026-01-15 12:01:00.001')
    })

    test('tidies away registrations that were never used, and nothing that was or may be', async () => {
      const { one, clock } = world()
      const { clients, persons, grants, database } = one
      for (const id of ['unused', 'used', 'granted', 'blocked', 'document', 'new']) {
        if (id === 'new') clock.advance(DAY)
        await clients.save({ ...CLIENT, id, source: id === 'document' ? 'document' : 'registered' }, undefined)
      }
      await clients.used('used')
      const { id } = await persons.seen(ADA)
      await grants.begin({ ...grantOf(id), clientId: 'granted' })
      await database.run("UPDATE oauth_clients SET blocked_at = :at WHERE id = 'blocked'", { at: new Date(NOON) })
      expect(await clients.tidy({ ...bounds, unusedSince: NOON })).toBe(0)
      expect(await clients.tidy({ ...bounds, unusedSince: NOON + DAY })).toBe(1)
      expect(await ids()).toEqual(['blocked', 'document', 'granted', 'new', 'used'])
    })

    test('tidies away clients that have had no living grant since then, nor were used', async () => {
      const { one, clock } = world()
      const { clients, persons, grants } = one
      const { id } = await persons.seen(ADA)
      for (const name of ['idle', 'living', 'ended', 'expired', 'ended-late', 'used-late']) {
        await clients.save({ ...CLIENT, id: name, source: name === 'idle' ? 'document' : 'registered' }, undefined)
        await clients.used(name)
        if (!name.startsWith('idle') && !name.startsWith('used'))
          await grants.begin({
            ...grantOf(id, name),
            clientId: name,
            expiresAt: NOON + (name === 'expired' ? DAY : 300 * DAY),
          })
      }
      await grants.end('ended', 'person')
      clock.advance(10 * DAY)
      await grants.end('ended-late', 'person')
      await clients.used('used-late')
      expect(await clients.tidy({ ...bounds, idleSince: NOON })).toBe(0)
      expect(await clients.tidy({ ...bounds, idleSince: NOON + 5 * DAY })).toBe(3)
      expect(await ids()).toEqual(['ended-late', 'living', 'used-late'])
    })

    test('tidies away the oldest unused registrations beyond the most that there may be', async () => {
      const { one, clock } = world()
      for (const id of ['1', '2-used', '3', '4', '5-document', '6']) {
        await one.clients.save({ ...CLIENT, id, source: id === '5-document' ? 'document' : 'registered' }, undefined)
        if (id === '2-used') await one.clients.used(id)
        clock.advance(1)
      }
      expect(await one.clients.tidy({ ...bounds, most: 5 })).toBe(0)
      expect(await one.clients.tidy({ ...bounds, most: 3 })).toBe(2)
      expect(await ids()).toEqual(['2-used', '4', '5-document', '6'])
      expect(await one.clients.tidy({ ...bounds, most: 0 })).toBe(2)
      expect(await ids()).toEqual(['2-used', '5-document'])
    })

    test('tidies away more registrations than one statement deletes', async () => {
      const { clients, database } = world().one
      const fill = (name: string) =>
        database.transaction(async (sql) => {
          for (let index = 0; index < 2_500; index++)
            await sql.run(
              "INSERT INTO oauth_clients (id, metadata, source, created_at) VALUES (?, '{}', 'registered', ?)",
              `${name}-${index}`,
              new Date(NOON),
            )
        })
      await fill('flood')
      expect(await clients.tidy({ ...bounds, most: 400 })).toBe(2_100)
      expect(await clients.tidy({ ...bounds, unusedSince: NOON + 1 })).toBe(400)
      await fill('again')
      expect(await clients.tidy({ ...bounds, unusedSince: NOON + 1 })).toBe(2_500)
      expect(await ids()).toEqual([])
    })
  })

  describe('of refresh answers', () => {
    test('returns an answer until its grace is over', async () => {
      const { one, other, clock } = world()
      await one.refreshAnswers.keep(ANSWER)
      clock.advance(29_999)
      expect(await other.refreshAnswers.find('spent')).toEqual({ successorHash: 'next', answer: ANSWER.answer })
      expect(await other.refreshAnswers.find('next')).toBeUndefined()
      clock.advance(1)
      expect(await other.refreshAnswers.find('spent')).toBeUndefined()
    })

    test('returns the newest answer of a token', async () => {
      const { refreshAnswers } = world().one
      await refreshAnswers.keep(ANSWER)
      const newer = { ...ANSWER, successorHash: 'third', answer: 'newer', expiresAt: NOON + 60_000 }
      await refreshAnswers.keep(newer)
      expect(await refreshAnswers.find('spent')).toEqual({ successorHash: 'third', answer: 'newer' })
    })

    test.each([
      ['moved to another token', "UPDATE refresh_answers SET id_hash = 'moved'", 'moved'],
      ['given another successor', "UPDATE refresh_answers SET successor_hash = 'other'", 'spent'],
      ['replaced', "UPDATE refresh_answers SET answer = '{}'", 'spent'],
    ])('does not give an answer that was %s', async (_, sql, idHash) => {
      await world().one.refreshAnswers.keep(ANSWER)
      await world().one.database.run(sql)
      expect(await codeOf(world().one.refreshAnswers.find(idHash))).toBe('seal_broken')
    })
  })

  describe('of assertion keys', () => {
    test('returns all keys, the oldest first, as they were added', async () => {
      const { one, other } = world()
      const next = { ...KEY, kid: 'key-0', activeFrom: NOON + DAY, retiredAt: NOON + 30 * DAY }
      await one.signingKeys.add(next)
      await one.signingKeys.add(KEY)
      expect(await other.signingKeys.all()).toEqual([KEY, next])
    })

    test('retires and removes the named key', async () => {
      const { signingKeys } = world().one
      await signingKeys.add(KEY)
      await signingKeys.add({ ...KEY, kid: 'key-2' })
      await signingKeys.retire('key-2', NOON + HOUR)
      await signingKeys.remove('key-1')
      expect(await signingKeys.all()).toEqual([{ ...KEY, kid: 'key-2', retiredAt: NOON + HOUR }])
    })

    test.each([
      ['its public half', `UPDATE signing_keys SET public_jwk = '{"kty":"EC","x":"evil"}' WHERE kid = 'key-1'`],
      ['its private half', "UPDATE signing_keys SET private_jwk = '{}' WHERE kid = 'key-1'"],
      ['its name', "UPDATE signing_keys SET kid = 'key-3' WHERE kid = 'key-1'"],
    ])('does not return a key that somebody else changed in %s', async (_, sql) => {
      const { signingKeys, database } = world().one
      await signingKeys.add(KEY)
      await signingKeys.add({ ...KEY, kid: 'key-2' })
      await database.run(sql)
      expect((await signingKeys.all()).map(({ kid }) => kid)).toEqual(['key-2'])
    })
  })

  describe('of what is sealed', () => {
    const saveAll = async ({ clients, refreshAnswers, signingKeys } = world().one) => {
      await clients.save({ ...CLIENT, secret: SECRET }, undefined)
      await refreshAnswers.keep(ANSWER)
      await signingKeys.add(KEY)
    }
    const readAll = async ({ clients, refreshAnswers, signingKeys } = world().one) => [
      (await clients.byId(CLIENT.id))?.secret,
      (await refreshAnswers.find('spent').catch(() => undefined))?.answer,
      (await signingKeys.all())[0]?.privateJwk,
    ]
    const ALL = [SECRET, ANSWER.answer, KEY.privateJwk]

    test('contains no secret in any column', async () => {
      await saveAll()
      for (const table of ['oauth_clients', 'refresh_answers', 'signing_keys']) {
        const rows = JSON.stringify(await world().one.database.all(`SELECT * FROM ${table}`))
        expect(rows).toContain('v1.')
        for (const secret of [SECRET, 'canary']) expect(rows).not.toContain(secret)
      }
    })

    test('is opened by a replica whose newest key is another one, if it also has this key', async () => {
      await saveAll()
      expect(await readAll(world().replica([randomBytes(32), ...world().keys]))).toEqual(ALL)
      expect(await readAll(world().replica([...world().keys, randomBytes(32)]))).toEqual(ALL)
    })

    test('is not there for a replica without its key, and is there again with it', async () => {
      await saveAll()
      expect(await readAll(world().replica([randomBytes(32)]))).toEqual([undefined, undefined, undefined])
      expect(await readAll()).toEqual(ALL)
    })

    test('does not let a client with an altered or foreign secret be used', async () => {
      const { clients, database } = world().one
      await saveAll()
      await clients.save({ ...CLIENT, id: 'other', secret: `${SECRET}-other` }, undefined)
      await database.run(
        "UPDATE oauth_clients SET client_secret = (SELECT client_secret FROM oauth_clients WHERE id = 'other') WHERE id = 'client'",
      )
      expect(await clients.byId(CLIENT.id)).toBeUndefined()
      expect(await clients.byId('other')).toMatchObject({ secret: `${SECRET}-other` })
    })
  })
})
