// Whether a Host is the gateway's own: a page that points its name at the gateway (DNS rebinding) sends that name
import { isIPv4 } from 'node:net'
import { isLoopback } from '../../secureUrl.ts'

/** own: that of the public URL, or loopback with the port of the listener · address: another address, which is not a name · foreign: another name. */
export type HostKind = 'own' | 'address' | 'foreign' | 'malformed'

export interface OwnHosts {
  /** `host`: the header, as it came; undefined: none. */
  kindOf(host: string | undefined): HostKind
  /** The origins of the pages that the gateway serves itself. */
  readonly origins: ReadonlySet<string>
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
/** RFC 9110 section 7.2; a name has at most 253 characters (RFC 1123). */
const HOST = /^([a-z0-9_.-]{1,254}|\[[0-9a-f:.]{2,45}\])(?::(\d{0,5}))?$/i
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** `port`: on which the listener listens; `protocol`: which it speaks itself. */
export function createOwnHosts(options: {
  readonly publicUrl: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly protocol: 'http:' | 'https:'
}): OwnHosts {
  const { listen, protocol } = options
  const publicUrl = new URL(options.publicUrl)
  const names = [...LOOPBACK, ...(isLoopback(listen.host) ? [listen.host] : [])]
  const here = names.map((name) => new URL(`${protocol}//${name}:${listen.port}`))
  const own = new Set([publicUrl, ...here].map((url) => `${canonical(url.hostname)} ${portOf(url)}`))
  const decide = (host: string | undefined): HostKind => {
    const [, name, port] = HOST.exec(host ?? '') ?? []
    const hostname = name && canonical(name)
    if (!hostname) return 'malformed'
    const ports = port ? [port] : [portOf(publicUrl, ''), DEFAULT_PORTS[protocol] ?? '']
    if (ports.some((one) => own.has(`${hostname} ${one}`))) return 'own'
    return hostname.startsWith('[') || isIPv4(hostname) ? 'address' : 'foreign'
  }
  /** Requests name the same few spellings of the gateway's own. */
  const known = new Set<string>()
  return {
    origins: new Set([publicUrl, ...here].map(({ origin }) => origin)),
    kindOf(host) {
      if (host !== undefined && known.has(host)) return 'own'
      const kind = decide(host)
      if (kind === 'own' && host !== undefined && known.size < MOST_SPELLINGS) known.add(host)
      return kind
    },
  }
}

const MOST_SPELLINGS = 100

/** Without a port in the URL: that of its scheme. */
const portOf = ({ protocol, port }: URL, explicit = port) => explicit || (DEFAULT_PORTS[protocol] ?? '')

/** Lower case, without the dot of the root, IPv6 in its shortest form; '' if it is none. */
function canonical(name: string): string {
  if (!name.startsWith('[')) return name.toLowerCase().replace(/\.$/, '')
  return URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : ''
}
