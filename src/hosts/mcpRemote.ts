// Reads a host's entry that starts mcp-remote: the server and its headers, with secrets turned into variables.
import { isSecretHeader, isSecretUrl } from '../secretLike.ts'
import type { JsonObject } from './jsonText.ts'

export interface RemoteServer {
  readonly name: string
  /** As the entry has it. */
  readonly url: string
  /** The entry for `servers` of config.yaml, without a secret. */
  readonly server: JsonObject
  /** The entry for `providers`, where the client was registered by hand. */
  readonly provider?: JsonObject
  /** Environment variables that the two refer to. */
  readonly variables: readonly string[]
  /** Options that have no place in config.yaml. */
  readonly leftOut: readonly string[]
}

/** undefined: the entry starts something else. */
export function mcpRemoteServer(name: string, entry: unknown): RemoteServer | undefined {
  const { command, args } = (entry ?? {}) as { command?: unknown; args?: unknown }
  const words = [command, ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string')
  const at = words.findIndex((word) => /(^|[\\/])mcp-remote(@[^\\/]*|\.cmd)?$|[\\/]mcp-remote[\\/]dist[\\/]/.test(word))
  if (at === -1) return undefined
  const { positionals, options } = split(words.slice(at + 1))
  const url = positionals.find((word) => URL.canParse(word))
  if (url === undefined) return undefined

  const variable = (what: string) =>
    `${name}_${what}`
      .toUpperCase()
      .replace(/\W+/g, '_')
      .replace(/^(?=\d)/, '_')
  const safely = (isSecret: boolean, value: string, what: string) => (isSecret ? `\${${variable(what)}}` : value)
  const headers = values(options, '--header').flatMap((header) => {
    const [, key = '', value = ''] = /^([^:]+):\s*(.*)$/s.exec(header) ?? []
    return key === '' ? [] : [[key.trim(), safely(isSecretHeader(key, value), value, key.trim())] as const]
  })
  const [file] = values(options, '--header-file')
  const client = clientOf(values(options, '--static-oauth-client-info').at(-1))
  const server = {
    url: safely(isSecretUrl(url), url, 'URL'),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...(file === undefined ? {} : { headers_file: file }),
    ...(client === undefined ? {} : { provider: name }),
  }
  const provider = client && {
    client_id: client.id,
    ...(client.secret === undefined
      ? {}
      : { client_secret: safely(isSecretHeader('secret', client.secret), client.secret, 'CLIENT_SECRET') }),
  }
  const taken = ['--header', '--header-file', ...(client === undefined ? [] : ['--static-oauth-client-info'])]
  const leftOut = options.filter(([option]) => !taken.includes(option)).map(([option]) => option)
  const variables = [...JSON.stringify([server, provider]).matchAll(/\$\{(\w+)\}/g)].map(([, found]) => found ?? '')
  return {
    ...{ name, url, server, variables: [...new Set(variables)], leftOut: [...new Set(leftOut)] },
    ...(provider === undefined ? {} : { provider }),
  }
}

type Option = readonly [name: string, value: string | undefined]

/** Which options take a value is mcp-remote's business: a word after an option that is neither one nor a URL belongs to it. */
function split(words: readonly string[]): { positionals: string[]; options: Option[] } {
  const positionals: string[] = []
  const options: Option[] = []
  for (let at = 0; at < words.length; at++) {
    const [word = '', next] = [words[at], words[at + 1]]
    if (!word.startsWith('-')) positionals.push(word)
    else if (next === undefined || next.startsWith('-') || isServer(word, next)) options.push([word, undefined])
    else {
      options.push([word, next])
      at++
    }
  }
  return { positionals, options }
}

const isServer = (option: string, next: string) => /^https?:/.test(next) && !/(resource|url|endpoint)$/.test(option)

const values = (options: readonly Option[], name: string) =>
  options.flatMap(([option, value]) => (option === name && value !== undefined ? [value] : []))

/** The client in `--static-oauth-client-info`; a file (`@path`) stays where it is. */
function clientOf(json: string | undefined): { id: string; secret?: string } | undefined {
  try {
    const { client_id: id, client_secret: secret } = JSON.parse(json ?? '') as Record<string, unknown>
    if (typeof id !== 'string') return undefined
    return { id, ...(typeof secret === 'string' ? { secret } : {}) }
  } catch {
    return undefined
  }
}
