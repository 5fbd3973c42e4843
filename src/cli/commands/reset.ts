// The reset command: deletes every sign-in, the sealing key and the logs; asks twice, and never while a bridge runs.
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { App } from '../../compose/app.ts'
import type { Storage } from '../../compose/storage.ts'
import type { Config } from '../../config/config.ts'
import { CACHE_PREFIX } from '../../config/file/cache.ts'
import { defaultPaths } from '../../config/paths.ts'
import { whileInUse } from '../../disk/replaceFile.ts'
import { whyRefused } from '../../disk/whyRefused.ts'
import { asBridgeError, BridgeError } from '../../errors.ts'
import { keychainItems } from '../../store/sealing/sealingKey.ts'
import { createSqlDatabase } from '../../store/sqlite/sqlDatabase.ts'
import { pinnedFolder } from '../../system/files/pinnedCopy.ts'
import { keyPinFile } from '../../system/keychain/keyPin.ts'
import { fileHolders } from '../../system/process/fileUsers.ts'
import type { ProcessIO } from '../process.ts'
import { askTwice } from '../terminal/askTwice.ts'
import type { CommandLine } from '../words/args.ts'
import { refuseProfile } from '../words/everyProfile.ts'
import { hostsOf } from './hosts/unusedCopies.ts'

export async function reset(
  { config, storage }: Pick<App, 'config' | 'storage'>,
  line: CommandLine,
  io: ProcessIO,
): Promise<number> {
  const { stderr } = io
  refuseProfile(line, 'reset')
  if (config.postgres) {
    const { resetPostgres } = await import('./gateway/resetPostgres.ts')
    return resetPostgres(await storage.openPostgres(), config.postgres.shown, line, io)
  }
  const pin = keyPinFile(defaultPaths(io.environment).state, config.database)
  const copies = pinnedFolder(config.dataFolder)
  const files = [...filesOf(config), ...(existsSync(pin) ? [pin] : [])]
  const all = copies === undefined ? files : [...files, copies]
  if (all.length === 0) {
    stderr.write('There is nothing to remove.\n')
    return 0
  }
  refuseWhileInUse(config)
  if (!line.has('yes'))
    await askTwice(`This deletes every sign-in, the sealing key and the logs:\n  ${all.join('\n  ')}\n`, io)
  refuseWhileInUse(config)
  // Read first, deleted last: while the database exists, its key must too.
  const items = await itemsOf(config, storage)
  const users = copies === undefined ? [] : hostsOf(copies, io.environment)
  for (const file of files) remove(file, io)
  await removeKeychainItems(storage, items, io)
  // Last: this process may run from it.
  if (copies !== undefined) remove(copies, io)
  for (const { title } of users) stderr.write(`note: ${title} starts that copy. Run install for it again.\n`)
  stderr.write('All sign-ins are deleted. The config files are unchanged.\n')
  return 0
}

/** @throws BridgeError database_locked: Windows cannot delete an open file */
function remove(file: string, { stderr }: Pick<ProcessIO, 'stderr'>): void {
  try {
    whileInUse(() => rmSync(file, { force: true, recursive: true }))
  } catch (cause) {
    throw new BridgeError('database_locked', {
      message: `${file} cannot be removed: ${whyRefused(cause)}.`,
      hint: 'Quit the hosts that run mcp-oauth-bridge, then run reset again.',
      cause,
    })
  }
  stderr.write(`Removed ${file}\n`)
}

/** The existing files: database, key file, logs and cached configs. What else has such a name, a folder or a device, is not ours. */
function filesOf(config: Config): string[] {
  const { database, dataFolder, logFile } = config
  const beside = (file: string, pattern: RegExp) =>
    namesIn(dirname(file)).filter(
      (name) => name.startsWith(basename(file)) && pattern.test(name.slice(basename(file).length)),
    )
  const ours = new RegExp(`^(sealing-key-[\\da-f]+\\.key|${CACHE_PREFIX}[\\da-f]+\\.json)`)
  const named = [
    ...beside(database, /^(-wal|-shm|\.corrupt-.*)?$/).map((name) => join(dirname(database), name)),
    ...namesIn(dataFolder)
      .filter((name) => ours.test(name))
      .map((name) => join(dataFolder, name)),
    ...beside(logFile, /^(\.\d{4}-\d\d-\d\dT.*)?$/).map((name) => join(dirname(logFile), name)),
  ]
  return named.filter((file) => lstatSync(file, { throwIfNoEntry: false })?.isFile())
}

/** @throws BridgeError database_unreachable */
function namesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  try {
    return readdirSync(folder).sort()
  } catch (cause) {
    throw new BridgeError('database_unreachable', {
      message: `The folder ${folder} cannot be read: ${whyRefused(cause)}.`,
      hint: 'Nothing was deleted. Correct its permissions, or database_url and log_file.',
      cause,
    })
  }
}

/** A bridge that continues with a deleted database would refresh and lose tokens. @throws BridgeError database_locked */
function refuseWhileInUse({ database }: Config): void {
  const holders = fileHolders(['', '-wal', '-shm'].map((end) => database + end))
  if (holders.length === 0) return
  throw new BridgeError('database_locked', {
    message: `The database is in use by ${holders.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ')}.`,
    hint: 'Quit the hosts that run mcp-oauth-bridge, then run reset again.',
  })
}

/** @throws BridgeError keychain_unavailable after the last one */
async function removeKeychainItems(
  storage: Storage,
  items: readonly string[],
  { stderr }: Pick<ProcessIO, 'stderr'>,
): Promise<void> {
  let failure: BridgeError | undefined
  for (const item of items) {
    try {
      await storage.keyStores().keychain.delete(item)
      stderr.write(`Removed the keychain item ${item}\n`)
    } catch (thrown) {
      failure = new BridgeError('keychain_unavailable', {
        message: `The keychain item ${item} of mcp-oauth-bridge could not be removed: ${asBridgeError(thrown).message}`,
        hint: 'Remove it in your keychain program. It no longer decrypts anything.',
        cause: thrown,
      })
    }
  }
  if (failure) throw failure
}

/** The database names the items. */
async function itemsOf(config: Config, storage: Storage): Promise<string[]> {
  if (!existsSync(config.database)) return []
  try {
    const database = createSqlDatabase(storage.openRaw())
    try {
      return await keychainItems(database)
    } finally {
      await database.close()
    }
  } catch {
    // A damaged database, or one without tables, has no items.
    return []
  }
}
