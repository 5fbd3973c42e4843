// The schema: up, down, and the refusal of what a newer program made.
import { describe, expect, test } from 'vitest'
import { LATEST_VERSION } from '../../../../src/store/migrations/migrations.ts'
import { openDatabase, openUnmigrated } from '../../../../src/store/sqlite/database.ts'
import { demandTables, migrateDown, migrateUp, schemaVersion } from '../../../../src/store/sqlite/migrate.ts'
import { tempFolder } from '../../../fakes/tempFolder.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const folder = tempFolder()

const tables = (database: ReturnType<typeof openUnmigrated>) =>
  database
    .all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .map(({ name }) => name)

function withDatabase<T>(file: string, work: (database: ReturnType<typeof openUnmigrated>) => T): T {
  const database = openUnmigrated(file)
  try {
    return work(database)
  } finally {
    database.close()
  }
}

describe('the schema', () => {
  test('has version 0 in an empty file', () => {
    expect(withDatabase(folder.fresh('a.db'), schemaVersion)).toBe(0)
  })

  test('has the tables of the troubleshooting guide', () => {
    const names = tables(folder.database())
    for (const name of ['sessions', 'tokens', 'users', 'schema_migrations', 'clients', 'leases', 'server_cache'])
      expect(names).toContain(name)
  })

  test('is brought up once, however often it is opened', () => {
    const file = folder.fresh('a.db')
    for (let time = 0; time < 3; time++) folder.database(file)
    withDatabase(file, (database) => {
      expect(schemaVersion(database)).toBe(LATEST_VERSION)
      expect(database.all('SELECT version FROM schema_migrations')).toHaveLength(LATEST_VERSION)
    })
  })

  test('records when each version was applied', () => {
    const row = folder.database().get('SELECT name, applied_at FROM schema_migrations WHERE version = 1')
    expect(row?.name).toBe('initial')
    expect(row?.applied_at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/)
  })

  test('goes down to nothing and up again', () => {
    withDatabase(folder.fresh('a.db'), (database) => {
      migrateUp(database)
      const before = tables(database)
      for (let version = LATEST_VERSION; version > 0; version--) expect(migrateDown(database)).toBe(version - 1)
      expect(tables(database)).toEqual(['schema_migrations'])
      expect(migrateDown(database)).toBe(0)
      migrateUp(database)
      expect(tables(database)).toEqual(before)
    })
  })
})

describe('a table that somebody deleted', () => {
  test.each(['tokens', 'sessions', 'grants', 'oauth_clients', 'seals'])('is named: %s', async (name) => {
    const database = folder.database()
    expect(() => demandTables(database)).not.toThrow()
    database.exec(`DROP TABLE ${name}`)
    for (const work of [demandTables, migrateDown]) {
      const { code, message, hint } = await errorOf(() => work(database))
      expect([code, message]).toEqual(['schema_missing', expect.stringContaining(`no such table: ${name}`)])
      expect(hint).toContain('migrate up')
    }
    expect(schemaVersion(database)).toBe(LATEST_VERSION)
  })

  test('is not missed in a version that had none of this name', () => {
    withDatabase(folder.fresh('a.db'), (database) => {
      migrateUp(database)
      for (let version = LATEST_VERSION; version > 0; version--) {
        expect(() => demandTables(database)).not.toThrow()
        migrateDown(database)
      }
      expect(() => demandTables(database)).not.toThrow()
    })
  })
})

describe('a database of a newer program', () => {
  function newer() {
    const file = folder.fresh('a.db')
    const database = folder.database(file)
    database.run(
      'INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)',
      LATEST_VERSION + 1,
      'future',
      'x',
    )
    return file
  }

  test('is refused, and both versions are named', async () => {
    const error = await errorOf(() => openDatabase(newer()))
    expect(error.code).toBe('schema_missing')
    expect(error.message).toContain(String(LATEST_VERSION + 1))
    expect(error.hint).toContain('newest')
  })

  test('is not changed', async () => {
    const file = newer()
    await errorOf(() => openDatabase(file))
    expect(withDatabase(file, schemaVersion)).toBe(LATEST_VERSION + 1)
  })
})

test('a migration that fails does not change the file', () => {
  const file = folder.fresh('a.db')
  withDatabase(file, (database) => {
    database.exec('CREATE TABLE tokens (mine TEXT)')
    expect(() => migrateUp(database)).toThrow()
    expect(tables(database)).toEqual(['tokens'])
    expect(schemaVersion(database)).toBe(0)
  })
})
