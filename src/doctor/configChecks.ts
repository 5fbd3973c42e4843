// The single checks of check-config: credentials, database, callback port, and settings that are allowed but unwise.
import { accessSync, constants, copyFileSync, existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { isOtherScheme, UNTRUSTED } from '../auth/discovery/protectedResource.ts'
import type { Flags } from '../config/config.ts'
import type { ConfigFile, ProviderEntry } from '../config/file/schema.ts'
import { parseYaml } from '../config/file/yamlText.ts'
import { serverConfig } from '../config/server.ts'
import { asBridgeError, BridgeError } from '../errors.ts'
import { holdsSecret } from '../redaction/names.ts'
import { openUnmigrated } from '../store/sqlite/database.ts'
import { fileHolders } from '../system/process/fileUsers.ts'
import { judgePort } from './checks/callbackPort.ts'
import { locked, unsafeFile, wrongSchema } from './checks/database.ts'
import { type Finding, fail, failed, type Outcome, pass, warn } from './report/finding.ts'

/** Authorization servers without dynamic client registration, by the host of their issuer. */
const BY_HAND: Readonly<Record<string, string>> = {
  'accounts.google.com': 'Google',
  'login.microsoftonline.com': 'Microsoft',
  'github.com': 'GitHub',
}

/** Each server with its provider, each provider with its client. One line if everything is right. */
export function credentialChecks(file: ConfigFile, flags: Flags): Finding[] {
  const entries = [
    ...Object.entries(file.servers ?? {}).map(([name, entry]) => ({ name, ...entry })),
    ...(file.mcp_server_url === undefined ? [] : [{ name: undefined, url: file.mcp_server_url }]),
  ]
  const servers = entries.flatMap((entry): Finding[] => {
    try {
      serverConfig(file, flags, entry)
      return []
    } catch (thrown) {
      return [failure('credentials', thrown)]
    }
  })
  const providers = Object.entries(file.providers ?? {}).flatMap(([name, entry]) => ofProvider(name, entry))
  const wrong = [...servers, ...providers]
  if (wrong.some(({ status }) => status === 'fail')) return wrong
  return [{ name: 'credentials', ...pass('Provider credentials configured') }, ...wrong]
}

function ofProvider(name: string, entry: ProviderEntry): Finding[] {
  const proof = Object.entries(entry).some(([key, value]) => /^client_(secret|key)/.test(key) && value !== undefined)
  const wrong = (message: string) => [{ name: 'credentials', ...fail('config_invalid', message) }]
  if (proof && entry.client_id === undefined) return wrong(`providers.${name} has a secret but no client_id.`)
  if (entry.client_type === 'confidential' && !proof)
    return wrong(`providers.${name} is confidential but has no client_secret.`)
  const host = URL.canParse(entry.issuer ?? '') ? new URL(entry.issuer ?? '').host : `${name.toLowerCase()}.com`
  const vendor = BY_HAND[host] ?? Object.values(BY_HAND).find((known) => known.toLowerCase() === name.toLowerCase())
  if (vendor === undefined || entry.client_id !== undefined) return []
  const detail = `providers.${name} has no client_id, and ${vendor} does not support dynamic client registration`
  return [{ name: 'credentials', ...warn(detail, null) }]
}

/** Checks the database as a start would find it; if it does not exist yet, only its folder is needed. */
export async function databaseCheck(path: string): Promise<Finding> {
  try {
    if (!existsSync(path)) accessSync(nearestFolder(dirname(path)), constants.W_OK)
    const wrong = existsSync(path) ? (unsafeFile(path) ?? (await lookInto(path))) : undefined
    return { name: 'database', ...(wrong ?? pass('Database connection valid')) }
  } catch (thrown) {
    if (thrown instanceof BridgeError)
      return { name: 'database', ...(thrown.code === 'database_locked' ? locked(path) : failed(thrown)) }
    const message = existsSync(path)
      ? `The database ${path} cannot be opened for reading and writing.`
      : `The database ${path} cannot be created: its folder is not writable.`
    return { name: 'database', ...fail('database_unreachable', message) }
  }
}

/** Sign-ins take kilobytes; a larger file is not ours, and is not copied. */
const LARGEST = 256 * 1024 * 1024

/** A copy made while another process writes may be inconsistent: how often to repeat it, and the pause before, in ms. */
const COPIES = 8
const PAUSE_MS = 250

/** undefined: it is as it should be. Opening a database writes beside it, even to read: what is opened is a copy of our own. */
async function lookInto(named: string): Promise<Outcome | undefined> {
  const path = realpathSync(named)
  accessSync(path, constants.R_OK | constants.W_OK)
  if (!statSync(path).isFile() || statSync(path).size > LARGEST)
    throw new BridgeError('database_unreachable', {
      message: `${named} is not a regular file, or its size is not that of a database of mcp-oauth-bridge.`,
    })
  for (let left = COPIES; ; left--) {
    try {
      if (isHeld(path)) throw new BridgeError('database_locked')
      return openCopy(path)
    } catch (thrown) {
      if (left === 1) throw thrown
      // A file that is not a database is not retried.
      if (!inUse(path)) throw thrown
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}

const filesOf = (path: string) => ['', '-wal', '-shm'].map((end) => path + end).filter((file) => existsSync(file))
/** Reported only on Linux. */
const inUse = (path: string) => fileHolders(filesOf(path)).length > 0
const isHeld = (path: string) => fileHolders(filesOf(path)).some(({ locks }) => locks === 'write')

function openCopy(path: string): Outcome | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-check-'))
  try {
    const copy = join(folder, 'copy.db')
    for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end)
    const database = openUnmigrated(copy)
    try {
      return database.transaction(() => wrongSchema(database))
    } finally {
      database.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

const nearestFolder = (folder: string): string => (existsSync(folder) ? folder : nearestFolder(dirname(folder)))

/** One address that is free is enough; where none is, each is a warning. */
export async function portCheck(callbackUrls: readonly string[]): Promise<Finding[]> {
  const taken: Finding[] = []
  for (const url of callbackUrls) {
    const outcome = await judgePort(url)
    if (outcome.status === 'pass') return []
    taken.push({ name: 'callback_port', ...outcome, status: 'warn' })
  }
  return taken
}

/** Settings that work but are rarely intended; `more` are those of the gateway. */
export function warnings(file: ConfigFile, text: string, path: string, more: readonly string[]): Finding[] {
  const low = (key: 'session_timeout' | 'connect_timeout' | 'request_timeout', least: number, unit: string) =>
    (file[key] ?? least) < least && !(key === 'request_timeout' && file[key] === 0)
      ? [`${key} is low (< ${least}${unit})`]
      : []
  const open = process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0
  const details = [
    ...low('session_timeout', 300, 's'),
    ...low('connect_timeout', 1000, 'ms'),
    ...low('request_timeout', 10_000, 'ms'),
    ...(open && holdsSecret(parseYaml(text).toData())
      ? [`${path} contains a secret and other users can read it: chmod 600`]
      : []),
    ...Object.entries(file.servers ?? {}).flatMap(([name, { url, trusted_resource: trusted }]) =>
      url !== undefined && trusted !== undefined && !isOtherScheme(trusted, new URL(url))
        ? [`servers.${name}: ${UNTRUSTED}`]
        : [],
    ),
    ...more,
  ]
  return details.map((detail) => ({ name: 'settings', ...warn(detail, null) }))
}

/** What was thrown, as a finding of the check `name`. */
export const failure = (name: string, thrown: unknown): Finding => ({ name, ...failed(asBridgeError(thrown)) })
