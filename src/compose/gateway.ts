// The composition root of the gateway: picks its stores, its authorization server, its message path, and the listener in front of them.
import type { Config } from '../config/config.ts'
import type { ServeSettings } from '../gateway/settings.ts'
import type { Runtime } from './runtime.ts'

export interface GatewayOptions {
  readonly config: Config
  readonly settings: ServeSettings
  /** Whether the schema is brought up to date at the start, or only checked. */
  readonly migrate: 'up' | 'check'
  /** Newest first; empty: none is configured, and the key of the SQLite database is used. */
  readonly keys: readonly Uint8Array[]
  readonly runtime: Runtime
}

export interface Gateway {
  /** @throws BridgeError port_in_use, config_invalid, database_unreachable, schema_missing, key_missing */
  start(): Promise<RunningGateway>
}

export interface RunningGateway {
  /** Where it listens. */
  readonly url: string
  /** Lets open requests finish, and releases the port and the database. */
  close(): Promise<void>
  /** For new connections. @throws BridgeError config_invalid; then the former one stays */
  useCertificate(tls: NonNullable<ServeSettings['tls']>): void
}

export async function composeGateway(_options: GatewayOptions): Promise<Gateway> {
  return {
    start: async () => {
      throw new Error('The gateway is not composed yet.')
    },
  }
}
