// Flags > environment > config.yaml > defaults → the Config of one run.
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { forTimer } from '../bounds.ts'
import { BridgeError } from '../errors.ts'
import { present } from '../present.ts'
import { sameKey } from '../records.ts'
import { quote } from '../redaction/text.ts'
import { isLoopback } from '../secureUrl.ts'
import { type Config, DEFAULT_CALLBACK_URL, type Flags } from './config.ts'
import { databaseOf } from './database.ts'
import { type CacheKey, cachedConfig } from './file/cache.ts'
import { LOG_LEVELS, LOGIN_MODES } from './file/choices.ts'
import { fillEnvironment } from './file/environment.ts'
import { readOwnFile } from './file/ownFile.ts'
import type { ConfigFile, ServerEntry } from './file/schema.ts'
import type { ReadConfig } from './file/unset.ts'
import { oneOf } from './oneOf.ts'
import { CONFIG_NAME, defaultPaths } from './paths.ts'
import { selectServer, serverNames } from './selectServer.ts'
import { exceptionsOf, protocolOf, withoutFragment } from './server.ts'

export interface LoadOptions {
  readonly flags: Flags
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  /** Where to look for the config file; omitted: never in the working folder. */
  readonly find?: FindConfigFile
  /** A URL or a name of config.yaml; undefined: the only server, if there is only one. */
  readonly server: string | undefined
  /** The program’s version, for the cache of the checked config; read only if there is a file. */
  readonly version: () => string
  /** Other words the person may have meant, for the error. */
  readonly alternatives: readonly string[]
  /** Who listens at the callback URL: omitted, this computer; the gateway may be anywhere, and have a certificate. `file`: as the file says. */
  readonly callback?: 'gateway' | 'file'
}

const MB = 1024 * 1024

/** @throws BridgeError config_not_found, config_untrusted, config_invalid, usage, insecure_url */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  return configFrom((await loadFile(options)).file, options)
}

/** The checked file, and where it is; undefined: there is none. @throws BridgeError config_not_found, config_untrusted, config_invalid */
export async function loadFile({
  flags,
  environment,
  folder,
  version,
  find = ownConfigFile,
}: LoadOptions): Promise<{ file: ReadConfig; path: string | undefined }> {
  const path = find(flags.config, environment, folder)
  if (path === undefined) return { file: {}, path }
  const key = { path, version: version(), folder: defaultPaths(environment).data }
  return { file: await readFile(key, environment), path }
}

/** The settings from a checked file, flags and environment. @throws BridgeError config_invalid, usage, insecure_url */
export function configFrom(
  file: ReadConfig,
  { flags: typed, environment, folder, server, alternatives, callback }: LoadOptions,
): Config {
  const paths = defaultPaths(environment)
  const flags = fillFlags(typed, environment)
  const selected = selectServer(file, flags, server, { alternatives, folder })
  const callbackUrls = [
    flags.callbackUrl ?? selected?.entry?.callback_url ?? file.callback_url ?? DEFAULT_CALLBACK_URL,
  ].flat()
  const stored = databaseOf(file, paths)
  const isOfGateway = (file.serve ?? stored.postgres) !== undefined || callbackUrls.some(isElsewhere)
  const isGateway = callback === 'gateway' || (callback === 'file' && isOfGateway)
  if (!isGateway) for (const url of callbackUrls) checkCallbackUrl(url)
  return {
    ...present({ server: selected?.config, browser: environment.BROWSER || file.browser, account: flags.account }),
    profile: flags.profile ?? selected?.entry?.profile ?? 'default',
    callbackUrls,
    ...(file.serve === undefined ? {} : { isGateway: true }),
    ...(file.serve?.key_command === undefined ? {} : { keyByCommand: true }),
    sessionTimeoutMs: forTimer((file.session_timeout ?? 300) * 1000),
    ...stored,
    dataFolder: paths.data,
    secretStore: file.secret_store ?? (environment.MCP_OAUTH_BRIDGE_KEY ? 'env' : 'auto'),
    connectTimeoutMs: forTimer(file.connect_timeout ?? 10_000),
    requestTimeoutMs: forTimer(file.request_timeout ?? 60_000),
    hostLimit: Math.round((file.limits?.host_message_mb ?? 64) * MB),
    serverLimit: Math.round((file.limits?.server_message_mb ?? 256) * MB),
    logLevel: oneOf('--log-level', flags.logLevel, LOG_LEVELS) ?? file.log_level ?? 'info',
    logFile: file.log_file === undefined ? join(paths.state, 'logs', 'proxy.log') : resolve(paths.state, file.log_file),
    forwardHeaders: file.header_forwarding?.forward_headers ?? ['Authorization', 'X-User-*'],
    blockedHeaders: file.header_forwarding?.blocked_headers ?? [],
    hideTools: [...(file.response_transform?.hide_tools ?? []), ...(selected?.entry?.hide_tools ?? [])],
    userHeaders: file.user_headers ?? { 'X-User-Id': 'sub', 'X-User-Email': 'email', 'X-User-Name': 'name' },
    loginMode: oneOf('--login', flags.login, LOGIN_MODES) ?? file.login?.mode ?? 'auto',
    holdInitializeMs: forTimer(file.login?.hold_initialize_ms ?? 600),
    holdCallMs: forTimer(file.login?.hold_call_ms ?? 45_000),
    openBrowser: flags.openBrowser,
    serverNames: serverNames(file),
    configured: configuredIn(file),
    exceptions: Object.values(file.servers ?? {})
      .map(exceptionsOf)
      .filter((found) => Object.keys(found).length > 1),
  }
}

