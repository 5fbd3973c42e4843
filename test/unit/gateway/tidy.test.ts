// The gateway deletes what is over by itself, in one process at a time, and not after it was stopped.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { tidyGateway } from '../../../src/gateway/tidy.ts'
import { createLeases } from '../../../src/store/leases.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createGate } from '../../fakes/gate.ts'
import { ADA, CLIENT, DAY, recordOf } from '../../fakes/gatewayRows.ts'
import { openGatewayStores } from '../../fakes/gatewayStores.ts'
import { until } from '../../servers/until.ts'

async function world() {
  const stores = await openGatewayStores()
  return { ...stores, leases: createLeases(stores.database, stores.clock), flush: () => undefined }
}
const count = async ({ database }: Awaited<ReturnType<typeof world>>, table: string) =>
  Number((await database.get(`SELECT count(*) AS count FROM ${table}`))?.count)

test.each(['oauth_records', 'oauth_clients'])('requests come between two batches of %s', async (table) => {
  const storage = await world()
  await storage.database.transaction(async (sql) => {
    for (let id = 0; id < 2_500; id++)
      await sql.run(
        table === 'oauth_records'
          ? "INSERT INTO oauth_records (kind, id_hash, payload, expires_at) VALUES ('AccessToken', ?, '{}', '2020-01-01 00:00:00.000')"
          : "INSERT INTO oauth_clients (id, metadata, source, created_at) VALUES (?, '{}', 'registered', '2020-01-01 00:00:00.000')",
        String(id),
      )
  })
  const tidying = tidyGateway(storage, createFakeLogger(), 1)
  const seen = new Set<number>()
  for (let left = 2_500; left > 0; ) {
    await nextTurn()
    left = await count(storage, table)
    seen.add(left)
  }
  await tidying.stop()
  expect([...seen]).toEqual([2_500, 1_500, 500, 0])
  await storage.database.close()
})

test('expired records, unused registrations and persons who come no more are deleted', async () => {
  const storage = await world()
  await storage.clients.save(CLIENT, undefined)
  await storage.persons.seen(ADA)
  await storage.records.put(recordOf({ grantId: undefined }))
  storage.clock.advance(121 * DAY)
  const tidying = tidyGateway(storage, createFakeLogger(), 1)
  const left = () => Promise.all(['oauth_clients', 'users', 'oauth_records'].map((table) => count(storage, table)))
  await until('nothing to be left', async () => (await left()).every((rows) => rows === 0))
  await tidying.stop()
  expect(await count(storage, 'leases')).toBe(0)
  await storage.database.close()
})

test('stopping waits for what is being deleted, and gives the lease back before the database is closed', async () => {
  const storage = await world()
  const gate = createGate()
  let batches = 0
  const records = {
    ...storage.records,
    async purge() {
      batches++
      await gate.passed
      return 1_000
    },
  }
  const log = createFakeLogger()
  const tidying = tidyGateway({ ...storage, records }, log, 1)
  await until('a batch to begin', () => batches === 1)
  const stopped = tidying.stop()
  gate.open()
  await stopped
  await storage.database.close()
  expect([batches, log.entries]).toEqual([1, []])
})

test('what is only in the write-ahead log is written into the file', async () => {
  const storage = await world()
  let flushed = 0
  const flush = () => {
    flushed++
  }
  const tidying = tidyGateway({ ...storage, flush }, createFakeLogger(), 1)
  await until('it to be written', () => flushed > 1)
  await tidying.stop()
  await storage.database.close()
})

test('a person is deleted without a look at every row of tokens', async () => {
  const { database } = await world()
  const plan = await database.all("EXPLAIN QUERY PLAN UPDATE tokens SET user_id = NULL WHERE user_id = 'a'")
  expect(plan.map(({ detail }) => String(detail))).toEqual([expect.stringContaining('tokens_user')])
  await database.close()
})
