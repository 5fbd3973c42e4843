// Reads a host's entry that starts mcp-remote: the server, its headers and its OAuth settings, with secrets turned into variables.
import { present } from '../present.ts'
import { isSecretHeader, isSecretUrl } from '../redaction/names.ts'
import type { JsonObject } from './format/jsonText.ts'
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
  /** Environment variables that the entry's headers name themselves. */
  readonly references: readonly string[]
  /** Options without an equivalent. */
  readonly leftOut: readonly string[]
  /** What to write instead of an option, a sentence each. */
  readonly advice?: readonly string[]
  /** Variables of the entry, which the new one keeps, and what those made here hold. A function, so that no text gets them by mistake. */
  readonly environment?: () => Readonly<Record<string, string>>
  /** The redirect URI of a client that was registered by hand. */
  readonly callbackUrl?: string
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
}

/** undefined: the entry starts something else, or it is not clear what. */
export function mcpRemoteServer(name: string, entry: unknown, given: ReadOptions = {}): RemoteServer | undefined {
  const { nameVariable = ownName, readFile = () => undefined } = given
  const command = remoteCommand(entry)
  if (command === undefined || command === 'unclear') return undefined
  const { positionals, options } = splitOptions(command.words)
  const url = positionals.find((word) => URL.canParse(word) && /^https?:/.test(word))
  if (url === undefined) return undefined

  const own = { ...textsOf((entry as { env?: unknown }).env), ...command.assigned }
  const made: Record<string, string> = {}
  const named: string[] = []
  const variable = (what: string, value: string) => {
    const known = nameVariable(name, what)
    made[known] = value
    return `\${${known}}`
  }
  // mcp-remote replaces `${NAME}` only in headers; elsewhere the text is literal, but config.yaml would replace it.
  const literally = (isSecret: boolean, value: string, what: string) =>
    isSecret || REFERENCE.test(value) ? variable(what, value) : value
  const filled = (value: string) => value.replace(/\$\{(\w+)\}/g, (all, one) => own[one] ?? all)
  const headers = valuesOf(options, '--header').flatMap((header) => {
    const [, key = '', value = ''] = /^([^:]+):\s*(.*)$/s.exec(header) ?? []
    if (key === '') return []
    // What the entry sets for itself is not in our environment; a variable of that name there is something else.
    const isOwn = references(value).some((one) => Object.hasOwn(own, one))
    const safe = isOwn || isSecretHeader(key, value) ? variable(key.trim(), filled(value)) : value
    if (safe === value) named.push(...references(value))
    return [[key.trim(), safe] as const]
  })
  const file = valuesOf(options, '--header-file').find((path) => !REFERENCE.test(path))
  const client = clientOf(valuesOf(options, '--static-oauth-client-info').at(-1), readFile)
  const provider = providerOf(options, client, { literally, readFile })
  const has = (option: string) => options.some(([one]) => one === option)
  const protocol = protocolOf(valuesOf(options, '--protocol').at(-1))
  const server = {
    url: isSecretUrl(url) ? variable('URL', url) : url.replaceAll('${', '$%7B'),
    ...present({
      headers: headers.length === 0 ? undefined : Object.fromEntries(headers),
      headers_file: file,
      transport: transportOf(valuesOf(options, '--transport').at(-1)),
      protocol,
      allow_http: has('--allow-http') || undefined,
      provider: provider && name,
    }),
  }
  const taken = [
    ...CARRIED,
    ...(file === undefined ? [] : ['--header-file']),
    ...(client ? ['--static-oauth-client-info'] : []),
    ...(protocol === undefined ? [] : ['--protocol']),
  ]
  const others = options.filter(([option]) => !taken.includes(option) && !isNeedless(option))
  const advice = others.flatMap((option) => adviceOn(option) ?? [])
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
      provider,
      advice: advice.length === 0 ? undefined : advice,
      environment: Object.keys(environment).length === 0 ? undefined : () => environment,
      callbackUrl: client && callbackOf(positionals, options),
    }),
  }
}

/** A client that somebody registered has a redirect URI of its own; one that is registered by itself has not. */
function callbackOf(positionals: readonly string[], options: readonly Option[]): string | undefined {
  const port = positionals.find((word) => /^\d+$/.test(word))
  if (port === undefined) return undefined
  const host = valuesOf(options, '--host').at(-1) ?? 'localhost'
  return `http://${host}:${port}${valuesOf(options, '--callback-path').at(-1) ?? '/oauth/callback'}`
}

/** Options that are carried over, or say nothing without those that are. */
const CARRIED = [
  '--header',
  '--transport',
  '--allow-http',
  '--resource',
  '--disable-resource-parameter',
  '--authorize-param',
  '--client-credentials',
  '--use-id-token',
  '--token-endpoint',
  '--static-oauth-client-metadata',
  '--host',
  '--callback-path',
]

interface ProviderTools {
  readonly literally: (isSecret: boolean, value: string, what: string) => string
  readonly readFile: (path: string) => string | undefined
}

/** undefined: there are no OAuth settings. */
function providerOf(
  options: readonly Option[],
  client: Client | undefined,
  { literally, readFile }: ProviderTools,
): JsonObject | undefined {
  const has = (option: string) => options.some(([one]) => one === option)
  const metadata = readJson(valuesOf(options, '--static-oauth-client-metadata').at(-1), readFile)
  const scope = typeof metadata?.scope === 'string' ? metadata.scope.split(/\s+/).filter((one) => one !== '') : []
  const parameters = valuesOf(options, '--authorize-param').flatMap((text) => {
    const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    return key === undefined ? [] : [[key, literally(isSecretHeader(key, value), value, key)] as const]
  })
  const found = present({
    client_id: client && literally(false, client.id, 'CLIENT_ID'),
    client_secret:
      client?.secret === undefined
        ? undefined
        : literally(isSecretHeader('secret', client.secret), client.secret, 'CLIENT_SECRET'),
    scopes: scope.length === 0 ? undefined : scope,
    resource: valuesOf(options, '--resource').at(-1) ?? (has('--disable-resource-parameter') ? 'none' : undefined),
    authorize_params: parameters.length === 0 ? undefined : Object.fromEntries(parameters),
    client_credentials: has('--client-credentials') || undefined,
    bearer: has('--use-id-token') ? 'id_token' : undefined,
    token_endpoint: valuesOf(options, '--token-endpoint').at(-1),
  })
  return Object.keys(found).length === 0 ? undefined : found
}

const textsOf = (env: unknown): Record<string, string> =>
  typeof env === 'object' && env !== null && !Array.isArray(env)
    ? Object.fromEntries(
        Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
      )
    : {}

const REFERENCE = /\$\{\w+\}/
const references = (value: string) => [...value.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name ?? '')

interface Client {
  readonly id: string
  readonly secret?: string
}

/** The client in `--static-oauth-client-info`. */
function clientOf(text: string | undefined, readFile: ProviderTools['readFile']): Client | undefined {
  const { client_id: id, client_secret: secret } = readJson(text, readFile) ?? {}
  if (typeof id !== 'string') return undefined
  return present({ id, secret: typeof secret === 'string' ? secret : undefined })
}

/** JSON as text, or in a file (`@path`). undefined: it is not there, or not an object. */
function readJson(text: string | undefined, readFile: ProviderTools['readFile']): JsonObject | undefined {
  const json = text?.startsWith('@') ? readFile(text.slice(1)) : text
  try {
    const value: unknown = JSON.parse(json ?? '')
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
