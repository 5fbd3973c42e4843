// The lifecycle of the 32-byte sealing key: created once, kept in slots (keychain, file, env), never replaced while rows need it.
import { randomBytes } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import type { Clock, SecretStore } from '../../ports.ts'
import type { Database, Sql } from '../sql.ts'
import { replaceInto } from '../values/columns.ts'
import { fromSqlTime, sqlTime } from '../values/time.ts'
import { fingerprint } from './seal.ts'

export type KeyBackend = 'keychain' | 'file' | 'env'

export interface KeySlots {
  /** Where a new key may be stored, best first. */
  readonly wanted: readonly KeyBackend[]
  readonly stores: Readonly<Record<KeyBackend, SecretStore>>
  /** Omitted: every key is accepted. */
  readonly pin?: KeyPin
}

/** The fingerprints of the keys this program has used with this database, stored where somebody who can write to the database cannot write. */
export interface KeyPin {
  /** The file, which a person may have to delete. */
  readonly path: string
  /** undefined: this database is opened for the first time. */
  known(): readonly string[] | undefined
  add(fingerprint: string): void
}

/** If a process dies while it creates the first key, another one takes over after this time. */
const CLAIM_MS = 10_000
const POLL_MS = 50

/** The backends that hold the key now; empty before the first secret is stored. Reads no key. */
export async function keyBackends(sql: Sql): Promise<KeyBackend[]> {
  const rows = await sql.all("SELECT backend FROM key_slots WHERE backend <> 'claim' ORDER BY backend")
  return rows.map(({ backend }) => backend as KeyBackend)
}

/** Whether the key of this fingerprint is the database's own now. */
export const hasSlot = async (sql: Sql, print: string): Promise<boolean> =>
  (await sql.get('SELECT backend FROM key_slots WHERE fingerprint = :print', { print })) !== undefined

/** The names of the keychain items that hold the key. Reads no key. */
export async function keychainItems(sql: Sql): Promise<string[]> {
  const rows = await sql.all("SELECT item FROM key_slots WHERE backend = 'keychain'")
  return rows.map(({ item }) => String(item))
}

/**
 * Reads the key, or creates it if nothing is sealed yet.
 * @throws BridgeError keychain_locked, key_missing, keychain_unavailable
 */
export async function openSealingKey(database: Database, slots: KeySlots, clock: Clock): Promise<Uint8Array> {
  for (;;) {
    const known = await keyBackends(database)
    if (known.length > 0) {
      const key = await readKnown(database, slots, known)
      if (!key) continue
      await addWantedSlot(database, slots, key, clock)
      return key
    }
    const item = await claim(database, clock)
    if (item) return await makeKey(database, slots, item, clock)
    await clock.sleep(POLL_MS)
  }
}

/**
 * The existing key, for reading; undefined: there is none, and nothing is sealed. Creates no key and no slot.
 * @throws BridgeError keychain_locked, key_missing
 */
export async function peekSealingKey(database: Database, slots: KeySlots): Promise<Uint8Array | undefined> {
  const known = await keyBackends(database)
  return known.length === 0 ? undefined : readKnown(database, slots, known)
}

/** undefined: the key is gone and nothing was sealed with it, so the slots were cleared for a new one. */
async function readKnown(database: Database, slots: KeySlots, known: KeyBackend[]): Promise<Uint8Array | undefined> {
  const order = [...known].sort((a, b) => rank(slots, a) - rank(slots, b))
  const pinned = slots.pin?.known()
  let unpinned: KeyBackend | undefined
  let locked: BridgeError | undefined
  for (const backend of order) {
    const slot = await database.get('SELECT item, fingerprint FROM key_slots WHERE backend = :backend', { backend })
    if (!slot || !ITEM.test(String(slot.item))) continue
    if (!isOurs(slots, backend, String(slot.fingerprint), pinned)) {
      unpinned ??= backend
      continue
    }
    try {
      const text = await slots.stores[backend].get(String(slot.item))
      if (text === undefined) continue
      const key = Buffer.from(text, 'base64')
      if (fingerprint(key) === slot.fingerprint) return key
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      locked ??= thrown
    }
  }
  if (locked) {
    throw new BridgeError('keychain_locked', {
      message: `The sealing key of the stored tokens is in the ${known.join(' and the ')}, which does not return it: ${locked.message}`,
      cause: locked,
    })
  }
  if ((await sealedRows(database)) > 0) {
    if (unpinned) throw unpinnedKey(unpinned, slots)
    throw keyGone(known)
  }
  await database.run("DELETE FROM key_slots WHERE backend <> 'claim'")
  return undefined
}

/** The database says where its key is, and may have been written by others: it can only refer to items of this program. */
const ITEM = /^sealing-key-[\da-f]{12}$/

/** A key that this program did not use before is accepted only if there was none, and from a file only if a file is allowed. */
function isOurs(slots: KeySlots, backend: KeyBackend, print: string, pinned: readonly string[] | undefined): boolean {
  if (!slots.pin) return true
  return pinned ? pinned.includes(print) : backend !== 'file' || slots.wanted.includes('file')
}

function keyGone(known: readonly KeyBackend[]): BridgeError {
  if (known.some((backend) => backend !== 'env'))
    return new BridgeError('key_missing', {
      message: `The sealing key of the stored tokens is no longer in the ${known.join(' or the ')}.`,
    })
  return new BridgeError('key_missing', {
    message: 'The stored tokens were sealed with the key of MCP_OAUTH_BRIDGE_KEY, which is not set, or is another one.',
    hint: 'Set MCP_OAUTH_BRIDGE_KEY to that key. If it is lost, discard the stored sign-ins: mcp-oauth-bridge logout --all, then mcp-oauth-bridge login.',
  })
}

