// Who calls, by the hash of an access token, and which grants of open streams stand: on every engine, for two replicas.
import { describe, expect, test } from 'vitest'
import { RECORD_KINDS } from '../../src/gateway/authorization/adapter.ts'
import { NOON } from '../fakes/fakeClock.ts'
import { describeStores } from '../fakes/gatewayEngines.ts'
import { CLIENT, grantOf, HOUR, RESOURCE, recordOf, signedIn } from '../fakes/gatewayRows.ts'

describeStores((world) => {
  describe('of callers', () => {
    test('knows by the hash of a living token who calls, with which client, and for which server', async () => {
      const { one, other } = world()
      const { person, token } = await signedIn(one)
      expect(await other.callers.byTokenHash(token)).toEqual({
        person,
        clientId: CLIENT.id,
        clientName: 'Editor',
        grantId: 'grant',
        resource: RESOURCE,
        scope: 'mcp',
        expiresAt: NOON + HOUR,
      })
    })

    test('asks the database once', async () => {
      const { one } = world()
      const { token } = await signedIn(one)
      const asked: string[] = []
      const { get } = one.database
      one.database.get = (sql, ...values) => {
        asked.push(sql)
        return get(sql, ...values)
      }
      for (const hash of [token, 'unknown']) await one.callers.byTokenHash(hash)
      expect(asked).toHaveLength(2)
    })

    test('knows the scope of a token that has less than its grant', async () => {
      const { one } = world()
      await signedIn(one)
      await one.records.put(recordOf({ kind: 'AccessToken', payload: { scope: '' } }))
      expect(await one.callers.byTokenHash('hash')).toMatchObject({ scope: '' })
    })

    test('knows a client that was configured, which has no row', async () => {
      const { one } = world()
      const { token } = await signedIn(one)
      await one.clients.remove(CLIENT.id)
      expect(await one.callers.byTokenHash(token)).toMatchObject({ clientId: CLIENT.id })
    })

    const at = new Date(NOON)
    test.each<[string, string, Record<string, Date | string>]>([
      ['its person is blocked', 'UPDATE users SET blocked_at = :at', { at }],
      ['its person is deleted', 'UPDATE grants SET user_id = :id', { id: 'nobody' }],
      ['its client is blocked', 'UPDATE oauth_clients SET blocked_at = :at', { at }],
      ['its grant has ended', 'UPDATE grants SET ended_at = :at', { at }],
      ['its grant has expired', 'UPDATE grants SET expires_at = :at', { at }],
      ['its grant is deleted', "DELETE FROM grants WHERE id = 'grant'", {}],
      ['it has expired', 'UPDATE oauth_records SET expires_at = :at', { at }],
      ['it was consumed', 'UPDATE oauth_records SET consumed_at = :at', { at }],
      ['it is deleted', "DELETE FROM oauth_records WHERE kind = 'AccessToken'", {}],
      ['it is for no server', 'UPDATE oauth_records SET resource = NULL', {}],
      ['it is under no grant', 'UPDATE oauth_records SET grant_id = NULL', {}],
    ])('knows nobody by a token when %s', async (_, sql, values) => {
      const { one, other } = world()
      const { token } = await signedIn(one)
      expect(await other.callers.byTokenHash(token)).toBeDefined()
      await one.database.run(sql, ...(Object.keys(values).length === 0 ? [] : [values]))
      expect(await other.callers.byTokenHash(token)).toBeUndefined()
    })

    test('tells of a thousand grants at once, in one statement, which of them stand, and their living tokens', async () => {
      const { one, other } = world()
      const { person, token } = await signedIn(one)
      await one.records.put(recordOf({ kind: 'AccessToken', idHash: 'second' }))
      await one.records.put(recordOf({ kind: 'AccessToken', idHash: 'over', expiresAt: NOON }))
      await one.grants.begin(grantOf(person.id, 'without tokens'))
      await one.grants.begin(grantOf(person.id, 'ended'))
      await one.grants.end('ended', 'person')
      const asked: string[] = []
      const { all } = other.database
      other.database.all = (sql, ...values) => {
        asked.push(sql)
        return all(sql, ...values)
      }
      const ids = ['grant', 'without tokens', 'ended', ...Array.from({ length: 997 }, (_, index) => `unknown ${index}`)]
      expect(await other.callers.standing(ids)).toEqual(
        new Map([
          ['grant', { person, tokens: new Set([token, 'second']) }],
          ['without tokens', { person, tokens: new Set() }],
        ]),
      )
      expect(asked).toHaveLength(1)
      expect(await other.callers.standing([])).toEqual(new Map())
      expect(asked).toHaveLength(1)
      for (const count of [1, 2, 3, 20_000]) {
        const found = await other.callers.standing([...ids.slice(2), ...new Array<string>(count).fill('grant')])
        expect([...found.keys()]).toEqual(['grant'])
      }
    })

    test.each<[string, string, Record<string, Date | string>]>([
      ['its person is blocked', 'UPDATE users SET blocked_at = :at', { at }],
      ['its person is deleted', 'UPDATE grants SET user_id = :id', { id: 'nobody' }],
      ['its client is blocked', 'UPDATE oauth_clients SET blocked_at = :at', { at }],
      ['it has ended', 'UPDATE grants SET ended_at = :at', { at }],
      ['it has expired', 'UPDATE grants SET expires_at = :at', { at }],
    ])('lets no grant stand when %s', async (_, sql, values) => {
      const { one, other } = world()
      await signedIn(one)
      expect((await other.callers.standing(['grant'])).size).toBe(1)
      await one.database.run(sql, values)
      expect(await other.callers.standing(['grant'])).toEqual(new Map())
    })

    test('lets a grant stand whose client was configured, which has no row', async () => {
      const { one } = world()
      await signedIn(one)
      await one.clients.remove(CLIENT.id)
      expect((await one.callers.standing(['grant'])).size).toBe(1)
    })

    test('knows nobody by the hash of anything but an access token', async () => {
      const { one } = world()
      const { refresh } = await signedIn(one)
      expect(await one.callers.byTokenHash(refresh)).toBeUndefined()
      for (const kind of RECORD_KINDS.filter((one) => one !== 'AccessToken')) {
        await one.records.put(recordOf({ kind }))
        expect(await one.callers.byTokenHash('hash')).toBeUndefined()
      }
    })
  })
})
