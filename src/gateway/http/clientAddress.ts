// The address of a client: of its socket, or what trusted proxies say in X-Forwarded-For, read from the right
import { BlockList, isIP, isIPv6 } from 'node:net'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'

export interface TrustedProxies {
  has(address: string): boolean
}

/** `ranges`: addresses, or ranges in CIDR notation. @throws BridgeError config_invalid */
export function createTrustedProxies(ranges: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const range of ranges) {
    const [text = '', bits] = range.trim().split('/')
    const address = plainAddress(text)
    const most = address !== undefined && isIPv6(address) ? 128 : 32
    const isMapped = most === 32 && text.includes(':')
    const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) - (isMapped ? 96 : 0) : -1
    if (address === undefined || length < 0 || length > most)
      throw new BridgeError('config_invalid', {
        message: `serve.trusted_proxies: ${quote(range)} is not an address or a range such as 10.0.0.0/8.`,
        hint: 'List the addresses of the proxies in front of the gateway, such as 10.0.0.5 or 10.0.0.0/8.',
      })
    list.addSubnet(address, length, familyOf(address))
  }
  return { has: (address) => list.check(address, familyOf(address)) }
}

const familyOf = (address: string) => (isIPv6(address) ? 'ipv6' : 'ipv4')

/** More proxies than this stand nowhere in a row. */
const MOST_HOPS = 50

/**
 * The right-most address that is not a trusted proxy's: what stands further left is the client's own word. An entry that is
 * not an address ends the search, because nobody trusted vouches for what stands left of it.
 * `forwarded`: X-Forwarded-For, several joined by commas.
 */
export function clientAddress(
  socket: string | undefined,
  forwarded: string | undefined,
  trusted: TrustedProxies,
): string {
  let found = plainAddress(socket ?? '') ?? ''
  if (found === '' || forwarded === undefined) return found
  for (const entry of forwarded.split(',').slice(-MOST_HOPS).reverse()) {
    if (!trusted.has(found)) return found
    const address = plainAddress(withoutPort(entry.trim()))
    if (address === undefined) return found
    found = address
  }
  return found
}

/** `192.0.2.1:80`, `[2001:db8::1]:80` → the address; some proxies write the port of the client too. */
const withoutPort = (text: string) =>
  /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text

/** An IPv4 address inside IPv6 (RFC 4291 section 2.5.5.2) as IPv4; without a zone. undefined: it is not an address. */
export function plainAddress(text: string): string | undefined {
  const address = text.includes('%') ? text.slice(0, text.indexOf('%')) : text
  const family = isIP(address)
  if (family !== 6) return family === 4 ? address : undefined
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? []
  if (high === undefined || low === undefined) return short
  const number = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16)
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}
