// Seals what goes through the hands of clients and browsers, with keys that are derived from the sealing keys (HKDF, RFC 5869).
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { BridgeError } from '../../errors.ts'
import type { GatewaySeal } from '../../gateway/ports.ts'
import { createSealRing } from '../sealing/seal.ts'

/** `keys`: the sealing keys, the one in use first. @throws BridgeError key_missing where there is none */
export function createGatewaySeal(keys: readonly Uint8Array[]): GatewaySeal {
  const [first] = keys
  if (!first) throw new BridgeError('key_missing')
  // Each place has its own key: no amount of texts for one of them wears out the key of another.
  const ringOf = (place: readonly string[]) =>
    createSealRing(keys.map((key) => derived(key, JSON.stringify(['seal', ...place]))))
  const macWith = (key: Uint8Array, purpose: string, text: string) =>
    createHmac('sha256', derived(key, JSON.stringify(['mac', purpose])))
      .update(text)
      .digest()
  return {
    seal: (text, place) => ringOf(place).seal(text, ['gateway', ...place]),
    open(sealed, place) {
      try {
        return ringOf(place).open(sealed, ['gateway', ...place])
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
      return keys.some((key) => {
        const own = macWith(key, purpose, text)
        return own.length === given.length && timingSafeEqual(own, given)
      })
    },
  }
}

const derived = (key: Uint8Array, purpose: string) =>
  new Uint8Array(hkdfSync('sha256', key, 'mcp-oauth-bridge gateway', createHash('sha256').update(purpose).digest(), 32))
