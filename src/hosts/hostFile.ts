// A host's file in its own format: its servers as entries of the usual shape, and its text with one of them added, changed or removed.
import { isDeepStrictEqual } from 'node:util'
import { BridgeError } from '../errors.ts'
import { present } from '../present.ts'
import { readIfThere } from './changeFile.ts'
import { commentsOf, isTwice, type JsonObject, readJson, writeJson } from './format/jsonText.ts'
import { isOnlyChange } from './format/onlyChange.ts'
import { readToml, writeToml } from './format/tomlText.ts'
import { readYaml, writeYaml } from './format/yamlBlock.ts'
import type { Host } from './hosts.ts'

const READERS = { json: readJson, toml: readToml, yaml: readYaml } as const
const WRITERS = { json: writeCheckedJson, toml: writeToml, yaml: writeYaml } as const

/** What the host reads; empty if there is no file. @throws BridgeError host_config_invalid */
export function textOf({ path, seenAt }: Host): string {
  const own = readIfThere(path)
  return own === '' && seenAt !== undefined ? readIfThere(seenAt) : own
}

const wrong = ({ path }: Host, why: string, hint?: string) =>
  new BridgeError('host_config_invalid', { message: `${path}: ${why}.`, ...present({ hint }) })

/** The whole file. @throws BridgeError host_config_invalid */
export function dataOf(host: Host, text: string): JsonObject {
  const read = READERS[host.format](text)
  if ('fault' in read) throw wrong(host, read.fault)
  return read.value
}

/** Every entry with `command`, `args` and `env`, as most hosts name them. @throws BridgeError host_config_invalid */
export function serversOf(host: Host, text: string): JsonObject {
  const data = dataOf(host, text)
  if (host.format === 'json' && Object.hasOwn(data, host.key) && isTwice(text, [host.key]))
    throw wrong(host, `${host.key} is defined twice`)
  const servers = data[host.key] ?? {}
  if (typeof servers !== 'object' || Array.isArray(servers)) throw wrong(host, `${host.key} is not an object`)
  return usualEntries(host, servers as JsonObject)
}

/** Claude Code also keeps servers by project: those of each, by its folder. */
export function projectServers(host: Host, text: string): [folder: string, servers: JsonObject][] {
  const { projects } = dataOf(host, text)
  if (host.name !== 'claude-code' || !isMap(projects)) return []
  return Object.entries(projects).flatMap(([folder, project]) => {
    const servers = isMap(project) ? project[host.key] : undefined
    return isMap(servers) ? [[folder, usualEntries(host, servers)] as [string, JsonObject]] : []
  })
}

const isMap = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const usualEntries = (host: Host, servers: JsonObject): JsonObject =>
  // Not by assignment: an entry may be named __proto__.
  Object.fromEntries(Object.entries(servers).map(([name, entry]) => [name, usual(host, entry)]))

/** The text with `entry`, in the usual shape, as the server `name`; undefined removes it. @throws BridgeError host_config_invalid */
export function withServer(host: Host, text: string, name: string, entry: JsonObject | undefined): string {
  const value = entry && hostEntry(host, name, entry)
  if (host.format === 'json' && isTwice(text, [host.key, name]))
    throw wrong(host, `${host.key}.${name} is defined twice`, 'Remove one of them. Nothing was changed.')
  const after = WRITERS[host.format](text, host.key, name, value)
  if (after !== undefined) return after
  throw wrong(
    host,
    `${host.key} is written in a way that cannot be changed without touching other parts of the file`,
    'Change the entry by hand; install --print shows it. Nothing was changed.',
  )
}

/** undefined: something else would change. */
function writeCheckedJson(text: string, key: string, name: string, value: JsonObject | undefined): string | undefined {
  const path = [key, name] as const
  const after = writeJson(text, path, value)
  const isSame = isDeepStrictEqual(commentsOf(text, path), commentsOf(after, path))
  return isSame && isOnlyChange([readJson(text), readJson(after)], path, value) ? after : undefined
}

/** Alone, as a file that has nothing else. */
export const shownAlone = (host: Host, name: string, entry: JsonObject): string => withServer(host, '', name, entry)

function usual({ shape }: Host, entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry
  if (shape === 'opencode') {
    const { command, environment, ...rest } = entry as JsonObject
    if (!Array.isArray(command)) return entry
    const [program, ...args] = command
    return { ...rest, command: program, args, ...present({ env: environment }) }
  }
  if (shape === 'goose') {
    const { cmd, envs, ...rest } = entry as JsonObject
    return { ...rest, ...present({ command: cmd, env: envs }) }
  }
  return entry
}

function hostEntry({ shape }: Host, name: string, entry: JsonObject): JsonObject {
  const { command, args, env, ...rest } = entry
  if (shape === 'opencode')
    return { ...rest, command: [command, ...(args as unknown[])], ...present({ environment: env }) }
  // Goose starts only what is enabled; the limit of a call is its own default, which it wants to see.
  if (shape === 'goose') return { name, enabled: true, timeout: 300, ...rest, cmd: command, args, envs: env ?? {} }
  return entry
}
