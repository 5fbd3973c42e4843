// Picks the storage: the database in its private folder, where its sealing key is kept (keychain, key file or variable), and the stores on it.
import type { Config } from '../config/config.ts'
import { defaultPaths } from '../config/paths.ts'
import { BridgeError, reworded } from '../errors.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import { createAttemptStore } from '../store/attemptStore.ts'
import { createCache, createSealedCache } from '../store/cache.ts'
import { createClientStore } from '../store/clientStore.ts'
import { createLeases } from '../store/leases.ts'
import { openReadOnlyStores, type ReadOnlyStores } from '../store/readOnlyStores.ts'
import { followKey, openSeal, type PinnedSlots } from '../store/sealing/openSeal.ts'
import {
  type KeyBackend,
  type KeySlots,
  keyBackends,
  openSealingKey,
  peekSealingKey,
} from '../store/sealing/sealingKey.ts'
import {
  type Database as Connection,
  checkpoint,
  openChecked,
  openDatabase,
  openUnmigrated,
} from '../store/sqlite/database.ts'
import { followFile, identity } from '../store/sqlite/followFile.ts'
import { probeDatabase } from '../store/sqlite/inspect.ts'
import { demandTables } from '../store/sqlite/migrate.ts'
import { createSqlDatabase } from '../store/sqlite/sqlDatabase.ts'
import { createTokenStore } from '../store/tokenStore.ts'
import { ensurePrivateFolder, makePrivate, withPrivateUmask } from '../system/files/private.ts'
import { createEnvKey, createKeyFile } from '../system/keychain/keyFile.ts'
import { createKeyPin } from '../system/keychain/keyPin.ts'
import { holders } from '../system/process/holders.ts'
import type { GatewayDatabase } from './database.ts'
import type { Runtime } from './runtime.ts'

type StorageRuntime = Pick<Runtime, 'environment' | 'clock' | 'log' | 'keychain'>

export type Stores = ReturnType<typeof openStores>

export interface Storage {
  /** Makes and migrates the database on first use; a failure is not kept. */
  readonly open: () => Promise<Stores>
  /** An existing database, in which nothing can change. The caller closes it. */
  readonly look: () => Promise<ReadOnlyStores>
  /** The database as it is, for looking at its schema. The caller closes it. */
  readonly openRaw: () => Connection
  /** The gateway's database, where it is PostgreSQL. The caller closes it. @throws BridgeError database_unreachable */
  readonly openPostgres: () => Promise<GatewayDatabase>
  /** All possible places of keys. */
  readonly keyStores: () => KeySlots['stores']
  readonly close: () => Promise<void>
}

export function composeStorage(config: Config, runtime: StorageRuntime): Storage {
  const open = memoizeAsync(async () => openStores(config, runtime))
  return {
    open,
    look: async () =>
      withPrivateUmask(config.database, () =>
        openReadOnlyStores(config.database, slotsOf(config, runtime), runtime.clock),
      ),
    openRaw: () => privately(config, () => openUnmigrated(config.database)),
    openPostgres: async () => {
      if (!config.postgres) throw new Error('The database is a SQLite file.')
      return (await import('./database.ts')).openGatewayDatabase(config.postgres, runtime.log)
    },
    keyStores: () => keyStores(config, runtime),
    close: async () => (await open.peek())?.database.close(),
  }
}

function openStores(config: Config, runtime: StorageRuntime) {
  const { clock, log } = runtime
  const onSetAside = (file: string) =>
    log.error('store:set-aside', { file, message: 'The database was damaged; a new one was created.' })
  const open = () => privately(config, () => openDatabase(config.database, onSetAside))
  const slots = slotsOf(config, runtime)
  const connection = followFile(config.database, open)
  const database = createSqlDatabase(connection)
  const seal = followKey(database, () => openSeal(database, slots, { clock, log }))
  return {
    database,
    /** The SQLite driver that it is on. */
    driver: connection.driver,
    tokens: createTokenStore(database, seal, clock),
    attempts: createAttemptStore(database, seal, clock),
    clients: createClientStore(database, seal, clock),
    cache: createSealedCache(database, seal, clock),
    /** What servers answered: shown to a host, and nothing is sent because of it. */
    answers: createCache(database, clock),
    leases: createLeases(database, clock, holders),
    /** Where the sealing key is, or would be stored. */
    keyBackends: () => keyBackends(database),
    /** Where nothing is sealed any more, a key that is gone makes place for a new one, also for who has read it before. */
    giveUpLostKey: async () => void (await peekSealingKey(database, slots)),
  }
}

/** The gateway's SQLite database, and the key that it has of its own. @throws BridgeError database_unreachable, schema_missing */
export async function openGatewayFile(config: Config, runtime: StorageRuntime, migrate: 'up' | 'check') {
  const { clock, log } = runtime
  const connection = privately(config, () =>
    migrate === 'up' ? openDatabase(config.database) : openChecked(config.database),
  )
  try {
    demandTables(connection)
    checkpoint(connection)
  } catch (thrown) {
    connection.close()
    throw thrown
  }
  const opened = identity(config.database)
  const database = createSqlDatabase(connection)
  const slots = slotsOf(config, runtime)
  return {
    database,
    /** Whoever signs in to a file that has no name any more is lost with this process. */
    async probe() {
      await probeDatabase(database)
      if (identity(config.database) === opened) return
      throw new BridgeError('database_unreachable', {
        message: `The database file ${config.database} was deleted or replaced while serve runs.`,
        hint: 'Start serve again.',
      })
    },
    flush: () => checkpoint(connection),
    async ownKey() {
      try {
        await openSeal(database, slots, { clock, log })
        return await openSealingKey(database, slots, clock)
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'key_missing') throw thrown
        throw reworded(thrown, { hint: OWN_KEY_GONE })
      }
    },
  }
}

/** At a gateway, `logout` and `login` are of no use. */
const OWN_KEY_GONE =
  'Restore it, or configure it: MCP_OAUTH_BRIDGE_KEY, MCP_OAUTH_BRIDGE_KEY_FILE or serve.key_command. If it is lost, move the database file away: everybody signs in again.'

/** Runs `open` with our folder private and the database's files 0600. */
function privately<T>(config: Config, open: () => T): T {
  ensurePrivateFolder(config.dataFolder)
  const files = ['', '-wal', '-shm'].map((end) => config.database + end)
  for (const file of files) makePrivate(file, 0o600)
  return withPrivateUmask(config.database, open)
}

const slotsOf = (config: Config, runtime: StorageRuntime): PinnedSlots => ({
  wanted: wantedBackends(config),
  stores: keyStores(config, runtime),
  pin: createKeyPin(defaultPaths(runtime.environment).state, config.database),
})

const wantedBackends = ({ secretStore }: Config): readonly KeyBackend[] =>
  secretStore === 'auto' ? ['keychain', 'file'] : [secretStore]

const keyStores = (config: Config, { keychain, environment }: StorageRuntime): KeySlots['stores'] => ({
  keychain,
  file: createKeyFile(config.dataFolder),
  env: createEnvKey(environment.MCP_OAUTH_BRIDGE_KEY),
})
