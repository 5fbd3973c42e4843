// The servers that hosts start through mcp-remote, each once, under names that are free in config.yaml, and with what config.yaml takes only.
import { existsSync } from 'node:fs'
import { readOwnFile } from '../config/file/ownFile.ts'
import { schema } from '../config/file/schema.ts'
import { parseYaml } from '../config/file/yamlText.ts'
import { PRESETS } from '../config/providerPresets.ts'
import { BridgeError } from '../errors.ts'
import { present } from '../present.ts'
import type { JsonObject } from './format/jsonText.ts'
import type { Host } from './hosts.ts'
import type { RemoteServer } from './mcpRemote.ts'
import { sameAddress } from './placement.ts'

/** A server of one host's file. */
export interface FoundServer extends RemoteServer {
  readonly host: Host
}

export interface FreshServer extends FoundServer {
  /** Every host whose file has it. */
  readonly hosts: readonly Host[]
}

/** config.yaml as it is, before variables are replaced. */
export interface KnownConfig {
  /** That of `mcp_server_url` has this for its name, as for commands. */
  readonly servers: Readonly<Record<string, JsonObject | null>>
  readonly providers: Readonly<Record<string, JsonObject | null>>
  /** The server that commands without one use. */
  readonly only?: string
}

/** @throws BridgeError config_invalid: `text`, of the file at `path`, is not YAML */
export function knownConfig(text: string, path: string): KnownConfig {
  const yaml = parseYaml(text)
  const [fault] = yaml.faults
  if (fault) throw new BridgeError('config_invalid', { message: `${path}:${fault.place}: ${fault.message}` })
  const { servers, providers, mcp_server_url } = yaml.toData() as {
    [Map in 'servers' | 'providers']?: KnownConfig[Map] | null
  } & { mcp_server_url?: unknown }
  const plain = typeof mcp_server_url === 'string' ? { mcp_server_url: { url: mcp_server_url } } : {}
  const all = { ...plain, ...servers }
  const [only, ...more] = Object.keys(all)
  return { servers: all, providers: providers ?? {}, ...present({ only: more.length === 0 ? only : undefined }) }
}

/** Without an error: whoever needs the file reads it in earnest. */
export function knownIfReadable(path: string): KnownConfig {
  try {
    return knownConfig(existsSync(path) ? readOwnFile(path).text : '', path)
  } catch {
    return { servers: {}, providers: {} }
  }
}

/** What is not in `known` yet. mcp-remote keeps a sign-in for each URL with its resource, headers and parameters: so does a profile. */
export function freshServers(found: readonly FoundServer[], known: KnownConfig): FreshServer[] {
  const names = new Set(Object.keys(known.servers))
  const providers = new Set([...Object.keys(known.providers), ...PRESETS.map(({ name }) => name)])
  const urls = Object.values(known.servers).map((entry) => String(entry?.url))
  return grouped(found)
    .filter((server) => !isKnown(server, known))
    .map((server) => {
      const name = freeName(typeable(server.name), names)
      names.add(name)
      const isAnother = urls.some((url) => sameAddress(url, server.url))
      urls.push(server.url)
      const provider = server.provider && freeName(name, providers)
      if (provider !== undefined) providers.add(provider)
      const entry = { ...server.server, ...present({ profile: isAnother ? name : undefined, provider }) }
      const advice = [
        ...(server.advice ?? []),
        ...(server.provider?.client_secret === undefined
          ? []
          : [`its client has a secret: set issuer of providers.${provider}, or let login ask for it at a terminal`]),
      ]
      return accepted({ ...server, name, server: entry, ...(advice.length === 0 ? {} : { advice }) })
    })
}

/** Servers with the same settings and secrets, in whichever hosts. */
function grouped(found: readonly FoundServer[]): FreshServer[] {
  const groups = new Map<string, FreshServer>()
  for (const server of found) {
    const url = new URL(server.url).href
    const key = JSON.stringify([{ ...server.server, url, provider: undefined }, server.provider], (_, value) =>
      typeof value === 'string' ? withValues(value, server) : value,
    )
    const { hosts = [] } = groups.get(key) ?? {}
    groups.set(key, { ...server, ...groups.get(key), hosts: [...new Set([...hosts, server.host])] })
  }
  return [...groups.values()]
}

const withValues = (text: string, { environment }: RemoteServer): string =>
  text.replace(/\$\{(\w+)\}/g, (all, name) => environment?.()[name] ?? all)

/** It was imported before, or the person has written it: the same URL, with the same that sets it apart from others of that URL. */
function isKnown(server: FoundServer, { servers, providers }: KnownConfig): boolean {
  return Object.entries(servers).some(([name, entry]) => {
    const [theirs, ours] = [shape(entry?.url), shape(server.server.url)]
    if (theirs !== ours && !sameAddress(String(theirs), String(ours))) return false
    const wantedName = typeable(server.name)
    if (name === wantedName || name.replace(/-\d+$/, '') === wantedName) return true
    // A URL that is a variable is not to be compared.
    if (theirs === VARIABLE) return false
    const wanted = apart(server.server, server.provider)
    // Without a name it is the only one.
    const [only, ...more] = Object.keys(providers)
    const used = entry?.provider ?? (more.length === 0 ? only : undefined)
    const provider = typeof used === 'string' ? providers[used] : undefined
    return wanted === apart({}, undefined) || wanted === apart(entry ?? {}, provider ?? undefined)
  })
}

const VARIABLE = '$'
const shape = (value: unknown) => (typeof value === 'string' ? value.replace(/\$\{\w+\}/g, VARIABLE) : value)

const apart = (server: JsonObject, provider: JsonObject | undefined): string =>
  JSON.stringify(
    [server.headers ?? {}, server.headers_file, provider?.resource, provider?.authorize_params, provider?.client_id],
    (_, value) => shape(value),
  )

/** As the word of a command, it would be an option or a URL. */
const typeable = (name: string) =>
  name.startsWith('-') || URL.canParse(name) ? name.replace(/[^\w]+/g, '-').replace(/^-+|-+$/g, '') || 'server' : name

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`
  return name
}

/** Without what config.yaml refuses: nothing that is imported may keep the file from being read. */
function accepted(server: FreshServer): FreshServer {
  const { provider: named } = server.server
  const filled = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value), (_, text) => (typeof text === 'string' ? withValues(text, server) : text))
  const checked = schema.safeParse({
    servers: { it: filled(server.server) },
    ...(server.provider === undefined ? {} : { providers: { [String(named)]: filled(server.provider) } }),
  })
  const issues = checked.success ? [] : checked.error.issues
  const refused = issues.map(({ path, message }) => ({ map: path[0], keys: path.slice(2).map(String), message }))
  return {
    ...server,
    server: refused
      .filter(({ map }) => map === 'servers')
      .reduce((entry, { keys }) => without(entry, keys), server.server),
    ...(server.provider === undefined
      ? {}
      : {
          provider: refused
            .filter(({ map }) => map === 'providers')
            .reduce((entry, { keys }) => without(entry, keys), server.provider),
        }),
    ...(refused.length === 0
      ? {}
      : {
          advice: [
            ...(server.advice ?? []),
            ...refused.map(({ keys, message }) => `not imported: ${keys.join('.')} ${message}`),
          ],
        }),
  }
}

/** At most two keys deep, as entries are. */
function without(entry: JsonObject, [first = '', second]: readonly string[]): JsonObject {
  const { [first]: value, ...rest } = entry
  if (second === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return rest
  const { [second]: _, ...inner } = value as JsonObject
  return Object.keys(inner).length === 0 ? rest : { ...rest, [first]: inner }
}
