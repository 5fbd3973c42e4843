// SQLite behind the interface of the stores: one transaction at a time in this process, which awaits nothing but its statements.
import { describe, expect, test } from 'vitest'
import type { Database, Sql } from '../../../../src/store/sql.ts'
import { createGate } from '../../../fakes/gate.ts'
import { sqlOf } from '../../../fakes/sqlOf.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()
const put = (sql: Sql, name: string) => sql.run("INSERT INTO leases VALUES (?, 'owner', ?)", name, new Date(0))
const names = async (sql: Sql) => (await sql.all('SELECT name FROM leases ORDER BY name')).map(({ name }) => name)

function twoConnections() {
  const file = folder.fresh('oauth.db')
  return [sqlOf(folder.database(file)), sqlOf(folder.database(file))] as const
}

describe('a transaction', () => {
  test('is written as a whole, or not at all', async () => {
    const database = sqlOf(folder.database())
    await database.transaction(async (sql) => {
      await put(sql, 'a')
      await put(sql, 'b')
    })
    const failed = database.transaction(async (sql) => {
      await put(sql, 'c')
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await names(database)).toEqual(['a', 'b'])
  })

  test('that awaits something else is undone, and everybody else goes on', async () => {
    const database = sqlOf(folder.database())
    const gate = createGate()
    const held = database.transaction(async (sql) => {
      await put(sql, 'a')
      await gate.passed
    })
    const other = put(database, 'b')
    await expect(held).rejects.toThrow('awaited something other than its statements')
    await other
    expect(await names(database)).toEqual(['b'])
  })

  test('takes no statement after its end', async () => {
    const database = sqlOf(folder.database())
    const kept = await database.transaction(async (sql) => sql)
    await expect(put(kept, 'a')).rejects.toThrow('after its transaction was over')
    expect(await names(database)).toEqual([])
  })

  test('that fails with its last statement undoes the first one', async () => {
    const database = sqlOf(folder.database())
    const failed = database.transaction(async (sql) => {
      await put(sql, 'a')
      await sql.run('INSERT INTO nowhere VALUES (1)')
    })
    expect(await codeOf(failed)).toBe('schema_missing')
    expect(await names(database)).toEqual([])
  })
})

describe('statements beside a transaction', () => {
  test('wait for its end, in the order in which they came', async () => {
    const database = sqlOf(folder.database())
    const seen: unknown[] = []
    const first = database.transaction(async (sql) => {
      await put(sql, 'a')
      await sql.get('SELECT 1')
      await put(sql, 'b')
    })
    const look = names(database).then((found) => seen.push(found))
    const second = database.transaction((sql) => put(sql, 'c'))
    await Promise.all([first, look, second])
    expect(seen).toEqual([['a', 'b']])
    expect(await names(database)).toEqual(['a', 'b', 'c'])
  })

  test('see nothing of one that is undone', async () => {
    const database = sqlOf(folder.database())
    const failed = database.transaction(async (sql) => {
      await put(sql, 'a')
      await sql.get('SELECT 1')
      throw new Error('no')
    })
    const look = names(database)
    await expect(failed).rejects.toThrow('no')
    expect(await look).toEqual([])
  })

  test('of a hundred callers on two connections are all made', async () => {
    const both = twoConnections()
    const count = async (sql: Sql) => {
      const row = await sql.get('SELECT count(*) AS count FROM leases')
      await put(sql, String(row?.count))
    }
    const one = (database: Database, index: number) =>
      index % 3 === 0 ? database.snapshot(names) : database.transaction(count)
    await Promise.all(Array.from({ length: 100 }, (_, index) => one(both[index % 2 === 0 ? 0 : 1], index)))
    expect(await names(both[1])).toHaveLength(66)
  })
})

describe('values', () => {
  test('may be times, by position and by name, and are read as UTC text', async () => {
    const database = sqlOf(folder.database())
    const at = new Date('2026-01-15T12:00:00.007Z')
    await put(database, 'a')
    await database.run('UPDATE leases SET expires_at = ?', at)
    expect(await database.get('SELECT expires_at FROM leases')).toEqual({ expires_at: '2026-01-15 12:00:00.007' })
    expect(await database.get('SELECT name FROM leases WHERE expires_at = :at', { at })).toEqual({ name: 'a' })
  })

  test('beyond every calendar do not fail', async () => {
    const database = sqlOf(folder.database())
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e18])
      await database.run("INSERT INTO leases VALUES (?, 'owner', ?)", String(ms), new Date(ms))
    expect(await names(database)).toHaveLength(4)
  })
})

test('the version changes with what another connection writes, and a look at it needs no wait', async () => {
  const [ours, other] = twoConnections()
  const before = ours.atOnce?.version()
  await put(ours, 'a')
  expect(ours.atOnce?.version()).toBe(before)
  await put(other, 'b')
  expect(ours.atOnce?.version()).not.toBe(before)
  expect(ours.atOnce?.get('SELECT owner FROM leases WHERE name = ?', 'b')).toEqual({ owner: 'owner' })
})
