// Opening the database: settings, faults, and a file that is no database any more.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openDatabase, openUnmigrated, setAside } from '../../../../src/store/sqlite/database.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { codeOf, errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()

describe('an opened database', () => {
  test.each([
    ['journal_mode', 'wal'],
    ['foreign_keys', 1],
    ['secure_delete', 1],
    ['synchronous', 2],
  ])('has %s = %s', (name, value) => {
    expect(Object.values(folder.database().get(`PRAGMA ${name}`) ?? {})).toEqual([value])
  })

  test('is the same for the next process that opens it', () => {
    const file = folder.fresh('oauth.db')
    folder.database(file).run("INSERT INTO server_cache VALUES ('a', '1', 'x', 'y')")
    expect(folder.database(file).get('SELECT value FROM server_cache')).toEqual({ value: '1' })
  })

  test('leaves no trace of a deleted secret in its file', () => {
    const file = folder.fresh('oauth.db')
    const database = openDatabase(file)
    database.run("INSERT INTO server_cache VALUES ('a', ?, 'x', 'y')", 'needle-in-the-haystack')
    database.run('DELETE FROM server_cache')
    database.get('PRAGMA wal_checkpoint(TRUNCATE)')
    database.close()
    expect(readFileSync(file).includes('needle-in-the-haystack')).toBe(false)
  })
})

describe('a transaction', () => {
  test('is rolled back completely when its work throws, and the error is passed on', () => {
    const database = folder.database()
    const failure = new Error('no')
    expect(() =>
      database.transaction(() => {
        database.run("INSERT INTO server_cache VALUES ('a', '1', 'x', 'y')")
        throw failure
      }),
    ).toThrow(failure)
    expect(database.all('SELECT * FROM server_cache')).toEqual([])
  })

  test('returns what its work returns', () => {
    expect(folder.database().transaction(() => 7)).toBe(7)
  })

  test('can follow a failed one', () => {
    const database = folder.database()
    expect(() => database.transaction(() => database.run('INSERT INTO nowhere VALUES (1)'))).toThrow()
    expect(database.transaction(() => 'again')).toBe('again')
  })
})

describe('a fault', () => {
  test('of a missing table is schema_missing and names it', async () => {
    const error = await errorOf(() => folder.database().get('SELECT * FROM nowhere'))
    expect(error.code).toBe('schema_missing')
    expect(error.message).toContain('nowhere')
  })

  test('of a missing column is schema_missing', async () => {
    expect(await codeOf(() => folder.database().get('SELECT missing_column FROM tokens'))).toBe('schema_missing')
  })

  test('of a write lock held by another is database_locked', async () => {
    const file = folder.fresh('oauth.db')
    const holder = folder.database(file)
    const other = folder.database(file)
    other.exec('PRAGMA busy_timeout = 0')
    holder.exec('BEGIN IMMEDIATE')
    expect(await codeOf(() => other.run("INSERT INTO server_cache VALUES ('a', '1', 'x', 'y')"))).toBe(
      'database_locked',
    )
    expect(await codeOf(() => other.transaction(() => 1))).toBe('database_locked')
    holder.exec('ROLLBACK')
    expect(other.transaction(() => 1)).toBe(1)
  })

  test('of a broken constraint is database_unreachable', async () => {
    const database = folder.database()
    expect(await codeOf(() => database.run("INSERT INTO leases VALUES ('a', NULL, 'x')"))).toBe('database_unreachable')
  })

  test('of a missing folder is reported as such, not as a missing driver', async () => {
    const error = await errorOf(() => openDatabase(join(folder.fresh('nowhere'), 'oauth.db')))
    expect(error.code).toBe('database_unreachable')
    expect(error.message).not.toContain('driver')
    expect(error.hint).not.toContain('Node version')
  })

  test('of a folder in the file’s place is database_unreachable', async () => {
    const file = folder.fresh('oauth.db')
    mkdirSync(file)
    expect(await codeOf(() => openDatabase(file))).toBe('database_unreachable')
  })

  test.runIf(process.getuid?.() !== 0)('of a file we may not read is database_unreachable', async () => {
    const file = folder.fresh('oauth.db')
    writeFileSync(file, '')
    chmodSync(file, 0o000)
    expect(await codeOf(() => openDatabase(file))).toBe('database_unreachable')
  })
})

describe('a file that is not a database', () => {
  function broken(text: string) {
    const file = folder.fresh('oauth.db')
    writeFileSync(file, text)
    return file
  }

  test('is set aside and kept, and a new one is created', () => {
    const text = 'this is no database '.repeat(100)
    const file = broken(text)
    const aside: string[] = []
    const database = openDatabase(file, (path) => aside.push(path))
    expect(database.all('SELECT * FROM tokens')).toEqual([])
    database.close()
    expect(aside).toHaveLength(1)
    expect(readFileSync(aside[0] ?? '', 'utf8')).toBe(text)
    expect(dirname(aside[0] ?? '')).toBe(folder.path)
  })

  test('is set aside once: the next process that opens it finds the new one', () => {
    const file = broken('no database '.repeat(100))
    openDatabase(file).close()
    const aside: string[] = []
    openDatabase(file, (path) => aside.push(path)).close()
    expect(aside).toEqual([])
  })

  test('with a page in the middle destroyed is set aside when its schema cannot be read', () => {
    const file = folder.fresh('oauth.db')
    openDatabase(file).close()
    const bytes = readFileSync(file)
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(bytes.length - 100, 0xff)]))
    const aside: string[] = []
    openDatabase(file, (path) => aside.push(path)).close()
    expect(aside).toHaveLength(1)
  })

  test.each(['', '-wal', '-shm'])('of which %j is in use keeps all its names: they belong together', async (busy) => {
    const file = broken('d')
    const ends = ['', '-wal', '-shm']
    for (const end of ends) writeFileSync(file + end, end)
    const rename: typeof renameSync = (from, to) => {
      if (from === file + busy) throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' })
      renameSync(from, to)
    }
    const error = await errorOf(() => setAside(file, rename))
    expect(error.code).toBe('database_unreachable')
    expect(error.message).toContain('another program has it open (EBUSY)')
    expect(error.hint).toContain('Quit the hosts')
    for (const end of ends) expect(readFileSync(file + end, 'utf8')).toBe(end)
  })

  test('but empty is a new one', () => {
    const file = broken('')
    const aside: string[] = []
    openDatabase(file, (path) => aside.push(path)).close()
    expect(aside).toEqual([])
  })

  test('is not changed when it is only read', async () => {
    const file = broken('no database '.repeat(100))
    expect(await codeOf(() => openUnmigrated(file))).toBe('database_unreachable')
    expect(existsSync(file)).toBe(true)
  })
})
