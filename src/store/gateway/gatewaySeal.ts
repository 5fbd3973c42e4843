// Seals what goes through the hands of clients and browsers, with keys that are derived from the sealing keys (HKDF, RFC 5869).
import { createHmac, timingSafeEqual } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import type { GatewaySeal } from '../../gateway/ports.ts'
import { createSeal, createSealRing } from '../sealing/seal.ts'

/** `keys`: the sealing keys, the one in use first. @throws BridgeError key_missing where there is none */
export function createGatewaySeal(keys: readonly Uint8Array[]): GatewaySeal {
  const roots = keys.map(extracted)
  const [first] = roots
  if (!first) throw new BridgeError('key_missing')
  // Each place has its own key: no amount of texts for one of them wears out the key of another.
  const keyOf = (root: Uint8Array, place: readonly string[]) => expanded(root, JSON.stringify(['seal', ...place]))
  const macWith = (root: Uint8Array, purpose: string, text: string) =>
    hmac(expanded(root, JSON.stringify(['mac', purpose])), text)
  return {
    seal: (text, place) => createSeal(keyOf(first, place)).seal(text, ['gateway', ...place]),
    open(sealed, place) {
      try {
        return createSealRing(roots.map((root) => keyOf(root, place))).open(sealed, ['gateway', ...place])
      } catch (thrown) {
        if (thrown instanceof BridgeError && thrown.code === 'seal_broken') return undefined
        throw thrown
      }
    },
    mac: (purpose, text) => macWith(first, purpose, text).toString('base64url'),
    isMac(mac, purpose, text) {
      const given = Buffer.from(mac, 'base64url')
      // Only the canonical encoding.
      if (given.toString('base64url') !== mac) return false
      return roots.some((root) => {
        const own = macWith(root, purpose, text)
        return own.length === given.length && timingSafeEqual(own, given)
      })
    },
  }
}

const hmac = (key: Uint8Array | string, text: Uint8Array | string) => createHmac('sha256', key).update(text).digest()

/** HKDF-Extract. */
const extracted = (key: Uint8Array) => hmac('mcp-oauth-bridge gateway', key)

/** HKDF-Expand to 32 bytes, which is one block; crypto.hkdfSync takes many times as long, and every message asks for it. */
const expanded = (root: Uint8Array, purpose: string) => hmac(root, `${purpose}\x01`)
