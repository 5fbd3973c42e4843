// Checks the database without changing it: private, not locked, with room on its disk, with all its tables, in WAL mode.
import { existsSync, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import { BridgeError } from '../../errors.ts'
import { LATEST_VERSION } from '../../store/migrations/migrations.ts'
import { lacking, missingTables } from '../../store/migrations/tables.ts'
import type { Database } from '../../store/sqlite/database.ts'
import { checkDriver } from '../../store/sqlite/driver.ts'
import { journalMode, tableNames } from '../../store/sqlite/inspect.ts'
import { demandAdditive, schemaVersion } from '../../store/sqlite/migrate.ts'
import { whyNoRoom } from '../../system/files/diskRoom.ts'
import { networkDrive } from '../../system/files/networkDrive.ts'
import { whyNoFile, whyShared, whyUnusable } from '../../system/files/private.ts'
import { type FileHolder, fileHolders, tellsFileHolders } from '../../system/process/fileUsers.ts'
import type { Check, PostgresLook } from '../report/context.ts'
import { fail, failed, type Outcome, pass, warn } from '../report/finding.ts'

export const database: Check = {
  name: 'database',
  about: 'machine',
  async run({ config, look, lookAtPostgres }, findings) {
    if (config.postgres) return postgresOutcome(config, lookAtPostgres)
    const { database: file, dataFolder } = config
    const unusable = [dataFolder, dirname(file)].map(whyUnusable).find((found) => found !== undefined)
    if (unusable) return failed(unusable)
    const shared = whyShared(dataFolder)
    const unsafe = ownership(dataFolder) ?? (shared && failed(shared)) ?? unsafeFile(file)
    if (unsafe) return unsafe
    const noRoom = whyNoRoom(dirname(file))
    if (noRoom) return failed(noRoom)
    if (!existsSync(file)) {
      const noDriver = withoutDriver()
      if (noDriver) return noDriver
      if (!existsSync(dirname(file))) return pass(`${file} will be created at the first sign-in.`)
      return pass(`${file} does not exist yet; the first sign-in creates it.`)
    }
    try {
      findings.look = await look()
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      return thrown.code === 'database_locked' ? locked(file) : failed(thrown)
    }
    return judge(findings.look.connection, file, dataFolder)
  },
}

/** Whether PostgreSQL answers, with the schema of this program. */
export async function postgresOutcome(
  { postgres }: Pick<Config, 'postgres'>,
  open: () => Promise<PostgresLook>,
): Promise<Outcome> {
  const found = await open()
  try {
    const version = await found.version()
    const place = `${postgres?.shown}: schema version ${version}`
    await found.demandKnown()
    if (version >= found.latest) return pass(`${place}, PostgreSQL.`)
    return pass(`${place}, PostgreSQL; serve or migrate up brings it to ${found.latest}.`)
  } catch (thrown) {
    if (thrown instanceof BridgeError && thrown.code === 'schema_missing') return failed(thrown)
    throw thrown
  } finally {
    await found.close()
  }
}

/** Told before the first sign-in too, which would fail. */
function withoutDriver(): Outcome | undefined {
  try {
    checkDriver()
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof BridgeError)) throw thrown
    return failed(thrown)
  }
}

/** A link, the file of somebody else, or no file: a bridge refuses to start. */
export function unsafeFile(file: string): Outcome | undefined {
  const noFile = ownership(file) ?? whyNoFile(file)
  return noFile instanceof BridgeError ? failed(noFile) : noFile
}

function ownership(path: string): Outcome | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isSymbolicLink()) return fail('permissions_unsafe', `${path} is a symbolic link.`)
  if (process.platform === 'win32' || !stat || stat.uid === process.getuid?.()) return undefined
  return fail('permissions_unsafe', `Permission denied: ${path} belongs to another user.`)
}

export function locked(file: string): Outcome {
  const holders = fileHolders([file, `${file}-wal`, `${file}-shm`])
  const who = holders.filter(({ locks }) => locks === 'write')
  const named = (who.length > 0 ? who : holders).map(nameOf).join(', ')
  const detail = `SQLite "database locked": ${file} is locked${named === '' ? '' : ` by ${named}`}.`
  const remedy = `End the open transaction${named === '' ? '' : ` of ${named}`}, or close that program. Keep oauth.db-wal: it holds data.`
  return fail('database_locked', detail, remedy)
}

const nameOf = ({ name, pid }: FileHolder) => `${name} (pid ${pid})`

/** undefined: all tables are there, and a newer program has changed nothing that this one could not overlook. */
export function wrongSchema(database: Database): Outcome | undefined {
  const version = schemaVersion(database)
  const present = tableNames(database)
  const unknown = version > LATEST_VERSION ? whyUnknown(database, version) : undefined
  if (unknown) return failed(unknown)
  const missing = missingTables(present, Math.min(version, LATEST_VERSION), 'sqlite')
  if (missing.length === 0) return undefined
  return fail('schema_missing', `Table does not exist: ${missing.join(', ')}.`, lacking(missing, 'sqlite').hint)
}

function whyUnknown(database: Database, version: number): BridgeError | undefined {
  try {
    demandAdditive(database, version)
    return undefined
  } catch (thrown) {
    if (thrown instanceof BridgeError && thrown.code === 'schema_missing') return thrown
    throw thrown
  }
}

function judge(database: Database, file: string, dataFolder: string): Outcome {
  const wrong = wrongSchema(database)
  if (wrong) return wrong
  const version = schemaVersion(database)
  const wide = [dataFolder, file, `${file}-wal`, `${file}-shm`].filter(isWide)
  if (wide.length > 0)
    return warn(
      `Other users have access to ${wide.join(', ')}.`,
      'Nothing to do: the next start restricts the permissions. Keep them that way (chmod 600, folders 700).',
      'permissions_unsafe',
    )
  const journal = journalMode(database)
  const seen = whatWasSeen(process.platform, fileHolders([file]))
  const text = `${file}: schema version ${version}, ${journal.toUpperCase()}, ${[database.driver, ...seen].join(', ')}.`
  const drive = networkDrive(dirname(file))
  if (drive !== undefined)
    return warn(
      `${text} It is on a network drive (${drive}): using it from two machines or systems at once can corrupt it.`,
      'Set database_url or MCP_OAUTH_BRIDGE_HOME to a folder on a drive of this machine.',
    )
  return journal === 'wal' || version === 0 ? pass(text) : warn(text, 'Nothing to do: the next start turns on WAL.')
}

/** Only what the system was asked: Windows has no mode bits, and only Linux tells who has a file open. */
export function whatWasSeen(platform: NodeJS.Platform, holders: readonly FileHolder[]): string[] {
  const users = holders.map(nameOf)
  const open = users.length === 0 ? 'no other program has it open' : `also open in ${users.join(', ')}`
  if (tellsFileHolders(platform)) return [`private; ${open}`]
  return platform === 'win32' ? [] : ['private']
}

function isWide(path: string): boolean {
  if (process.platform === 'win32') return false
  const mode = lstatSync(path, { throwIfNoEntry: false })?.mode
  return mode !== undefined && (mode & 0o077) !== 0
}
