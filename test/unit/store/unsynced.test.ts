// What the SQLite stores write without waiting for the disk
import { describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts'
import { createSqlDatabase } from '../../../src/store/sqlite/sqlDatabase.ts'

const LEASE = 'INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :end)'
const row = { name: 'a', owner: 'me', end: '2030-01-01 00:00:00.000' }
const FULL = 2
const NORMAL = 1

function watched() {
  const connection = openDatabase(':memory:')
  const levels: unknown[] = []
  const level = () => connection.get('PRAGMA synchronous')?.synchronous
  const run: Database['run'] = (sql, ...values) => {
    levels.push(level())
    return connection.run(sql, ...values)
  }
  return { database: createSqlDatabase({ ...connection, run }), levels, level }
}

describe('a change that is not synced', () => {
  test('is made at once, and does not wait for the disk', async () => {
    const { database, levels } = watched()
    expect(await database.runUnsynced(LEASE, row)).toBe(1)
    expect(await database.get('SELECT owner FROM leases WHERE name = ?', 'a')).toEqual({ owner: 'me' })
    expect(levels).toEqual([NORMAL])
  })

  test('leaves the next one synced, also when it fails', async () => {
    const { database, levels, level } = watched()
    await database.runUnsynced(LEASE, row)
    await expect(database.runUnsynced(LEASE, row)).rejects.toThrow()
    expect(level()).toBe(FULL)
    await database.run('DELETE FROM leases')
    expect(levels).toEqual([NORMAL, NORMAL, FULL])
  })

  test('waits for a transaction that runs', async () => {
    const { database, levels } = watched()
    const inside = database.transaction((sql) => sql.run(LEASE, { ...row, name: 'b' }))
    await Promise.all([inside, database.runUnsynced(LEASE, row)])
    expect(levels).toEqual([FULL, NORMAL])
  })
})
