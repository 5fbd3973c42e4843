// Reads a host's entry that starts mcp-remote: the server and its headers, with secrets turned into variables.

import { present } from '../present.ts'
import { isSecretHeader, isSecretUrl } from '../redaction/names.ts'
import type { JsonObject } from './jsonText.ts'

export interface RemoteServer {
  readonly name: string
  /** As the entry has it. */
  readonly url: string
  /** The entry for `servers` of config.yaml, without a secret. */
  readonly server: JsonObject
  /** The entry for `providers`, if the client was registered manually. */
  readonly provider?: JsonObject
  /** Environment variables made for what stands in the entry. */
  readonly variables: readonly string[]
  /** Environment variables that the entry's headers name themselves. */
  readonly references: readonly string[]
  /** Options without an equivalent in config.yaml. */
  readonly leftOut: readonly string[]
}

/** A name for a variable, made of that of the server and what it holds. */
export type NameVariable = (server: string, what: string) => string

/** Ours by its beginning: what a shell has set for other programs is never meant, and foreign programs do not get it. */
export const ownName: NameVariable = (server, what) =>
  `MCP_OAUTH_BRIDGE_VALUE_${server}_${what}`.toUpperCase().replace(/\W+/g, '_')

/** undefined: the entry starts something else. `nameVariable` gives a name that nothing else has. */
export function mcpRemoteServer(
  name: string,
  entry: unknown,
  nameVariable: NameVariable = ownName,
): RemoteServer | undefined {
  const { command, args, env } = (entry ?? {}) as { command?: unknown; args?: unknown; env?: unknown }
  const words = [command, ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string')
  const at = words.findIndex((word) => /(^|[\\/])mcp-remote(@[^\\/]*|\.cmd)?$|[\\/]mcp-remote[\\/]dist[\\/]/.test(word))
  if (at === -1) return undefined
  const { positionals, options } = split(words.slice(at + 1))
  const url = positionals.find((word) => URL.canParse(word))
  if (url === undefined) return undefined

  const variables: string[] = []
  const named: string[] = []
  const variable = (what: string) => {
    const made = nameVariable(name, what)
    variables.push(made)
    return `\${${made}}`
  }
  // mcp-remote replaces `${NAME}` only in headers; elsewhere the text is literal, but config.yaml would replace it.
  const literally = (isSecret: boolean, value: string, what: string) =>
    isSecret || REFERENCE.test(value) ? variable(what) : value
  const given = new Set(typeof env === 'object' && env !== null ? Object.keys(env) : [])
  const headers = values(options, '--header').flatMap((header) => {
    const [, key = '', value = ''] = /^([^:]+):\s*(.*)$/s.exec(header) ?? []
    if (key === '') return []
    // What the entry sets for itself is not in our environment; a variable of that name there is something else.
    const own = references(value).some((one) => given.has(one))
    const safe = own || isSecretHeader(key, value) ? variable(key.trim()) : value
    if (safe === value) named.push(...references(value))
    return [[key.trim(), safe] as const]
  })
  const file = values(options, '--header-file').find((path) => !REFERENCE.test(path))
  const client = clientOf(values(options, '--static-oauth-client-info').at(-1))
  const server = {
    url: isSecretUrl(url) ? variable('URL') : url.replaceAll('${', '$%7B'),
    ...present({
      headers: headers.length === 0 ? undefined : Object.fromEntries(headers),
      headers_file: file,
      provider: client && name,
    }),
  }
  const provider = client && {
    client_id: literally(false, client.id, 'CLIENT_ID'),
    ...present({
      client_secret:
        client.secret === undefined
          ? undefined
          : literally(isSecretHeader('secret', client.secret), client.secret, 'CLIENT_SECRET'),
    }),
  }
  const taken = [
    '--header',
    ...(file === undefined ? [] : ['--header-file']),
    ...(client === undefined ? [] : ['--static-oauth-client-info']),
  ]
  const leftOut = options.filter(([option]) => !taken.includes(option)).map(([option]) => option)
  return {
    name,
    url,
    server,
    variables,
    references: [...new Set(named)],
    leftOut: [...new Set(leftOut)],
    ...present({ provider }),
  }
}

const REFERENCE = /\$\{\w+\}/
const references = (value: string) => [...value.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name ?? '')

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
    return present({ id, secret: typeof secret === 'string' ? secret : undefined })
  } catch {
    return undefined
  }
}
