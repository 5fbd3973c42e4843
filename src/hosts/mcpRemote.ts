// Reads a host's entry that starts mcp-remote: the server, its headers and its OAuth settings, with secrets turned into variables.
import { present } from '../present.ts'
import { isSecretHeader, isSecretUrl } from '../redaction/names.ts'
import type { JsonObject } from './format/jsonText.ts'
import { remoteClient } from './remoteClient.ts'
import { remoteCommand } from './remoteCommand.ts'
import { adviceOn, isNeedless, type Option, protocolOf, splitOptions, transportOf, valuesOf } from './remoteOptions.ts'

export interface RemoteServer {
  readonly name: string
  /** As the entry has it. */
  readonly url: string
  /** The entry for `servers` of config.yaml, without a secret. */
  readonly server: JsonObject
  /** The entry for `providers`, if there are OAuth settings. */
  readonly provider?: JsonObject
  /** Environment variables made for what stands in the entry. */
  readonly variables: readonly string[]
  /** Environment variables that the entry's texts name themselves. */
  readonly references: readonly string[]
  /** Options without an equivalent. */
  readonly leftOut: readonly string[]
  /** What to write instead of an option, a sentence each. */
  readonly advice?: readonly string[]
  /** Variables of the entry, which the new one keeps, and what those made here hold. A function, so that no text gets them by mistake. */
  readonly environment?: () => Readonly<Record<string, string>>
}

/** A name for a variable, made of that of the server and what it holds. */
export type NameVariable = (server: string, what: string) => string

/** Ours by its beginning: what a shell has set for other programs is never meant, and foreign programs do not get it. */
export const ownName: NameVariable = (server, what) =>
  `MCP_OAUTH_BRIDGE_VALUE_${server}_${what}`.toUpperCase().replace(/\W+/g, '_')

/** Names that {@link ownName} gives. */
export const OWN_NAME = /^MCP_OAUTH_BRIDGE_VALUE_/

export interface ReadOptions {
  /** Gives a name that nothing else has. */
  readonly nameVariable?: NameVariable
  /** The text of a file that the entry names; undefined: it cannot be read. */
  readonly readFile?: (path: string) => string | undefined
  /** The home folder, which the words of an entry may name. */
  readonly home?: string
}

/** undefined: the entry starts something else, or it is not clear what. */
export function mcpRemoteServer(name: string, entry: unknown, given: ReadOptions = {}): RemoteServer | undefined {
  const { nameVariable = ownName, readFile = () => undefined, home } = given
  const command = remoteCommand(entry)
  if (command === undefined || command === 'unclear') return undefined
  const { positionals, options } = splitOptions(command.words)
  const own = { ...textsOf((entry as { env?: unknown }).env), ...command.assigned }
  const filled = (value: string) =>
    value.replace(/\$\{([^}]+)\}/g, (all, one) => (Object.hasOwn(own, one) ? (own[one] ?? all) : all))
  const url = positionals.map(filled).find((word) => URL.canParse(word) && /^https?:/.test(word))
  if (url === undefined) return undefined

  const made: Record<string, string> = {}
  const named: string[] = []
  const variable = (what: string, value: string) => {
    const known = nameVariable(name, what)
    made[known] = value
    return `\${${known}}`
  }
  // mcp-remote replaces `${NAME}` only in headers and in what it is told of a client; elsewhere the text is literal, but config.yaml would replace it.
  const literally = (isSecret: boolean, value: string, what: string) =>
    isSecret || ANY_REFERENCE.test(value) ? variable(what, value) : value
  const filledIn = (isSecret: boolean, value: string, what: string) => {
    // What the entry sets for itself is not in our environment; a variable of that name there is something else. A host fills in more
    // than we do, such as `${input:key}`, and does so in `env` too.
    if (isSecret || OF_HOSTS.test(value) || filled(value) !== value) return variable(what, filled(value))
    named.push(...references(value))
    return value
  }
  const whole = (path: string) => wholePath(path, home)
  const files = headerFiles(options, whole, readFile)
  const headers = [...files.lines, ...valuesOf(options, '--header')].flatMap((header) => {
    const [, key = '', value = ''] = HEADER.exec(header) ?? []
    return key === '' ? [] : [[key, filledIn(isSecretHeader(key, value), value, key)] as const]
  })
  const isMalformed = valuesOf(options, '--header').some((header) => !HEADER.test(header))
  const client = remoteClient(positionals, options, {
    literally,
    filledIn,
    readFile: (path) => readFile(whole(path)),
  })
  const has = (option: string) => options.some(([one]) => one === option)
  const hidden = valuesOf(options, '--ignore-tool').filter((pattern) => pattern !== '')
  const protocol = protocolOf(valuesOf(options, '--protocol').at(-1))
  const server = {
    url: isSecretUrl(url) ? variable('URL', url) : url.replaceAll('${', '$%7B'),
    ...present({
      headers: headers.length === 0 ? undefined : Object.fromEntries(headers),
      headers_file: files.path,
      transport: transportOf(valuesOf(options, '--transport').at(-1)),
      protocol,
      allow_http: has('--allow-http') || undefined,
      hide_tools: hidden.length === 0 ? undefined : hidden,
      callback_url: client.callbackUrl,
      client_metadata_url: valuesOf(options, '--client-metadata-url').at(-1)?.trim(),
      provider: client.provider && name,
    }),
  }
  const others = options.filter(
    (option) => !(CARRIED.includes(option[0]) || isNeedless(option[0]) || (option[0] === '--protocol' && protocol)),
  )
  const advice = [
    ...(isMalformed ? ['--header: one is not of the form "Name: value"; mcp-remote does not send it either'] : []),
    ...files.advice,
    ...client.advice,
    ...others.flatMap((option) => adviceOn(option) ?? []),
  ]
  const leftOut = others.filter((option) => adviceOn(option) === undefined).map(([option]) => option)
  const environment = { ...own, ...made }
  return {
    name,
    url,
    server,
    variables: Object.keys(made),
    references: [...new Set(named)],
    leftOut: [...new Set(leftOut)],
    ...present({
      provider: client.provider,
      advice: advice.length === 0 ? undefined : advice,
      environment: Object.keys(environment).length === 0 ? undefined : () => environment,
    }),
  }
}

