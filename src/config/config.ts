// The complete settings of one run for one server. Plain data: they are sent to the login process as JSON.
import type { LogLevel } from '../ports.ts'
import type { TokenKey } from '../records.ts'
import type { LOGIN_MODES, PROTOCOLS, TRANSPORTS } from './file/choices.ts'
import type { PostgresUrl } from './file/postgresUrl.ts'

export const DEFAULT_CALLBACK_URL = 'http://localhost:8080/auth/callback'

export interface Config {
  /** Undefined for commands that need no server, such as status of all. */
  readonly server?: ServerConfig
  readonly profile: string
  /** Redirect URIs to try, in order; at least one. */
  readonly callbackUrls: readonly string[]
  /** The file has settings of `serve`: the gateway listens at the callback URL, or a proxy in front of it. */
  readonly isGateway?: true
  /** The gateway's sealing key comes from `serve.key_command`, which only `serve` runs. */
  readonly keyByCommand?: true
  readonly sessionTimeoutMs: number
  /** Absolute path of the SQLite file; with `postgres`, where one would be. */
  readonly database: string
  /** The PostgreSQL database that the gateway keeps its data in, instead of a SQLite file. */
  readonly postgres?: PostgresUrl
  /** Our own folder; made private. */
  readonly dataFolder: string
  readonly secretStore: 'auto' | 'keychain' | 'file' | 'env'
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Largest message from the host and from the server, in bytes. */
  readonly hostLimit: number
  readonly serverLimit: number
  readonly logLevel: LogLevel
  readonly logFile: string
  readonly forwardHeaders: readonly string[]
  readonly blockedHeaders: readonly string[]
  /** Names of tools the host must not see; `*` matches any characters. */
  readonly hideTools: readonly string[]
  readonly userHeaders: Readonly<Record<string, string>>
  readonly loginMode: (typeof LOGIN_MODES)[number]
  /** How long the host's initialize and its calls may wait for a person, in ms. */
  readonly holdInitializeMs: number
  readonly holdCallMs: number
  readonly browser?: string
  readonly openBrowser: boolean
  /** E-mail or subject that must sign in. */
  readonly account?: string
  /** Servers of the file with exceptions, for `status`. */
  readonly exceptions: readonly ServerExceptions[]
  /** Servers that the config file names, to choose one from. */
  readonly serverNames: readonly string[]
  /** What somebody may sign in to by the config file: URL and profile of each, and what is said to be spoken there. */
  readonly configured: readonly (TokenKey & Pick<ServerConfig, 'protocol'>)[]
}

/** The exceptions of one server, with the keys of config.yaml. */
export interface ServerExceptions {
  readonly server: string
  readonly allow_http?: boolean
  readonly allow_missing_s256?: boolean
  readonly trusted_issuers?: readonly { readonly expected: string; readonly named: string }[]
  /** The resource that the server's metadata names with another scheme. */
  readonly trusted_resource?: string
  /** Origins that may be in a private network. */
  readonly allow_private?: readonly string[]
}

/** Certificates are PEM text: the file was read, so that a wrong path is reported at once. */
export interface ServerConfig {
  readonly url: string
  /** Its name in config.yaml. */
  readonly name?: string
  readonly headers: Readonly<Record<string, string>>
  readonly allowHttp: boolean
  /** The transport; auto: Streamable HTTP, or HTTP+SSE if the server supports nothing else. */
  readonly transport: (typeof TRANSPORTS)[number]
  /** The revisions of MCP that the server is spoken to in; auto: it is asked, and the answer is remembered. */
  readonly protocol: (typeof PROTOCOLS)[number]
  readonly exceptions: ServerExceptions
  readonly refreshStrategy: 'auto' | 'none' | 'reauthorize'
  /** The preset that config.yaml names; without it the issuer's host decides. */
  readonly provider?: string
  readonly issuer?: string
  /** Configured metadata, by its RFC 8414 names; it overrides the published metadata. */
  readonly endpoints?: Readonly<Record<string, string>>
  /** What is sent as the bearer. */
  readonly bearer: 'access_token' | 'id_token'
  /** Who signs in: a person, or the program itself. */
  readonly grant: 'authorization_code' | 'client_credentials'
  readonly clientId?: string
  readonly clientSecret?: string
  /** PEM or JWK, the text of --client-key-file. */
  readonly clientKey?: string
  readonly clientMetadataUrl?: string
  readonly scopes?: readonly string[]
  /** RFC 8707 resource, or 'none'. */
  readonly resource?: string
  readonly authorizeParameters: Readonly<Record<string, string>>
  readonly certificates?: string
}

/** The flags as given; undefined: not given. */
export interface Flags {
  readonly config?: string
  readonly profile?: string
  readonly callbackUrl?: string
  readonly headers: readonly string[]
  readonly headerFile?: string
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly clientKeyFile?: string
  readonly issuer?: string
  readonly clientMetadataUrl?: string
  readonly scope?: string
  readonly resource?: string
  readonly authorizeParameters: readonly string[]
  readonly allowHttp: boolean
  readonly transport?: string
  readonly protocol?: string
  readonly clientCredentials?: boolean
  readonly login?: string
  readonly logLevel?: string
  readonly account?: string
  /** File that a command writes. */
  readonly output?: string
  readonly openBrowser: boolean
}
