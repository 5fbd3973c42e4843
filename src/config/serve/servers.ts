// The MCP servers behind the gateway: `mcp_server_url` at /mcp, or the entries of `servers` at /mcp/<name>.
import { BridgeError } from '../../errors.ts'
import type { Access, ServedProvider, ServedServer } from '../../gateway/settings.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import type { Flags } from '../config.ts'
import type { AccessEntry, ServerEntry } from '../file/schema.ts'
import { namesIn, type ReadConfig, requireSet } from '../file/unset.ts'
import { certificatesOf, fromFile, insecure, lowerCased, withoutFragment } from '../server.ts'
import type { ServeFault } from './faults.ts'
import { unknown } from './providers.ts'

/** What the command line adds to the file. */
export type ServeFlags = Pick<Flags, 'allowHttp'>

/** A name that is one part of a path, as it is. */
const PATH_PART = /^[A-Za-z0-9][A-Za-z0-9._~-]*$/

/** What is wrong goes into `faults`, a sentence each. @throws BridgeError config_invalid, config_not_found, insecure_url */
export function servedServers(
  file: ReadConfig,
  flags: ServeFlags,
  providers: readonly ServedProvider[],
  faults: ServeFault[],
): ServedServer[] {
  const named = file.serve?.servers
  const known = namesIn(file, 'servers')
  for (const name of named ?? [])
    if (!known.includes(name)) faults.push(unknown(['serve', 'servers'], name, 'servers', known))
  const only = file.mcp_server_url
  if (named === undefined && only !== undefined) {
    if (known.length > 0)
      faults.push({
        key: ['mcp_server_url'],
        text: 'mcp_server_url and servers are both set: remove one of them, or list the servers to offer in serve.servers.',
      })
    return [served(file, flags, undefined, { url: only, subpaths: true })]
  }
  if (known.length === 0)
    faults.push({
      key: [],
      text: 'Neither mcp_server_url nor servers is set: the gateway has no MCP server to offer.',
    })
  return (named ?? known).flatMap((name) => {
    requireSet(file.unset, 'servers', name)
    const entry = Object.hasOwn(file.servers ?? {}, name) ? file.servers?.[name] : undefined
    if (entry === undefined) return []
    faults.push(...faultsOf(file, name, entry, providers))
    return [served(file, flags, name, entry)]
  })
}

/** Who may sign in; undefined: the file does not say. */
export function accessOf(entry: AccessEntry | undefined): Access | undefined {
  if (entry === undefined || entry === 'everyone') return entry
  const { emails = [], domains = [], subjects = [], groups = [], tenants = [], organisations = [] } = entry
  return { emails, domains, subjects, groups, tenants, organisations }
}

function faultsOf(
  file: ReadConfig,
  name: string,
  { provider, transport }: ServerEntry,
  providers: readonly ServedProvider[],
): ServeFault[] {
  const names = namesIn(file, 'providers')
  const at = ['servers', name]
  const faults: ServeFault[] = []
  if (!PATH_PART.test(name))
    faults.push({
      key: at,
      text: `servers: ${quote(name)} cannot be a part of a URL: use letters, digits, ".", "_", "~" and "-".`,
    })
  if (provider !== undefined && !names.includes(provider))
    faults.push(unknown([...at, 'provider'], provider, 'providers', names))
  else if (provider !== undefined && !providers.some((one) => one.name === provider))
    faults.push({
      key: [...at, 'provider'],
      text: `servers.${name}.provider is ${quote(provider)}, with which nobody can sign in: it has no client_id, or is not in serve.providers.`,
    })
  if (transport === 'sse')
    faults.push({
      key: [...at, 'transport'],
      text: `servers.${name}.transport is sse: the gateway supports Streamable HTTP only.`,
    })
  return faults
}

function served(file: ReadConfig, flags: ServeFlags, name: string | undefined, entry: ServerEntry): ServedServer {
  const url = new URL(withoutFragment(entry.url))
  if (!isSecure(url, flags.allowHttp || entry.allow_http === true)) throw insecureServer(url, name)
  return {
    name,
    url: url.href,
    path: name === undefined ? '/mcp' : `/mcp/${name}`,
    subpaths: entry.subpaths ?? false,
    bearer: entry.bearer ?? 'assertion',
    provider: entry.provider,
    headers: { ...lowerCased(entry.headers), ...fromFile(entry.headers_file) },
    access: accessOf(entry.access),
    certificates: certificatesOf([file.ca_file, entry.ca_file]),
  }
}

function insecureServer(url: URL, name: string | undefined): BridgeError {
  const error = insecure(url)
  if (url.username !== '' || url.password !== '') return error
  const how = name === undefined ? 'run serve with --allow-http' : `set servers.${name}.allow_http: true`
  return new BridgeError('insecure_url', {
    message: error.message,
    hint: `Use https. On a network that you trust, such as that of the containers of one host, ${how}.`,
  })
}