function configuredIn(file: ReadConfig): Config['configured'] {
  const plain: ServerEntry[] = file.mcp_server_url === undefined ? [] : [{ url: file.mcp_server_url }]
  const entries = [...Object.values(file.servers ?? {}), ...Object.values(file.unset?.servers ?? {}), ...plain]
  const all = entries.flatMap((entry) => {
    const { url, profile = 'default' } = entry
    const protocol = 'variable' in entry ? 'auto' : protocolOf(entry)
    return url === undefined ? [] : [{ server: withoutFragment(url), profile, protocol }]
  })
  return all.filter((one, place) => all.findIndex(sameKey(one)) === place)
}

/** `${NAME}` in a flag's value comes from the environment, so that a host's config need not hold a secret. */
function fillFlags(flags: Flags, environment: NodeJS.ProcessEnv): Flags {
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill)
    return typeof value === 'string' ? fillEnvironment(value, environment) : value
  }
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [name, fill(value)])) as unknown as Flags
}

/** Only a gateway has such a one: it needs no `serve` of its own to start. */
function isElsewhere(url: string): boolean {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' }
  return protocol === 'https:' && !isLoopback(hostname)
}

/** The listener is on this computer and has no certificate (RFC 8252 section 7.3). @throws BridgeError usage */
function checkCallbackUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.href === url && parsed.protocol === 'http:' && isLoopback(parsed.hostname)) return
  throw new BridgeError('usage', {
    message: `The callback URL ${quote(url)} is not http on localhost, 127.0.0.1 or [::1], written in full.`,
    hint: 'Use http://localhost:8080/auth/callback, or change only the port or the path.',
  })
}

/** The yaml and zod packages load only when the file is new or has changed. */
async function readFile(key: CacheKey, environment: NodeJS.ProcessEnv): Promise<ReadConfig> {
  const own = readOwnFile(key.path)
  const file =
    cachedConfig(key, own, environment) ?? (await import('./file/read.ts')).parseAndRemember(key, own, environment)
  return besideConfig(file, dirname(key.path))
}

/** A relative `…_file` is relative to the config file, because the working folder of a host is not known. */
export function besideConfig(file: ReadConfig, folder: string): ReadConfig {
  const place = (tree: unknown, key: string): unknown => {
    if (typeof tree === 'string') return key.endsWith('_file') ? resolve(folder, tree) : tree
    if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return tree
    return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, place(value, name)]))
  }
  const { log_file, unset, ...rest } = file
  return { ...(place(rest, '') as ConfigFile), ...present({ log_file, unset }) }
}

/** Where a command looks for its config file: `named` is --config. One that was named need not exist. */
export type FindConfigFile = (
  named: string | undefined,
  environment: NodeJS.ProcessEnv,
  folder: string,
) => string | undefined

/** --config, CONFIG_PATH, else the config folder: the author of the working folder must not control the bridge. */
export const ownConfigFile: FindConfigFile = (named, environment, folder) => {
  const asked = named === undefined ? environment.CONFIG_PATH || undefined : fillEnvironment(named, environment)
  if (asked !== undefined) return resolve(folder, asked)
  const own = join(defaultPaths(environment).config, CONFIG_NAME)
  return existsSync(own) ? own : undefined
}

/** For commands about a project's file: one in the working folder overrides that of the config folder. */
export const projectConfigFile: FindConfigFile = (named, environment, folder) => {
  const here = join(folder, CONFIG_NAME)
  if (named !== undefined || environment.CONFIG_PATH || !existsSync(here))
    return ownConfigFile(named, environment, folder)
  return here
}

/** The file in the working folder that is there and is not `used`. */
export function passedOver(used: string | undefined, folder: string): string | undefined {
  const here = join(folder, CONFIG_NAME)
  if (!existsSync(here)) return undefined
  return used !== undefined && existsSync(used) && realpathSync(used) === realpathSync(here) ? undefined : here
}
