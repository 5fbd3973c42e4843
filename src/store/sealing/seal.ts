// Seals one secret for one place in the database: AES-256-GCM with table, row and column as associated data; and authenticates rows.
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import { present } from '../../present.ts'

/** The place of a secret: table, row and column. A sealed text can be decrypted only there. */
export type Place = readonly [table: string, ...rowAndColumn: string[]]

export interface Seal {
  /** The fingerprint of the key that it seals with. */
  readonly keyId: string
  /** `v1.<key fingerprint>.<base64url of nonce, ciphertext, tag>` */
  seal(secret: string, place: Place): string
  /** @throws BridgeError seal_broken */
  open(sealed: string, place: Place): string
  /** `m1.<base64url>`: can be created only with the key (HMAC-SHA-256, with a derived key). */
  mark(contents: unknown): string
  isMark(mark: string, contents: unknown): boolean
  /** For reading a database that this version has not opened before: its rows have no marks yet. */
  readonly unmarked?: 'believed'
}

/** The seal with the process's key; the key is read on the first call. */
export type OpenSeal = () => Promise<Seal>

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Identifies a key without revealing it: the first 16 hex digits of a hash. */
export function fingerprint(key: Uint8Array): string {
  return createHash('sha256').update('mcp-oauth-bridge sealing key\n').update(key).digest('hex').slice(0, 16)
}

/** `key`: 32 bytes. */
export function createSeal(key: Uint8Array): Seal {
  const id = fingerprint(key)
  const markingKey = createHmac('sha256', key).update('mcp-oauth-bridge row seal').digest()
  const mark = (contents: unknown) =>
    `m1.${createHmac('sha256', markingKey).update(JSON.stringify(contents)).digest('base64url')}`
  const associatedData = (place: Place) => Buffer.from(JSON.stringify(['v1', id, ...place]))
  return {
    keyId: id,
    seal(secret, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(
        associatedData(place),
      )
      const box = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `v1.${id}.${box.toString('base64url')}`
    },
    open(sealed, place) {
      const [version, print, text, ...more] = sealed.split('.')
      const box = Buffer.from(text ?? '', 'base64url')
      // Only the canonical encoding: a decoder ignores unused bits and invalid characters.
      if (more.length > 0 || box.toString('base64url') !== text) throw broken(place)
      if (version !== 'v1' || print !== id || box.length < NONCE_BYTES + TAG_BYTES) throw broken(place)
      const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(associatedData(place))
        .setAuthTag(box.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString(
          'utf8',
        )
      } catch (cause) {
        throw broken(place, cause)
      }
    },
    mark,
    isMark(given, contents) {
      const [own, other] = [Buffer.from(mark(contents)), Buffer.from(given)]
      return own.length === other.length && timingSafeEqual(own, other)
    },
  }
}

/**
 * Seals with the first of `keys` (32 bytes each) and opens what any of them has sealed or marked: so a key is changed without a pause.
 * @throws BridgeError key_missing where there is none
 */
export function createSealRing(keys: readonly Uint8Array[]): Seal {
  const seals = keys.map(createSeal)
  const byFingerprint = new Map(keys.map((key, index) => [fingerprint(key), seals[index]]))
  const [first] = seals
  if (!first) throw new BridgeError('key_missing')
  return {
    ...first,
    // A text that names no key of the ring fails with the first one, as any other that is not ours.
    open: (sealed, place) => (byFingerprint.get(sealed.split('.')[1] ?? '') ?? first).open(sealed, place),
    isMark: (mark, contents) => seals.some((seal) => seal.isMark(mark, contents)),
  }
}

/** A row, or a secret in it, that is not as this program wrote it. */
export const broken = (place: Place, cause?: unknown) =>
  new BridgeError('seal_broken', { details: { table: place[0] }, ...present({ cause }) })
