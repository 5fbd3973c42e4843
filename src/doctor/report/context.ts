// The input of the checks, and what earlier checks found out for later ones.
import type { AuthorizationServerMetadata } from '../../auth/discovery/authorizationServer.ts'
import type { Config, ServerConfig } from '../../config/config.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Authorizer, Clock, HttpClient, HttpResponse, Logger } from '../../ports.ts'
import type { RulesOf } from '../../providerRules.ts'
import type { Challenge, TokenKey, TokenRecord } from '../../records.ts'
import type { ReadOnlyStores } from '../../store/readOnlyStores.ts'
import type { Reach } from '../../system/http/addresses.ts'
import type { Desktop } from '../../system/person/desktop.ts'
import type { Outcome } from './finding.ts'

/** What the checks ask a PostgreSQL database. */
export interface PostgresLook {
  readonly version: () => Promise<number>
  /** The version that this program works with. */
  readonly latest: number
  /** @throws BridgeError schema_missing where a newer program has changed more than this one may overlook */
  readonly demandKnown: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface CheckContext {
  readonly config: Config
  /** Undefined: no server was given, so only this machine is checked. */
  readonly server: ServerConfig | undefined
  readonly key: () => TokenKey
  readonly version: string
  readonly environment: NodeJS.ProcessEnv
  /** What relative paths of the environment are relative to. */
  readonly folder: string
  readonly clock: Clock
  readonly http: HttpClient
  /** The same within reach: what the server's metadata names may lead no further. */
  readonly guarded: () => Promise<HttpClient>
  readonly reach: () => Promise<Reach | undefined>
  readonly rules: () => Promise<RulesOf>
  readonly look: () => Promise<ReadOnlyStores>
  /** The database of a gateway on PostgreSQL, instead of those stores. */
  readonly lookAtPostgres: () => Promise<PostgresLook>
  readonly surroundings: () => Promise<Desktop>
}

/** Filled in by one check, read by those after it; missing members were not found. */
export interface Findings {
  /** Its name does not resolve or its port does not accept connections, so requests are useless. */
  down?: true
  /** A proxy is used, so the server is not reached directly. */
  proxied?: true
  /** Its answer to a request without a token. */
  answer?: Pick<HttpResponse, 'status' | 'headers'> & { readonly challenge: Challenge; readonly at: number }
  metadata?: AuthorizationServerMetadata
  /** The issuer under which the metadata was found; the issuer in it may differ (trusted_issuers). */
  issuer?: string
  /** Why no authorization server was found. */
  discoveryFailure?: Outcome & { readonly about: 'resource' | 'server' | 'pkce' }
  look?: ReadOnlyStores
  /** The sealing key cannot be read, so sealed secrets cannot be checked, and it is not tried again. */
  keyless?: true
  record?: TokenRecord
  /** Headers that a bridge would send now, and the function that builds them for a request. */
  headers?: Readonly<Record<string, string>>
  authorizer?: Authorizer
}

export interface Check {
  readonly name: string
  /** Which subject it needs: without a server, only the machine is checked. */
  readonly about: 'machine' | 'server'
  /** Longest time it may take, in ms. */
  readonly limitMs?: number
  /** The error after that time; omitted: server_timeout. */
  readonly late?: ErrorCode
  /** May throw BridgeError: then the check fails with it. Must stop when `signal` aborts. */
  run(context: CheckContext, facts: Findings, signal: AbortSignal): Promise<Outcome>
}

/** What the parts of a bridge would log while they are examined stands in the finding. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
