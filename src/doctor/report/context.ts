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
  /** Undefined: no server is named, so only this machine is looked at. */
  readonly server: ServerConfig | undefined
  readonly version: string
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
