// The storage part of the composition root: the database in its private folder, the places of the sealing key, and the stores.
import type { Config } from '../config/config.ts'
import { defaultPaths } from '../config/paths.ts'
import { BridgeError } from '../errors.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { Clock, Logger, SecretStore } from '../ports.ts'
import { createAttemptStore } from '../store/attemptStore.ts'
import { createCache, createSealedCache } from '../store/cache.ts'
import { createClientStore } from '../store/clientStore.ts'
import { createLeases } from '../store/leases.ts'
import { adoptRows } from '../store/sealing/adoptRows.ts'
import { redactedSeal } from '../store/sealing/redactedSeal.ts'
import { createSeal, fingerprint, type Seal } from '../store/sealing/seal.ts'
import {
  type KeyBackend,
  type KeyPin,
  type KeySlots,
  keyBackends,
  openSealingKey,
  peekSealingKey,
} from '../store/sealing/sealingKey.ts'
import { type Database, openDatabase, openToLook, openUnmigrated } from '../store/sqlite/database.ts'
import { followFile } from '../store/sqlite/followFile.ts'
import { createTokenStore } from '../store/tokenStore.ts'
import { ensurePrivateFolder, makePrivate, withPrivateUmask } from '../system/files/private.ts'
import { createEnvKey, createKeyFile } from '../system/keychain/keyFile.ts'
import { createKeyPin } from '../system/keychain/keyPin.ts'

export interface StoreDoors {
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly log: Logger
  readonly secrets?: KeySlots['stores']
  readonly keychain: SecretStore
}

/** The unmigrated database, for reading its schema; the caller closes it. */
export const openRawDatabase = (config: Config): Database => privately(config, () => openUnmigrated(config.database))

/** Runs `open` with our folder private and the database's files 0600. */
function privately<T>(config: Config, open: () => T): T {
  ensurePrivateFolder(config.dataFolder)
  const files = ['', '-wal', '-shm'].map((end) => config.database + end)
  for (const file of files) makePrivate(file, 0o600)
  return withPrivateUmask(config.database, open)
}

/** The read-only stores: an existing database that cannot be changed. The caller closes it. */
export function openLook(config: Config, doors: StoreDoors) {
  const database = withPrivateUmask(config.database, () => openToLook(config.database))
  const slots = slotsOf(config, doors)
  const sealingKey = memoizeAsync(() => peekSealingKey(database, slots))
  const openSeal = async (): Promise<Seal> => {
    const key = await sealingKey()
    if (key) return redactedSeal(slots.pin.known() ? createSeal(key) : { ...createSeal(key), unmarked: 'believed' })
    throw new BridgeError('key_missing')
  }
  return {
    database,
    tokens: createTokenStore(database, openSeal, doors.clock),
    clients: createClientStore(database, openSeal, doors.clock),
    leases: createLeases(database, doors.clock),
    keyBackends: () => keyBackends(database),
    sealingKey,
    close: () => database.close(),
  }
}

export function openStore(config: Config, doors: StoreDoors) {
  const { clock, log } = doors
  const onSetAside = (file: string) =>
    log.error('store:set-aside', { file, message: 'The database was damaged; a new one was created.' })
  const open = () => privately(config, () => openDatabase(config.database, onSetAside))
  const slots = slotsOf(config, doors)
  const sealing = () => memoizeAsync(() => openRows(database, slots, doors))
  let seal = sealing()
  // Another database has another key.
  const database = followFile(config.database, open, () => {
    seal = sealing()
  })
  const openSeal = () => seal()
  return {
    database,
    tokens: createTokenStore(database, openSeal, clock),
    attempts: createAttemptStore(database, openSeal, clock),
    clients: createClientStore(database, openSeal, clock),
    cache: createSealedCache(database, openSeal, clock),
    /** What servers answered: shown to a host, and nothing is sent because of it. */
    answers: createCache(database, clock),
    leases: createLeases(database, clock),
    /** Where the sealing key is, or would be stored. */
    keyBackends: () => keyBackends(database),
  }
}

/** The seal; when a database is opened for the first time, its rows are sealed unchanged, and its key is recorded. */
async function openRows(database: Database, slots: KeySlots & { pin: KeyPin }, doors: StoreDoors): Promise<Seal> {
  const isNew = slots.pin.known() === undefined
  const key = await openSealingKey(database, slots, doors.clock)
  const seal = redactedSeal(createSeal(key))
  if (!isNew || slots.pin.known() !== undefined) return seal
  const [backend] = keyBackends(database)
  if (backend === 'file' && !(slots.wanted.length === 1 && slots.wanted[0] === 'file'))
    doors.log.warn('store:key', {
      outcome: 'adopted',
      message: `The database says that the sealing key is in a file, and no earlier choice is recorded. To rule this out, set secret_store: keychain in config.yaml.`,
    })
  adoptRows(database, seal)
  slots.pin.add(fingerprint(key))
  return seal
}

const slotsOf = (config: Config, doors: StoreDoors): KeySlots & { pin: KeyPin } => ({
  wanted: wantedBackends(config),
  stores: doors.secrets ?? secretStores(config, doors),
  pin: createKeyPin(defaultPaths(doors.environment).state, config.database),
})

function wantedBackends({ secretStore }: Config): readonly KeyBackend[] {
  return secretStore === 'auto' ? ['keychain', 'file'] : [secretStore]
}

function secretStores(config: Config, doors: StoreDoors): KeySlots['stores'] {
  const { environment } = doors
  const refuse = (): never => {
    throw new BridgeError('key_missing', {
      message: 'MCP_OAUTH_BRIDGE_KEY is not set.',
      hint: 'Set it to 32 bytes in base64: openssl rand -base64 32.',
    })
  }
  return {
    keychain: doors.keychain,
    file: createKeyFile(config.dataFolder),
    env: createEnvKey(environment.MCP_OAUTH_BRIDGE_KEY, refuse),
  }
}

/** All possible places of keys. */
export const keyStores = (config: Config, doors: StoreDoors): KeySlots['stores'] =>
  doors.secrets ?? secretStores(config, doors)
