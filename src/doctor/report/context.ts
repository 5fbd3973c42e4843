// What the doctor looks at, and what earlier checks found out for later ones.
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

export interface CheckContext {
  readonly config: Config
  /** Undefined: no server is named, so only this machine is looked at. */
  readonly server: ServerConfig | undefined
  readonly key: () => TokenKey
  readonly version: string
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly http: HttpClient
  /** The same within reach: what the server's metadata names may lead no further. */
  readonly guarded: () => Promise<HttpClient>
  readonly reach: () => Promise<Reach | undefined>
  readonly rules: () => Promise<RulesOf>
  readonly look: () => Promise<ReadOnlyStores>
  readonly surroundings: () => Promise<Desktop>
}

/** Filled in by one check, read by those after it; what is missing was not found. */
export interface Findings {
  /** Its name has no address or its port takes no connection: asking it is of no use. */
  down?: true
  /** A proxy stands between us and the server, so that nothing is asked directly. */
  proxied?: true
  /** Its answer to a request without a token. */
  answer?: Pick<HttpResponse, 'status' | 'headers'> & { readonly challenge: Challenge; readonly at: number }
  metadata?: AuthorizationServerMetadata
  /** Under which the metadata was found; what it names itself may differ (trusted_issuers). */
  issuer?: string
  /** Why no authorization server was found. */
  discoveryFailure?: Outcome & { readonly about: 'resource' | 'server' | 'pkce' }
  look?: ReadOnlyStores
  /** Nothing gave the sealing key: what is sealed with it cannot be looked at, and is not waited for again. */
  keyless?: true
  record?: TokenRecord
  /** Headers that a bridge would send now, and what makes them anew for a request. */
  headers?: Readonly<Record<string, string>>
  authorizer?: Authorizer
}

export interface Check {
  readonly name: string
  /** Which subject it needs: without a server, checks of the server are skipped. */
  readonly about: 'machine' | 'server'
  /** Longest time it may take, in ms. */
  readonly limitMs?: number
  /** What it is when that time is over; left out: server_timeout. */
  readonly late?: ErrorCode
  /** May throw BridgeError: then the check fails with it. Must stop when `signal` aborts. */
  run(patient: CheckContext, facts: Findings, signal: AbortSignal): Promise<Outcome>
}

/** What the parts of a bridge would log while they are examined stands in the finding. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
