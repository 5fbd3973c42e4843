// The settings of one server: the flags override its entry, which overrides its provider.
import { BridgeError } from '../errors.ts'
import { present } from '../present.ts'
import { quote } from '../redaction/text.ts'
import { isSecure } from '../secureUrl.ts'
import type { Flags, ServerConfig, ServerExceptions } from './config.ts'
import { PROTOCOLS, TRANSPORTS } from './file/choices.ts'
import { nearest } from './file/nearest.ts'
import type { ProviderEntry, ServerEntry } from './file/schema.ts'
import { namesIn, type ReadConfig, requireSet } from './file/unset.ts'
import { oneOf } from './oneOf.ts'
import { readTextFile } from './textFile.ts'

/** An entry of `servers` with its name, or just a URL. 'elsewhere': the URL is not in the file, so no provider of the file applies to it. */
export type Entry = ServerEntry & { readonly name?: string | undefined; readonly from?: 'elsewhere' | undefined }

/** @throws BridgeError usage, config_invalid, config_not_found, insecure_url */
export function serverConfig(file: ReadConfig, flags: Flags, entry: Entry): ServerConfig {
  const url = new URL(withoutFragment(entry.url))
  const allowHttp = flags.allowHttp || entry.allow_http === true
  if (!isSecure(url, allowHttp)) throw insecure(url)
  const name = providerName(file, entry)
  const provider = findProvider(file, name)
  // A client from the command line is not the provider's client, so it does not get the provider's secret.
  const other = flags.clientId !== undefined && flags.clientId !== provider.client_id
  const proof: ProviderEntry = other ? {} : provider
  const secret = flags.clientSecretFile ?? proof.client_secret_file
  const clientSecret = secret === undefined ? proof.client_secret : readTextFile(secret, 'client secret file')
  const keyFile = flags.clientKeyFile ?? proof.client_key_file
  const clientKey = keyFile === undefined ? undefined : readTextFile(keyFile, 'client key file')
  const clientId = flags.clientId ?? provider.client_id
  const scopes = flags.scope?.split(/[\s,]+/).filter((scope) => scope !== '') ?? provider.scopes
  const { prompt, audience, authorize_params: parameters } = provider
  const defaults = { ...present({ prompt, audience }), ...parameters }
  return {
    url: url.href,
    headers: { ...lowerCased(entry.headers), ...fromFile(entry.headers_file), ...headersOf(flags) },
    ...wireOf(flags, entry),
    allowHttp,
    exceptions: { ...exceptionsOf(entry), ...(allowHttp ? { allow_http: true } : {}) },
    refreshStrategy: provider.refresh_strategy ?? file.refresh_strategy ?? 'auto',
    bearer: provider.bearer ?? 'access_token',
    grant: (flags.clientCredentials ?? provider.client_credentials) ? 'client_credentials' : 'authorization_code',
    ...present({
      name: entry.name,
      provider: name,
      issuer: issuerFlag(flags) ?? issuerOf(provider),
      endpoints: endpointsOf(provider),
      clientId,
      clientSecret,
      clientKey,
      clientMetadataUrl: metadataUrlOf(flags) ?? entry.client_metadata_url ?? file.client_metadata_url,
      scopes,
      resource: flags.resource ?? provider.resource,
      certificates: certificatesOf([file.ca_file, entry.ca_file]),
    }),
    authorizeParameters: { ...defaults, ...Object.fromEntries(flags.authorizeParameters.map(splitParameter)) },
  }
}

/** The older transport carries the revisions of 2025 only. */
function wireOf(flags: Flags, entry: Entry): Pick<ServerConfig, 'transport' | 'protocol'> {
  const transport = oneOf('--transport', flags.transport, TRANSPORTS) ?? entry.transport ?? 'auto'
  const protocol = oneOf('--protocol', flags.protocol, PROTOCOLS) ?? writtenProtocol(entry)
  if (transport !== 'sse') return { transport, protocol }
  if (protocol !== '2026') return { transport, protocol: '2025' }
  throw new BridgeError('config_invalid', {
    message: 'transport is sse and protocol is 2026: HTTP+SSE does not carry revision 2026-07-28.',
    hint: 'Remove one of them, in the server’s entry or on the command line.',
  })
}

/** What an entry says of itself, without the flags of this process. */
export const protocolOf = (entry: Pick<ServerEntry, 'protocol' | 'transport'>): ServerConfig['protocol'] =>
  entry.transport === 'sse' ? '2025' : writtenProtocol(entry)

const writtenProtocol = ({ protocol = 'auto' }: Pick<ServerEntry, 'protocol'>) =>
  String(protocol) as ServerConfig['protocol']

/** The exceptions of this server; only `server` if there is none. */
export function exceptionsOf(entry: ServerEntry): ServerExceptions {
  return {
    server: withoutFragment(entry.url),
    ...present({
      allow_http: entry.allow_http || undefined,
      allow_missing_s256: entry.allow_missing_s256 || undefined,
      trusted_issuers: entry.trusted_issuers?.length ? entry.trusted_issuers : undefined,
      trusted_resource: entry.trusted_resource,
      allow_private: entry.allow_private?.length ? entry.allow_private : undefined,
    }),
  }
}

