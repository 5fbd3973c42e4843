// Picks the gateway's storage: its database, the keys that its secrets are sealed with, and the stores on both
import type { Config } from '../config/config.ts'
import { BridgeError } from '../errors.ts'
import type { GatewaySeal } from '../gateway/ports.ts'
import type { AttemptStore, Cache, ClientStore, Clock, Holders, Leases, Logger, TokenStore } from '../ports.ts'
import { createAttemptStore } from '../store/attemptStore.ts'
import { createSealedCache } from '../store/cache.ts'
import { createClientStore } from '../store/clientStore.ts'
import { createGatewaySeal } from '../store/gateway/gatewaySeal.ts'
import { createGatewayStores, type GatewayStores } from '../store/gateway/stores.ts'
import { createLeases } from '../store/leases.ts'
import { checkKeyRing } from '../store/sealing/keyRing.ts'
import { redactedSeal } from '../store/sealing/redactedSeal.ts'
import { createSealRing } from '../store/sealing/seal.ts'
import type { Database } from '../store/sql.ts'
import { createTokenStore } from '../store/tokenStore.ts'
import { holders } from '../system/process/holders.ts'
import type { Runtime } from './runtime.ts'

export interface GatewayStorage extends GatewayStores {
  /** Of the database, so that all replicas agree about leases and ends. */
  readonly clock: Clock
  readonly seal: GatewaySeal
  readonly leases: Leases
  /** Of the sign-in at a provider. */
  readonly signIn: {
    readonly attempts: AttemptStore
    readonly tokens: TokenStore
    readonly clients: ClientStore
    readonly cache: Cache
  }
  /** @throws BridgeError where the database does not answer */
  probe(): Promise<void>
  /** SQLite: what is only in oauth.db-wal goes into oauth.db itself, so that little is lost with a file that somebody deletes. */
  flush(): void
  close(): Promise<void>
}

export interface GatewayStorageOptions {
  readonly config: Config
  readonly migrate: 'up' | 'check'
  /** Newest first; empty: the key of the SQLite database. */
  readonly keys: readonly Uint8Array[]
  readonly runtime: Pick<Runtime, 'environment' | 'clock' | 'log' | 'keychain'>
}

interface Opened {
  readonly database: Database
  readonly clock: Clock
  /** For leases: who of this machine has ended; undefined where others hold them too. */
  readonly holders: Holders | undefined
  /** The database's own key, for where none is configured. */
  readonly ownKey: () => Promise<Uint8Array>
  readonly probe: () => Promise<void>
  readonly flush: () => void
  close(): Promise<void>
}

/** @throws BridgeError database_unreachable, schema_missing, key_missing */
export async function openGatewayStorage(options: GatewayStorageOptions): Promise<GatewayStorage> {
  const { config, runtime } = options
  const opened = config.postgres ? await openPostgres(options) : await openSqlite(options)
  try {
    return await storesOf(opened, options.keys, runtime.log)
  } catch (thrown) {
    await opened.close()
    throw thrown
  }
}

async function storesOf(opened: Opened, given: readonly Uint8Array[], log: Logger): Promise<GatewayStorage> {
  const { database, clock } = opened
  if (given.length > 0) await checkKeyRing(database, given, clock)
  const keys = given.length > 0 ? given : [await opened.ownKey()]
  const seal = createSealRing(keys)
  // What the log must never repeat is what this process holds for long: not each client's secret of each request.
  const redacted = redactedSeal(seal)
  const openSeal = async () => redacted
  log.debug('store:gateway', { engine: database.kind, keys: keys.length })
  return {
    ...createGatewayStores(database, seal, clock),
    clock,
    seal: createGatewaySeal(keys),
    leases: createLeases(database, clock, opened.holders),
    signIn: {
      attempts: createAttemptStore(database, openSeal, clock),
      tokens: createTokenStore(database, openSeal, clock),
      clients: createClientStore(database, openSeal, clock),
      cache: createSealedCache(database, openSeal, clock),
    },
    probe: opened.probe,
    flush: opened.flush,
    close: opened.close,
  }
}

async function openSqlite({ config, migrate, runtime }: GatewayStorageOptions): Promise<Opened> {
  const { openGatewayFile } = await import('./storage.ts')
  const { database, probe, flush, ownKey } = await openGatewayFile(config, runtime, migrate)
  return { database, clock: runtime.clock, holders, ownKey, probe, flush, close: () => database.close() }
}

async function openPostgres({ config, migrate, runtime }: GatewayStorageOptions): Promise<Opened> {
  const { postgres } = config
  if (!postgres) throw new Error('The database is a SQLite file.')
  const { openMigrated } = await import('./database.ts')
  const { database, clock, probe, close } = await openMigrated(postgres, migrate, runtime)
  const ownKey = async () => {
    throw new BridgeError('key_missing', { message: 'A PostgreSQL database has no sealing key of its own.' })
  }
  return { database, clock, holders: undefined, ownKey, probe, flush: () => undefined, close }
}
