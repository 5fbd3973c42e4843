// Which server of the config file a command is about: by name, by URL, or the only one there is.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'
import type { Flags, ServerConfig } from './config.ts'
import { nearest } from './file/nearest.ts'
import type { ServerEntry } from './file/schema.ts'
import { namesIn, type ReadConfig, requireSet } from './file/unset.ts'
import { CONFIG_NAME } from './paths.ts'
import { serverConfig } from './server.ts'

/** Without an entry: a URL that the file does not have. */
export type Selected = { readonly config: ServerConfig; readonly entry?: ServerEntry }

/** undefined: none is named, and there is not exactly one. @throws BridgeError usage, config_invalid */
export function selectServer(
  file: ReadConfig,
  flags: Flags,
  wanted: string | undefined,
  { alternatives, folder }: { readonly alternatives: readonly string[]; readonly folder: string },
): Selected | undefined {
  const named = Object.entries(file.servers ?? {})
  const names = namesIn(file, 'servers')
  const all = [...names, ...(file.mcp_server_url === undefined ? [] : ['mcp_server_url'])]
  if (wanted !== undefined && URL.canParse(wanted)) {
    const aside = Object.entries(file.unset?.servers ?? {})
    const known = entryOf(
      [...named, ...aside].filter(([, { url }]) => url !== undefined && sameUrl(url, wanted)),
      flags.profile,
    )
    if (known) return chosen(file, flags, known[0])
    const listed = file.mcp_server_url !== undefined && sameUrl(file.mcp_server_url, wanted)
    const plain = listed ? { url: wanted } : ({ url: wanted, from: 'elsewhere' } as const)
    return { config: serverConfig(file, flags, plain) }
  }
  if (wanted !== undefined) {
    const known = chosen(file, flags, wanted)
    if (!known) throw unknownServer(wanted, all, alternatives, folder)
    return known
  }
  const [only, ...more] = names
  if (file.mcp_server_url !== undefined && only === undefined)
    return { config: serverConfig(file, flags, { url: file.mcp_server_url }) }
  if (only !== undefined && more.length === 0 && file.mcp_server_url === undefined) return chosen(file, flags, only)
  return undefined
}

/** undefined: there is no such server. @throws BridgeError config_invalid if a variable of its entry is not set */
function chosen(file: ReadConfig, flags: Flags, name: string): Selected | undefined {
  requireSet(file.unset, 'servers', name)
  const entry = Object.entries(file.servers ?? {}).find(([known]) => known === name)?.[1]
  return entry && { config: serverConfig(file, flags, { name, ...entry }), entry }
}

const sameUrl = (one: string, other: string) => new URL(one).href === new URL(other).href

/** Two accounts at one server have the same URL: we must not guess which one is meant. @throws BridgeError usage */
function entryOf(same: readonly [string, { readonly profile?: string | undefined }][], profile: string | undefined) {
  if (same.length < 2) return same[0]
  const [fitting, ...more] = same.filter(([, entry]) => (entry.profile ?? 'default') === profile)
  if (fitting && more.length === 0) return fitting
  throw new BridgeError('usage', {
    message: `The config file has several servers with this URL: ${same.map(([name]) => name).join(', ')}.`,
    hint: `Use the name of the one you mean, such as ${same[0]?.[0]}.`,
  })
}

function unknownServer(
  wanted: string,
  known: readonly string[],
  alternatives: readonly string[],
  folder: string,
): BridgeError {
  const near = nearest(wanted, [...known, ...alternatives])
  const message = `${quote(wanted)} is neither a command, a URL nor a server of the config file${near === undefined ? '.' : `; did you mean ${quote(near)}?`}`
  return new BridgeError('usage', {
    message,
    hint: known.length > 0 ? `Known servers: ${known.join(', ')}.` : (fileHint(folder) ?? urlHint(wanted)),
  })
}

/** Somebody who relies on the file in the working folder learns how to name it. */
const fileHint = (folder: string) =>
  existsSync(join(folder, CONFIG_NAME))
    ? 'The config.yaml in this folder is used only if you pass --config ./config.yaml'
    : undefined

/** A word like mcp.example.com/mcp is a URL without a scheme. */
const urlHint = (word: string) =>
  /^[\w-]+(\.[\w-]+)+(:\d+)?(\/\S*)?$/.test(word)
    ? `A URL begins with a scheme: https://${word}`
    : 'Pass the server’s URL, such as https://mcp.example.com/mcp.'
