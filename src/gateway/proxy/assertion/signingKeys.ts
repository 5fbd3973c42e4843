// The keys that sign assertions: made under a lease, published before and after the time in which they are used
import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { Clock, Leases, Logger } from '../../../ports.ts'
import { sha256 } from '../../../sha256.ts'
import type { SigningKey, SigningKeyStore } from '../../ports.ts'

const HOUR = 60 * 60_000
const DAY = 24 * HOUR
/** How long a key signs. */
const IN_USE_MS = 30 * DAY
/** How long it is published before and after that: servers keep a key set for hours. */
const PUBLISHED_MS = DAY
/** How long what the store has said counts: other processes make keys too, a day before they are used. */
const LOADED_MS = 60_000
/** Renewed while it is held. Where the holder was killed, the first calls wait this long. */
const LEASE_MS = 4_000

export interface SigningKeys {
  /** The key that signs now; the same for all processes on one store. */
  current(): Promise<{ readonly kid: string; readonly key: KeyObject }>
  /** JWK Set (RFC 7517 section 5): public keys, the next one included. */
  published(): Promise<{ readonly keys: readonly JsonWebKey[] }>
}

export interface SigningKeysOptions {
  readonly store: SigningKeyStore
  readonly leases: Pick<Leases, 'run'>
  readonly clock: Pick<Clock, 'now' | 'awake'>
  readonly log: Logger
}

export function createSigningKeys({ store, leases, clock, log }: SigningKeysOptions): SigningKeys {
  let loaded: { readonly keys: Promise<readonly SigningKey[]>; readonly until: number } | undefined
  const privateKeys = new Map<string, KeyObject>()

  const tend = () =>
    leases.run('signing-key', LEASE_MS, async () => {
      const now = clock.now()
      for (const { kind, key, at } of dutiesOf(await store.all(), now)) {
        if (kind === 'add') await store.add(key)
        else if (kind === 'retire') await store.retire(key.kid, at)
        else await store.remove(key.kid)
        log.info('proxy:signing-key', { message: WORDS[kind] })
      }
      return store.all()
    })
  const load = async () => {
    const keys = await store.all()
    return dutiesOf(keys, clock.now()).length === 0 ? keys : tend()
  }
  const all = () => {
    const at = clock.awake()
    if (loaded && loaded.until > at) return loaded.keys
    const keys = load()
    const fresh = { keys, until: at + LOADED_MS }
    loaded = fresh
    keys.catch(() => {
      if (loaded === fresh) loaded = undefined
    })
    return keys
  }
  const privateKeyOf = ({ kid, privateJwk }: SigningKey) => {
    const known = privateKeys.get(kid)
    if (known) return known
    privateKeys.clear()
    const key = createPrivateKey({ key: privateJwk as JsonWebKey, format: 'jwk' })
    privateKeys.set(kid, key)
    return key
  }
  return {
    async current() {
      const signing = signingAt(await all(), clock.now())
      if (signing) return { kid: signing.kid, key: privateKeyOf(signing) }
      // The last one of those that were loaded has just been retired.
      loaded = undefined
      const next = signingAt(await all(), clock.now())
      if (!next) throw new Error('no signing key is in use')
      return { kid: next.kid, key: privateKeyOf(next) }
    },
    async published() {
      return { keys: (await all()).map(({ kid, publicJwk }) => ({ ...publicJwk, kid, alg: 'ES256', use: 'sig' })) }
    },
  }
}

const WORDS = {
  add: 'A new key for assertions was made.',
  retire: 'A key for assertions has a successor.',
  remove: 'A retired key for assertions is no longer published.',
} as const

interface Duty {
  readonly kind: keyof typeof WORDS
  readonly key: SigningKey
  readonly at: number
}

const isInUse = ({ activeFrom, retiredAt }: SigningKey, now: number) =>
  activeFrom <= now && (retiredAt === undefined || retiredAt > now)

const newestFirst = (keys: readonly SigningKey[]) =>
  [...keys].sort((a, b) => b.activeFrom - a.activeFrom || (a.kid < b.kid ? -1 : 1))

const signingAt = (keys: readonly SigningKey[], now: number) => newestFirst(keys).find((key) => isInUse(key, now))

/** What has to be done to the keys now. */
function dutiesOf(keys: readonly SigningKey[], now: number): readonly Duty[] {
  const signing = signingAt(keys, now)
  // The first one of all cannot be published before.
  if (!signing) return [{ kind: 'add', key: newKey(now), at: now }]
  const [newest = signing] = newestFirst(keys.filter(({ retiredAt }) => retiredAt === undefined || retiredAt > now))
  const end = newest.activeFrom + IN_USE_MS
  const duties: Duty[] = []
  if (end - PUBLISHED_MS <= now) duties.push({ kind: 'add', key: newKey(Math.max(end, now + PUBLISHED_MS)), at: now })
  for (const key of keys) {
    if (key.retiredAt === undefined && key !== signing && key.activeFrom <= signing.activeFrom)
      duties.push({ kind: 'retire', key, at: signing.activeFrom })
    if (key.retiredAt !== undefined && key.retiredAt + PUBLISHED_MS <= now)
      duties.push({ kind: 'remove', key, at: now })
  }
  return duties
}

function newKey(activeFrom: number): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty, crv, x, y, d } = privateKey.export({ format: 'jwk' })
  // RFC 7638 section 3: exactly these members, in this order.
  const kid = sha256(JSON.stringify({ crv, kty, x, y }))
  return {
    kid,
    publicJwk: { ...publicKey.export({ format: 'jwk' }) },
    privateJwk: { kty, crv, x, y, d },
    activeFrom,
    retiredAt: undefined,
  }
}