function unpinnedKey(backend: KeyBackend, { pin }: KeySlots): BridgeError {
  return new BridgeError('key_missing', {
    message: `The database refers to a sealing key in the ${backend} that was not used with it before. Somebody may have changed the database, so it was not used.`,
    hint: `Restore oauth.db, or discard the stored sign-ins: mcp-oauth-bridge logout --all, then mcp-oauth-bridge login. If you moved the key yourself, set secret_store to where it is and delete ${pin?.path}.`,
  })
}

/** Rows that would be lost with the key. */
export async function sealedRows(sql: Sql): Promise<number> {
  const row = await sql.get(`SELECT
    (SELECT count(*) FROM tokens WHERE access_token IS NOT NULL) +
    (SELECT count(*) FROM clients WHERE client_secret IS NOT NULL) AS count,
    (SELECT max(version) FROM schema_migrations) AS version`)
  const ofBridge = Number(row?.count)
  // A database that is only looked at may be older.
  if (Number(row?.version) < GATEWAY_SCHEMA) return ofBridge
  const ofGateway = await sql.get(`SELECT
    (SELECT count(*) FROM signing_keys) + (SELECT count(*) FROM refresh_answers) +
    (SELECT count(*) FROM oauth_clients WHERE client_secret IS NOT NULL) AS count`)
  return ofBridge + Number(ofGateway?.count)
}

/** The version of the schema from which on a gateway may have sealed something. */
const GATEWAY_SCHEMA = 4

/** The item name when this process is the one to make the key, decided in one transaction. */
function claim(database: Database, clock: Clock): Promise<string | undefined> {
  return database.transaction(async (sql) => {
    if ((await keyBackends(sql)).length > 0) return undefined
    const other = await sql.get("SELECT item, created_at FROM key_slots WHERE backend = 'claim'")
    // Of a clock that was ahead and is set back, the age would be negative for as long.
    if (other && Math.abs(clock.now() - fromSqlTime(String(other.created_at))) < CLAIM_MS) return undefined
    const item = `sealing-key-${randomBytes(6).toString('hex')}`
    const row = { backend: 'claim', item, fingerprint: '', created_at: sqlTime(clock.now()) }
    const isMine = await sql.run(`${replaceInto('key_slots', ['backend'], row)} WHERE key_slots.item = :before`, {
      ...row,
      before: other ? String(other.item) : null,
    })
    return isMine === 1 ? item : undefined
  })
}

async function makeKey(database: Database, slots: KeySlots, item: string, clock: Clock): Promise<Uint8Array> {
  let failure: unknown
  for (const backend of slots.wanted) {
    try {
      const key = await createKey(slots.stores[backend], item)
      await database.transaction(async (sql) => {
        const mine = await sql.run("DELETE FROM key_slots WHERE backend = 'claim' AND item = :item", { item })
        if (mine !== 1 || (await keyBackends(sql)).length > 0) return
        slots.pin?.add(fingerprint(key))
        await addSlot(sql, { backend, item, key }, clock)
      })
      return await openSealingKey(database, slots, clock)
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      failure = thrown
    }
  }
  await database.run("DELETE FROM key_slots WHERE backend = 'claim' AND item = :item", { item })
  throw failure
}

/** A configured keychain or key file becomes a second slot for the same key, so that SSH and desktop share one database. */
async function addWantedSlot(database: Database, slots: KeySlots, key: Uint8Array, clock: Clock): Promise<void> {
  const [only] = slots.wanted
  if (slots.wanted.length !== 1 || only === undefined || only === 'env') return
  if ((await keyBackends(database)).includes(only)) return
  const item = `sealing-key-${randomBytes(6).toString('hex')}`
  await slots.stores[only].set(item, encodeKey(key))
  await addSlot(database, { backend: only, item, key }, clock)
}

interface KeySlot {
  readonly backend: KeyBackend
  readonly item: string
  readonly key: Uint8Array
}

async function addSlot(sql: Sql, { backend, item, key }: KeySlot, clock: Clock): Promise<void> {
  const row = { backend, item, fingerprint: fingerprint(key), created_at: sqlTime(clock.now()) }
  await sql.run(replaceInto('key_slots', ['backend'], row), row)
}

/** Stores a new key and reads it back: a keychain that does not store it is detected before anything is sealed. */
async function createKey(secrets: SecretStore, item: string): Promise<Uint8Array> {
  const given = await secrets.get(item)
  if (given !== undefined) return decodeKey(given)
  const key = randomBytes(32)
  await secrets.set(item, encodeKey(key))
  const kept = await secrets.get(item)
  if (kept !== encodeKey(key))
    throw new BridgeError('keychain_unavailable', { message: 'The keychain did not store the sealing key.' })
  return key
}

const rank = (slots: KeySlots, backend: KeyBackend) => {
  const place = slots.wanted.indexOf(backend)
  return place === -1 ? slots.wanted.length : place
}

const encodeKey = (key: Uint8Array) => Buffer.from(key).toString('base64url')

function decodeKey(text: string): Uint8Array {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length === 32) return key
  throw new BridgeError('key_missing', {
    message: 'The sealing key is not 32 bytes of base64.',
    hint: 'Create one with: openssl rand -base64 32',
  })
}
