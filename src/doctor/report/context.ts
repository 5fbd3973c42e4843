// The input of the checks, and what earlier checks found out for later ones.
import type { AuthorizationServerMetadata } from '../../auth/discovery/authorizationServer.ts'
import type { App, ReadOnlyStores } from '../../compose/app.ts'
import type { ServerConfig } from '../../config/config.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Authorizer, HttpResponse } from '../../ports.ts'
import type { Challenge, TokenRecord } from '../../records.ts'
import type { Outcome } from './finding.ts'

export interface CheckContext
  extends Pick<
    App,
    'config' | 'clock' | 'http' | 'guarded' | 'reach' | 'rules' | 'environment' | 'key' | 'look' | 'surroundings'
  > {
  /** Undefined: no server was given, so only this machine is checked. */
  readonly server: ServerConfig | undefined
  readonly version: string
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
  /** Which subject it needs: without a server, checks of the server are skipped. */
  readonly about: 'machine' | 'server'
  /** Longest time it may take, in ms. */
  readonly limitMs?: number
  /** The error after that time; omitted: server_timeout. */
  readonly late?: ErrorCode
  /** May throw BridgeError: then the check fails with it. Must stop when `signal` aborts. */
  run(patient: CheckContext, facts: Findings, signal: AbortSignal): Promise<Outcome>
}