/** As mcp-remote reads it. */
const HEADER = /^([A-Za-z0-9_-]+):\s*(.*)$/s

/** Options that are carried over, say nothing without those that are, or have words of their own. */
const CARRIED = [
  '--header',
  '--header-file',
  '--transport',
  '--allow-http',
  '--resource',
  '--disable-resource-parameter',
  '--authorize-param',
  '--client-credentials',
  '--client-metadata-url',
  '--ignore-tool',
  '--use-id-token',
  '--token-endpoint',
  '--static-oauth-client-info',
  '--static-oauth-client-metadata',
  '--host',
  '--callback-path',
]

interface HeaderFiles {
  /** One file that the bridge reads as mcp-remote does. */
  readonly path?: string
  /** Headers of files that it would read in another way. */
  readonly lines: readonly string[]
  readonly advice: readonly string[]
}

function headerFiles(
  options: readonly Option[],
  whole: (path: string) => string,
  readFile: (path: string) => string | undefined,
): HeaderFiles {
  const paths = valuesOf(options, '--header-file').map(whole)
  const [only = ''] = paths
  const text = paths.length === 1 && isWhole(only) ? readFile(only) : undefined
  const isPlain = (line: string) => line === '' || line.startsWith('#') || (HEADER.test(line) && !line.includes('${'))
  if (paths.length === 1 && isWhole(only) && (text === undefined || linesOf(text).every(isPlain)))
    return { path: only, lines: [], advice: [] }
  const read = paths.map((path) => ({ path, text: isWhole(path) ? readFile(path) : undefined }))
  const missing = read.filter((file) => file.text === undefined)
  return {
    lines: read.flatMap((file) => linesOf(file.text ?? '').filter((line) => !line.startsWith('#'))),
    advice: missing.map(
      ({ path }) => `--header-file ${path}: it was not read; set headers_file to one file, with its whole path`,
    ),
  }
}

const linesOf = (text: string) => text.split(/\r?\n/).map((line) => line.trim())

const isWhole = (path: string) => /^([a-z]:[\\/]|[\\/])/i.test(path) && !ANY_REFERENCE.test(path)

/** A shell or a host writes the home folder in one of these ways. */
const wholePath = (path: string, home: string | undefined) =>
  home === undefined ? path : path.replace(/^(~|\$\{(HOME|USERPROFILE|env:HOME|userHome)\})(?=[\\/])/, () => home)

const textsOf = (env: unknown): Record<string, string> =>
  typeof env === 'object' && env !== null && !Array.isArray(env)
    ? Object.fromEntries(
        Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
      )
    : {}

const ANY_REFERENCE = /\$\{[^}]*\}/
/** What a host replaces and config.yaml does not: `${input:key}`, `${env:NAME}`, `${NAME:-value}`. */
const OF_HOSTS = /\$\{(?!\w+\})[^}]*\}/
const references = (value: string) => [...value.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name ?? '')
