// config.yaml with more servers in it: those that it had keep their provider, although an entry without one uses the only one there is.
import { BridgeError } from '../errors.ts'
import { addToEntry, addToMap, parseYaml } from './file/yamlText.ts'
import { presetOf } from './providerPresets.ts'

type Tree = Readonly<Record<string, unknown>>

interface Added {
  readonly servers: Readonly<Record<string, Tree>>
  /** Those that the servers name. */
  readonly providers: Readonly<Record<string, Tree>>
}

/** @throws BridgeError config_invalid where a server that is there would change */
export function addServers(text: string, { servers, providers }: Added): string {
  const file = treeOf(parseYaml(text).toData())
  const known = treeOf(file.providers)
  const names = Object.keys(known)
  const brought = Object.keys(providers)
  if (file.serve !== undefined && brought.length > 0) throw gatewayFile(brought)
  const own = withoutProvider(treeOf(file.servers))
  const added = withoutProvider(servers)
  const relying = [...added, ...(brought.length === 0 ? [] : [...own, ...given(file.mcp_server_url)])]
  // For the gateway, an entry without a provider has all of them.
  const isAlone = file.serve === undefined && names.length + brought.length === 1 && relying.length > 0
  const plain = isAlone ? (names.find((name) => isPlain(name, known[name])) ?? freeName(known, providers)) : undefined
  const fresh = { ...(plain === undefined || names.includes(plain) ? {} : { [plain]: {} }), ...providers }
  const [only] = names.length === 1 && Object.keys(fresh).length > 0 ? names : []
  if (only !== undefined && file.mcp_server_url !== undefined) throw defaultServer(only)

  const kept = only === undefined ? text : own.reduce((from, name) => withProvider(from, name, only), text)
  const entries = Object.entries(servers).map(([name, entry]) => [name, { ...chosen(plain), ...entry }])
  const grown = addToMap(kept, 'servers', Object.fromEntries(entries))
  return Object.keys(fresh).length === 0 ? grown : addToMap(grown, 'providers', fresh)
}

/** A provider without settings, such as `default: {}`, for servers that need none beside one with settings. */
function freeName(...taken: readonly Tree[]): string {
  let name = 'default'
  for (let count = 2; taken.some((map) => Object.hasOwn(map, name)); count++) name = `default-${count}`
  return name
}

const chosen = (provider: string | undefined): Tree => (provider === undefined ? {} : { provider })
const given = (value: unknown) => (value === undefined ? [] : [value])
/** Without settings; the name of a preset is one. */
const isPlain = (name: string, provider: unknown) =>
  presetOf({ name }) === undefined && Object.keys(treeOf(provider)).length === 0
const withoutProvider = (servers: Tree): string[] =>
  Object.keys(servers).filter((name) => treeOf(servers[name]).provider === undefined)

const withProvider = (text: string, name: string, provider: string) => addToEntry(text, ['servers', name], { provider })

const treeOf = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {}

/** It has no word for its provider. */
const defaultServer = (only: string) =>
  new BridgeError('config_invalid', {
    message: `The server of mcp_server_url uses providers.${only} because it is the only provider. With these servers it would lose it.`,
    hint: `In config.yaml, write the server of mcp_server_url as an entry of servers with provider: ${only}. Then run the command again. Nothing was changed.`,
  })

/** People would sign in with each provider that has a client. */
const gatewayFile = (providers: readonly string[]) =>
  new BridgeError('config_invalid', {
    message: `The config file is one of a gateway (serve), for which the providers of these servers (${providers.join(', ')}) would be ways to sign in.`,
    hint: 'Choose another file with --config. Nothing was changed.',
  })
