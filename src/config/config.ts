// The settings of one run for one server, with nothing left to look up. Plain data: it travels to the login process as JSON.
import type { LogLevel } from '../ports.ts'

export interface Config {
  /** Undefined for commands that need no server, such as status of all. */
  readonly server?: ServerConfig
  readonly profile: string
  /** Redirect URIs to try, in order; at least one. */
  readonly callbackUrls: readonly string[]
  readonly sessionTimeoutMs: number
  /** Absolute path of the SQLite file. */
  readonly database: string
  /** Our own folder; made private. */
  readonly dataFolder: string
  readonly secretStore: 'auto' | 'keychain' | 'file' | 'env'
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly logLevel: LogLevel
  readonly logFile: string
  readonly forwardHeaders: readonly string[]
  readonly blockedHeaders: readonly string[]
  readonly userHeaders: Readonly<Record<string, string>>
  readonly loginMode: 'auto' | 'on-call' | 'never'
  readonly browser?: string
  readonly openBrowser: boolean
  /** E-mail or subject that must sign in. */
  readonly account?: string
}

export interface ServerConfig {
  readonly url: string
  /** Its name in config.yaml. */
  readonly name?: string
  readonly headers: Readonly<Record<string, string>>
  readonly allowHttp: boolean
  readonly refreshStrategy: 'auto' | 'none' | 'reauthorize'
  readonly issuer?: string
  readonly clientId?: string
  readonly clientSecret?: string
  readonly scopes?: readonly string[]
  /** RFC 8707 resource, or 'none'. */
  readonly resource?: string
  readonly authorizeParameters: Readonly<Record<string, string>>
}

/** What a person typed; undefined: not said. */
export interface Flags {
  readonly config?: string
  readonly profile?: string
  readonly callbackUrl?: string
  readonly headers: readonly string[]
  readonly headerFile?: string
  readonly clientId?: string
  readonly clientSecretFile?: string
  readonly scope?: string
  readonly resource?: string
  readonly authorizeParameters: readonly string[]
  readonly allowHttp: boolean
  readonly login?: string
  readonly logLevel?: string
  readonly account?: string
  /** File that a command writes. */
  readonly output?: string
  readonly openBrowser: boolean
}
