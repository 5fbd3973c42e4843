// Which server of the config file a command is about: by name, by URL, or the only one there is.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'
import { isLoopback } from '../secureUrl.ts'
import type { Flags, ServerConfig } from './config.ts'
import { nearest } from './file/nearest.ts'
import type { ServerEntry } from './file/schema.ts'
import { namesIn, type ReadConfig, requireSet } from './file/unset.ts'
import { CONFIG_NAME } from './paths.ts'
import { serverConfig } from './server.ts'

/** Without an entry: a URL that the file does not have. */
export type Selected = { readonly config: ServerConfig; readonly entry?: ServerEntry }

/** What `mcp_server_url` is called beside the names of `servers`. */
const PLAIN = 'mcp_server_url'

/** Every server that the file names, also those whose entries were set aside. */
export const serverNames = (file: ReadConfig): string[] => [
  ...namesIn(file, 'servers'),
  ...(file.mcp_server_url === undefined ? [] : [PLAIN]),
]

/** undefined: none is named, and there is not exactly one. @throws BridgeError usage, config_invalid */
export function selectServer(
  file: ReadConfig,
  flags: Flags,
  wanted: string | undefined,
  { alternatives, folder }: { readonly alternatives: readonly string[]; readonly folder: string },
): Selected | undefined {
  const named = Object.entries(file.servers ?? {})
  const names = serverNames(file)
  // A name may have a colon in it.
  if (wanted !== undefined && !names.includes(wanted) && isUrl(wanted)) {
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
    if (!known) throw unknownServer(wanted, names, alternatives, folder)
    return known
  }
  const [only, ...more] = names
  return only !== undefined && more.length === 0 ? chosen(file, flags, only) : undefined
}

/** `localhost:3000` and `mcp.example.com:443` could be schemes by RFC 3986, and are what somebody types who leaves out https://. */
const isUrl = (word: string) => URL.canParse(word) && /^(https?:|[^/:]+:\/\/)/i.test(word)

/** undefined: there is no such server. @throws BridgeError config_invalid if a variable of its entry is not set */
function chosen(file: ReadConfig, flags: Flags, name: string): Selected | undefined {
  requireSet(file.unset, 'servers', name)
  const entry = Object.entries(file.servers ?? {}).find(([known]) => known === name)?.[1]
  if (!entry && name === PLAIN && file.mcp_server_url !== undefined)
    return { config: serverConfig(file, flags, { url: file.mcp_server_url }) }
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
  const scheme = schemeHint(wanted)
  return new BridgeError('usage', {
    message,
    hint:
      known.length > 0
        ? `Known servers: ${known.join(', ')}.${scheme === undefined ? '' : ` ${scheme}`}`
        : (fileHint(folder) ?? scheme ?? 'Pass the server’s URL, such as https://mcp.example.com/mcp.'),
  })
}

/** Somebody who relies on the file in the working folder learns how to name it. */
const fileHint = (folder: string) =>
  existsSync(join(folder, CONFIG_NAME))
    ? 'The config.yaml in this folder is used only if you pass --config ./config.yaml'
    : undefined

/** A word like mcp.example.com/mcp or localhost:3000 is a URL without a scheme. */
function schemeHint(word: string): string | undefined {
  const [, host] = /^([\w-]+(?:\.[\w-]+)+|localhost)(?::\d+)?(?:\/\S*)?$/.exec(word) ?? []
  if (host === undefined) return undefined
  return `A URL begins with a scheme: ${isLoopback(host) ? 'http' : 'https'}://${word}`
}
