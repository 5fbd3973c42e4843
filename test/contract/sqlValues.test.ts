// Every engine behind the one interface of the stores: values come back as they were given, and a transaction awaits nothing else.
import { describe, expect, test } from 'vitest'
import type { Database, Sql } from '../../src/store/sql.ts'
import { NOON } from '../fakes/fakeClock.ts'
import { ENGINES, KEY } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const END = new Date(NOON)
const put = (sql: Sql, name: string, owner = 'owner') =>
  sql.run('INSERT INTO leases (name, owner, expires_at) VALUES (?, ?, ?)', name, owner, END)
const names = async (sql: Sql) => (await sql.all('SELECT name FROM leases ORDER BY name')).map(({ name }) => name)

describe.each(ENGINES)('$name', (engine) => {
  const two = (): [Database, Database] => {
    const open = engine.create(folder)
    return [open(), open()]
  }

  describe('a value', () => {
    test.each([
      ['text', 'Ada'],
      ['no text', ''],
      ['text of every kind', `'"\\ $1 ? :name ::text ü 😀 \u202e\n\r\t`],
      ['a long text', 'x'.repeat(200_000)],
    ])('comes back as it was given: %s', async (_, owner) => {
      const [database] = two()
      await put(database, 'a', owner)
      expect(await database.get('SELECT owner FROM leases WHERE owner = :owner', { owner })).toEqual({ owner })
    })

    test.each([
      [NOON, '2026-01-15 12:00:00.000'],
      [NOON + 7, '2026-01-15 12:00:00.007'],
      [0, '1970-01-01 00:00:00.000'],
      [Date.parse('2026-03-08T02:30:00.000Z'), '2026-03-08 02:30:00.000'],
      [Date.parse('9999-12-31T23:59:59.999Z'), '9999-12-31 23:59:59.999'],
    ])('that is the time %d is read as UTC text', async (ms, text) => {
      const [database] = two()
      await database.run("INSERT INTO leases VALUES ('a', 'b', ?)", new Date(ms))
      expect(await database.get('SELECT expires_at FROM leases')).toEqual({ expires_at: text })
      expect(await database.all('SELECT name FROM leases WHERE expires_at = ?', new Date(ms))).toHaveLength(1)
      expect(await database.all('SELECT name FROM leases WHERE expires_at > ?', new Date(ms))).toEqual([])
    })

    test('that is null, or a number, stays what it is', async () => {
      const [database] = two()
      await database.run(
        `INSERT INTO tokens (server, profile, generation, scope, created_at, updated_at)
         VALUES (:server, :profile, :generation, :scope, :now, :now)`,
        { ...KEY, generation: 2_000_000_000, scope: null, now: END },
      )
      const row = await database.get('SELECT generation, scope, expires_at, count(*) AS count FROM tokens GROUP BY id')
      expect(row).toEqual({ generation: 2_000_000_000, scope: null, expires_at: null, count: 1 })
    })

    test('in quotes, a comment or a cast is no parameter', async () => {
      const [database] = two()
      const row = await database.get(
        `SELECT '?' AS "a?", ':name' AS "b:c", 'it''s :x' AS d, CAST(:name AS TEXT) AS e -- why ? :not
         /* ? :neither */`,
        { name: 'Ada' },
      )
      expect(row).toEqual({ 'a?': '?', 'b:c': ':name', d: "it's :x", e: 'Ada' })
    })

    test('by name may be used twice', async () => {
      const [database] = two()
      const row = await database.get('SELECT CAST(:a AS TEXT) AS one, CAST(:a AS TEXT) AS two, CAST(:b AS TEXT) AS b', {
        b: 'x',
        a: 'y',
      })
      expect(row).toEqual({ one: 'y', two: 'y', b: 'x' })
    })

    test.each<[string, (database: Database) => Promise<unknown>]>([
      ['by name is missing', (database) => database.get('SELECT name FROM leases WHERE name = :name', {})],
      [
        'by position is missing',
        (database) => database.get('SELECT name FROM leases WHERE name = ? OR owner = ?', 'a'),
      ],
      ['is too many', (database) => database.get('SELECT name FROM leases WHERE name = ?', 'a', 'b')],
    ])('that %s is an error of the program, and changes nothing', async (_, ask) => {
      const [database] = two()
      await expect(ask(database)).rejects.toThrow(Error)
      await put(database, 'a')
      expect(await names(database)).toEqual(['a'])
    })
  })

  describe('a transaction', () => {
    test('gives what its work gives', async () => {
      const [database] = two()
      expect(await database.transaction(async () => 7)).toBe(7)
      expect(await database.snapshot((sql) => names(sql))).toEqual([])
    })

    test('takes no statement after its end', async () => {
      const [database] = two()
      const kept = await database.transaction(async (sql) => sql)
      await expect(put(kept, 'a')).rejects.toThrow('after its transaction was over')
      expect(await names(database)).toEqual([])
    })

    test.each<[string, (database: Database) => Promise<unknown>]>([
      ['another transaction', (database) => database.transaction((sql) => put(sql, 'b'))],
      ['a statement beside it', (database) => put(database, 'b')],
      ['a snapshot', (database) => database.snapshot(names)],
    ])('that awaits %s of the same database fails as a whole', async (_, beside) => {
      const [database] = two()
      const nested = database.transaction(async (sql) => {
        await put(sql, 'a')
        await beside(database)
      })
      await expect(nested).rejects.toThrow('awaited something other than its statements')
      expect(await names(database)).not.toContain('a')
    })
  })
})
