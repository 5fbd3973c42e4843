// Checks the database without changing it: private, not locked, with all its tables, in WAL mode.
import { existsSync, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { BridgeError } from '../../errors.ts'
import { LATEST_VERSION, schemaVersion } from '../../store/sqlite/migrate.ts'
import { type FileHolder, fileHolders } from '../../system/process/fileUsers.ts'
import type { Check } from '../report/context.ts'
import { fail, failed, type Outcome, pass, warn } from '../report/finding.ts'

const TABLES = ['users', 'tokens', 'sessions', 'clients', 'leases', 'server_cache', 'key_slots', 'schema_migrations']

export const database: Check = {
  name: 'database',
  about: 'machine',
  async run({ config, look }, facts) {
    const { database: file, dataFolder } = config
    const unsafe = [dataFolder, file].map((path) => ownership(path)).find((found) => found !== undefined)
    if (unsafe) return unsafe
    if (!existsSync(file)) {
      if (!existsSync(dirname(file))) return pass(`${file} will be created at the first sign-in.`)
      return pass(`${file} does not exist yet; the first sign-in creates it.`)
    }
    try {
      facts.look = await look()
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      return thrown.code === 'database_locked' ? locked(file) : failed(thrown)
    }
    return judge(facts.look.database, file, dataFolder)
  },
}

/** A link or another owner: a bridge refuses to start. */
function ownership(path: string): Outcome | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isSymbolicLink()) return fail('permissions_unsafe', `${path} is a symbolic link.`)
  if (process.platform === 'win32' || !stat || stat.uid === process.getuid?.()) return undefined
  return fail('permissions_unsafe', `Permission denied: ${path} belongs to another user.`)
}

function locked(file: string): Outcome {
  const holders = fileHolders([file, `${file}-wal`, `${file}-shm`])
  const who = holders.filter(({ locks }) => locks === 'write')
  const named = (who.length > 0 ? who : holders).map(nameOf).join(', ')
  const detail = `SQLite "database locked": ${file} is locked${named === '' ? '' : ` by ${named}`}.`
  const remedy = `End the open transaction${named === '' ? '' : ` of ${named}`}, or close that program. Keep oauth.db-wal: it holds data.`
  return fail('database_locked', detail, remedy)
}

const nameOf = ({ name, pid }: FileHolder) => `${name} (pid ${pid})`

function judge(database: Parameters<typeof schemaVersion>[0], file: string, dataFolder: string): Outcome {
  const version = schemaVersion(database)
  const present = new Set(database.all("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => name))
  if (version > LATEST_VERSION)
    return fail(
      'schema_missing',
      `The database has schema version ${version}; this program supports up to ${LATEST_VERSION}.`,
    )
  const wanted = version === LATEST_VERSION ? [...TABLES, 'seals'] : TABLES
  const lacking = version === 0 ? [] : wanted.filter((table) => !present.has(table))
  if (lacking.length > 0) {
    const remedy = 'Run mcp-oauth-bridge migrate down and migrate up (this deletes every sign-in), or restore a backup.'
    return fail('schema_missing', `Table does not exist: ${lacking.join(', ')}.`, remedy)
  }
  const wide = [dataFolder, file, `${file}-wal`, `${file}-shm`].filter(isWide)
  if (wide.length > 0)
    return warn(
      `Other users have access to ${wide.join(', ')}.`,
      'Nothing: the next start restricts the permissions. Keep them that way (chmod 600, folders 700).',
      'permissions_unsafe',
    )
  const journal = String(database.get('PRAGMA journal_mode')?.journal_mode)
  const users = fileHolders([file]).map(nameOf)
  const open = users.length === 0 ? 'no other program has it open' : `also open in ${users.join(', ')}`
  const text = `${file}: schema version ${version}, ${journal.toUpperCase()}, ${database.driver}, private; ${open}.`
  return journal === 'wal' || version === 0 ? pass(text) : warn(text, 'Nothing: the next start turns on WAL.')
}

function isWide(path: string): boolean {
  if (process.platform === 'win32') return false
  const mode = lstatSync(path, { throwIfNoEntry: false })?.mode
  return mode !== undefined && (mode & 0o077) !== 0
}
