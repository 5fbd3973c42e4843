// The variables that `import` made of an entry of mcp-remote, under the names that config.yaml has for them: the entry that takes its place gets their values.
import { textIfReadable } from './changeFile.ts'
import type { JsonObject } from './format/jsonText.ts'
import { mcpRemoteServer, type NameVariable, OWN_NAME, ownName } from './mcpRemote.ts'
import { sameAddress } from './placement.ts'
import type { KnownConfig } from './remoteServers.ts'

/** `target` is a name of `known`, or a URL. */
export interface Replacement {
  readonly target: string
  readonly known: KnownConfig
  readonly home: string
}

/** An entry of mcp-remote has its secrets in its words, or in a file: it becomes one that has them as variables. Others stay as they are. */
export function withItsVariables(name: string, entry: JsonObject, replacement: Replacement): JsonObject {
  const environment = remoteEnvironment(name, entry, replacement, namesIn(replacement))
  return environment ? { ...entry, env: environment } : entry
}

/** The name and the entry of mcp-remote that starts the server of `url`, if there is one. */
export const remoteEntryOf = (url: string | undefined, servers: JsonObject): [string, JsonObject] | undefined =>
  Object.entries(servers).find(
    (one): one is [string, JsonObject] => url !== undefined && sameAddress(mcpRemoteServer(...one)?.url ?? '', url),
  )

/** Values of variables that `import` named, as the entries of one host have them. */
export function heldVariables(servers: JsonObject, replacement: Replacement): NodeJS.ProcessEnv {
  const { target, known } = replacement
  const entries = Object.entries(servers)
  const all = entries.flatMap(([name, entry]) => {
    const env = remoteEnvironment(name, entry, replacement, ownName) ?? (entry as { env?: unknown } | null)?.env
    return typeof env === 'object' && env !== null ? Object.entries(env) : []
  })
  const url = known.servers[target]?.url
  const [name, entry] =
    entries.find(([one]) => one === target) ??
    entries.find(([one, that]) => one === target.replace(/-\d+$/, '') && isOf(url, one, that)) ??
    entries.find(([one, that]) => isOf(url, one, that)) ??
    []
  const its = name === undefined ? undefined : remoteEnvironment(name, entry, replacement, namesIn(replacement))
  return Object.fromEntries(
    [...all, ...Object.entries(its ?? {})].filter(([one, value]) => OWN_NAME.test(one) && typeof value === 'string'),
  )
}

/** Whether the entry of mcp-remote has that URL; one that is a variable may be any. */
const isOf = (url: unknown, name: string, entry: unknown): boolean => {
  const found = mcpRemoteServer(name, entry)?.url
  return found !== undefined && typeof url === 'string' && (url.startsWith('${') || sameAddress(url, found))
}

const remoteEnvironment = (name: string, entry: unknown, { home }: Replacement, nameVariable: NameVariable) =>
  mcpRemoteServer(name, entry, { readFile: textIfReadable, nameVariable, home })?.environment?.()

/** A name may have got a number where it was taken, and be made of the name that another host has for the server. */
function namesIn({ target, known }: Replacement): NameVariable {
  const server = known.servers[target]
  const provider = typeof server?.provider === 'string' ? known.providers[server.provider] : undefined
  const texts: JsonObject = {
    ...(provider?.authorize_params as JsonObject | undefined),
    ...(server?.headers as JsonObject | undefined),
    URL: server?.url,
    CLIENT_ID: provider?.client_id,
    CLIENT_SECRET: provider?.client_secret,
  }
  return (name, what) => {
    const [, known = ''] = /^\$\{(\w+)\}$/.exec(String(Object.hasOwn(texts, what) ? texts[what] : '')) ?? []
    return OWN_NAME.test(known) ? known : ownName(name, what)
  }
}