/** The schema checks the file's; the same for the flag (draft-ietf-oauth-client-id-metadata-document section 3). */
function metadataUrlOf({ clientMetadataUrl: text }: Flags): string | undefined {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  if (text === undefined || (url?.protocol === 'https:' && url.pathname !== '/')) return text
  throw new BridgeError('usage', { message: `--client-metadata-url ${quote(text)} is not an https URL with a path.` })
}

/** The provider an entry names; without a name, the only one there is. */
export function providerName(file: ReadConfig, { provider, from }: Entry): string | undefined {
  const names = from === 'elsewhere' ? [] : namesIn(file, 'providers')
  return provider ?? (names.length === 1 ? names[0] : undefined)
}

/** The schema checks the file's; the same for the flag. */
function issuerFlag({ issuer }: Flags): string | undefined {
  if (issuer === undefined || (URL.canParse(issuer) && /^https?:$/.test(new URL(issuer).protocol))) return issuer
  throw new BridgeError('usage', { message: `--issuer ${quote(issuer)} is not an http(s) URL.` })
}

const ENDPOINTS = [
  'authorization_endpoint',
  'token_endpoint',
  'device_authorization_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
] as const

/** undefined: none is configured. */
export function endpointsOf(provider: ProviderEntry): Record<string, string> | undefined {
  const given = ENDPOINTS.flatMap((name) => {
    const url = provider[name]
    return url === undefined ? [] : [[name, url] as const]
  })
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

/** The configured authorization server: by issuer, by Microsoft tenant, or by its endpoints. */
export function issuerOf({ issuer, tenant_id: tenant, ...endpoints }: ProviderEntry): string | undefined {
  if (issuer !== undefined) return issuer
  if (tenant !== undefined) return `https://login.microsoftonline.com/${tenant}/v2.0`
  const { authorization_endpoint: authorization, token_endpoint: token } = endpoints
  return authorization !== undefined && token !== undefined ? new URL(token).origin : undefined
}

export function findProvider(file: ReadConfig, name: string | undefined): ProviderEntry {
  if (name === undefined) return {}
  const found = Object.entries(file.providers ?? {}).find(([known]) => known === name)?.[1]
  if (found) return found
  requireSet(file.unset, 'providers', name)
  const near = nearest(name, Object.keys(file.providers ?? {}))
  throw new BridgeError('config_invalid', {
    message: `The provider ${quote(name)} is not in providers${near === undefined ? '.' : `; did you mean ${quote(near)}?`}`,
    hint: 'Add it under providers in config.yaml, or correct provider in the server’s entry.',
  })
}

/** Header names ignore case, so that a flag replaces the value of the file. */
export const lowerCased = (headers: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** `Name: value` and `Name:value` are the same. */
const headersOf = (flags: Flags): Record<string, string> => ({
  ...fromFile(flags.headerFile),
  ...Object.fromEntries(flags.headers.map(splitHeader)),
})

/** A header file has one header per line. */
export function fromFile(path: string | undefined): Record<string, string> {
  const lines = path === undefined ? [] : readTextFile(path, 'header file').split(/\r?\n/)
  return Object.fromEntries(lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).map(splitHeader))
}

function splitHeader(line: string): [string, string] {
  const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\x20-\x7e\t]*)$/.exec(line) ?? []
  if (name === undefined || value === undefined) {
    throw new BridgeError('usage', {
      message: 'A header is not of the form "Name: value" in printable ASCII.',
      hint: 'Write --header "X-Team: core".',
    })
  }
  return [name.toLowerCase(), value.trim()]
}

function splitParameter(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1)
    throw new BridgeError('usage', { message: `--authorize-param ${quote(text)} is not of the form name=value.` })
  return [text.slice(0, at), text.slice(at + 1)]
}

/** The address under which its tokens are stored. */
export function withoutFragment(address: string): string {
  const url = new URL(address)
  url.hash = ''
  return url.href
}

export function insecure(url: URL): BridgeError {
  const userinfo = url.username !== '' || url.password !== ''
  return new BridgeError('insecure_url', {
    message: userinfo
      ? 'The server URL carries a user name or password.'
      : `The server URL ${quote(`${url.protocol}//${url.host}`)} is not HTTPS.`,
    ...present({ hint: userinfo ? 'Remove them; pass a credential with --header.' : undefined }),
  })
}

/** The general file and the server's own; PEM (RFC 7468). */
export function certificatesOf(paths: readonly (string | undefined)[]): string | undefined {
  const texts = paths
    .filter((path) => path !== undefined)
    .map((path) => {
      const text = readTextFile(path, 'CA file')
      if (text.includes('-----BEGIN CERTIFICATE-----')) return text
      throw new BridgeError('config_invalid', {
        message: `The CA file ${quote(path)} does not contain a certificate in PEM format.`,
        hint: 'Convert it: openssl x509 -inform der -in ca.der -out ca.pem',
      })
    })
  return texts.length === 0 ? undefined : texts.join('\n')
}
