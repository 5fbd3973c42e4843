// The addresses of the gateway as config.yaml writes them: where it listens, under which origin it is reached, which proxies it trusts
import { BlockList, isIP } from 'node:net'
import { isSecure } from '../../secureUrl.ts'

/** HOST:PORT, an IPv6 address in brackets. undefined: it is something else. */
export function addressOf(text: string): { host: string; port: number } | undefined {
  const [, v6, name, digits = ''] = /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) return undefined
  return { host, port }
}

/** An IP address, or a range in CIDR notation. */
export function isRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false
  try {
    new BlockList().addSubnet(address, Number(bits ?? 32), family === 6 ? 'ipv6' : 'ipv4')
    return true
  } catch {
    return false
  }
}

/** https, or http on loopback. */
export const isSecureUrl = (text: string): boolean => URL.canParse(text) && isSecure(new URL(text), false)
