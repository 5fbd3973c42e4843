// A folder of one test file, deleted after it; databases in it are closed before.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Database, openDatabase } from '../../src/store/sqlite/database.ts'

export interface TempFolder {
  readonly path: string
  /** A path in the folder that nobody was given before. */
  fresh(name: string): string
  /** A migrated database, a new file unless one is named. */
  database(file?: string): Database
}

export function tempFolder(): TempFolder {
  const path = mkdtempSync(join(realpathSync(tmpdir()), 'mcp-oauth-bridge-test-'))
  const opened: Database[] = []
  let count = 0
  const fresh = (name: string) => join(path, `${++count}-${name}`)
  afterAll(() => {
    for (const database of opened) database.close()
    rmSync(path, { recursive: true, force: true })
  })
  return {
    path,
    fresh,
    database(file = fresh('oauth.db')) {
      const database = openDatabase(file)
      opened.push(database)
      return database
    },
  }
}
