// The OAuth settings in the words of mcp-remote: the client, its redirect URI, scopes, resource and parameters.
import { present } from '../present.ts'
import { isSecretHeader } from '../redaction/names.ts'
import type { JsonObject } from './format/jsonText.ts'
import { type Option, valuesOf } from './remoteOptions.ts'

export interface RemoteTexts {
  /** A text in which mcp-remote replaces `${NAME}`, as config.yaml has it. */
  readonly filledIn: (isSecret: boolean, value: string, what: string) => string
  /** A text that mcp-remote takes as it is. */
  readonly literally: (isSecret: boolean, value: string, what: string) => string
  /** The text of a file; undefined: it cannot be read. */
  readonly readFile: (path: string) => string | undefined
}

export interface RemoteClient {
  /** The entry for `providers`; undefined: there are no OAuth settings. */
  readonly provider: JsonObject | undefined
  /** The redirect URI, where the client or its metadata document was registered with one. */
  readonly callbackUrl: string | undefined
  /** What cannot be carried over, a sentence each. */
  readonly advice: readonly string[]
}

const INFO = '--static-oauth-client-info'
const METADATA = '--static-oauth-client-metadata'

/** Members of a registration that the bridge finds out, or has of its own. */
const FOUND_OUT = ['scope', 'redirect_uris', 'token_endpoint_auth_method', 'grant_types', 'response_types']

export function remoteClient(
  positionals: readonly string[],
  options: readonly Option[],
  { filledIn, literally, readFile }: RemoteTexts,
): RemoteClient {
  const has = (option: string) => options.some(([one]) => one === option)
  const last = (option: string) => valuesOf(options, option).at(-1)
  const { client_id: id, client_secret: secret } = readJson(last(INFO), readFile) ?? {}
  const metadata = readJson(last(METADATA), readFile)
  const scope = typeof metadata?.scope === 'string' ? metadata.scope.split(/\s+/).filter((one) => one !== '') : []
  const parameters = valuesOf(options, '--authorize-param').flatMap((text) => {
    const [, key, value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    return key === undefined ? [] : [[key.trim(), literally(isSecretHeader(key, value), value, key)] as const]
  })
  // Empty is another way to say that there shall be none.
  const resource = last('--resource')?.trim()
  const found = present({
    client_id: typeof id === 'string' ? filledIn(false, id, 'CLIENT_ID') : undefined,
    client_secret:
      typeof id === 'string' && typeof secret === 'string'
        ? filledIn(isSecretHeader('secret', secret), secret, 'CLIENT_SECRET')
        : undefined,
    scopes: scope.length === 0 ? undefined : scope,
    resource: has('--disable-resource-parameter') || resource === '' ? 'none' : resource,
    authorize_params: parameters.length === 0 ? undefined : Object.fromEntries(parameters),
    client_credentials: has('--client-credentials') || undefined,
    bearer: has('--use-id-token') ? 'id_token' : undefined,
    token_endpoint: last('--token-endpoint')?.trim(),
  })
  const more = Object.keys(metadata ?? {}).filter((member) => !FOUND_OUT.includes(member))
  return {
    provider: Object.keys(found).length === 0 ? undefined : found,
    callbackUrl: typeof id === 'string' || has('--client-metadata-url') ? callbackOf(positionals, options) : undefined,
    advice: [
      ...(has(INFO) && typeof id !== 'string' ? [notRead(last(INFO), INFO, 'client_id and client_secret')] : []),
      ...(has(METADATA) && metadata === undefined ? [notRead(last(METADATA), METADATA, 'scopes')] : []),
      ...(more.length === 0
        ? []
        : [
            `${METADATA}: ${more.join(', ')}: the bridge registers with its own; to use others, set client_metadata_url`,
          ]),
    ],
  }
}

/** The value is not shown: it may be a secret. */
function notRead(value: string | undefined, option: string, keys: string): string {
  const what = value?.startsWith('@') ? `${value.slice(1)} cannot be read as a JSON object` : 'it is not a JSON object'
  return `${option}: ${what}${option === INFO ? ' with a client_id' : ''}; set ${keys} of a provider in config.yaml`
}

/** A client that somebody registered has a redirect URI of its own; one that is registered by itself has not. */
function callbackOf(positionals: readonly string[], options: readonly Option[]): string | undefined {
  const port = positionals.find((word) => /^\d+$/.test(word))
  if (port === undefined) return undefined
  const host = valuesOf(options, '--host').at(-1) ?? 'localhost'
  const url = `http://${host}:${port}${valuesOf(options, '--callback-path').at(-1) ?? '/oauth/callback'}`
  return URL.canParse(url) ? new URL(url).href : undefined
}

/** JSON as text, or in a file (`@path`). undefined: it is not there, or not an object. */
function readJson(text: string | undefined, readFile: RemoteTexts['readFile']): JsonObject | undefined {
  const json = text?.startsWith('@') ? readFile(text.slice(1)) : text
  try {
    const value: unknown = JSON.parse(json ?? '')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
