// Which addresses a request may reach: a public server must not refer to private networks (SSRF).
import { type LookupAddress, lookup as lookUp } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { bareHost } from '../../bareHost.ts'
import { BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { HttpClient, HttpRequest } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'

type Bound = NonNullable<HttpRequest['within']>

/** To which addresses a server's metadata may refer. */
export interface Reach {
  /** undefined: anywhere */
  bound(url: URL): Promise<Bound | undefined>
  /** For an address that a browser will open. @throws BridgeError address_refused */
  check(url: URL): Promise<void>
}

/** Networks of an organization (RFC 1918, RFC 6598), and the one (RFC 2544) that tunnels such as Clash answer for every name. */
const PRIVATE = subnets(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '198.18.0.0/15'])
/** This machine, this link, groups and reserved ranges (RFC 6890); and the address at which Azure answers the machines that it runs. */
const LOCAL = subnets([
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/3'],
  '168.63.129.16/32',
])

/** Checks every way in which an IPv6 address can contain an IPv4 address (RFC 4291 section 2.5.5, RFC 6052, RFC 3056). */
export function kindOf(address: string): 'public' | 'private' | 'local' {
  if (isIP(address) === 4) {
    if (PRIVATE.check(address)) return 'private'
    return LOCAL.check(address) ? 'local' : 'public'
  }
  const groups = groupsOf(address)
  if (!groups) return 'local'
  const [first = 0, second = 0, third = 0] = groups
  const dotted = (high = 0, low = 0) => kindOf([high >> 8, high & 255, low >> 8, low & 255].join('.'))
  const leading = groups.slice(0, 5).every((group) => group === 0)
  if (leading && (groups[5] === 0xffff || groups[5] === 0)) return dotted(groups[6], groups[7])
  if (first === 0x64 && second === 0xff9b) return third === 0 ? dotted(groups[6], groups[7]) : 'private'
  if (first === 0x2002) return dotted(second, third)
  if ((first & 0xfe00) === 0xfc00) return 'private'
  // Global unicast is 2000::/3; the Teredo tunnel in it leads to an address of the sender's choice.
  return (first & 0xe000) === 0x2000 && !(first === 0x2001 && second === 0) ? 'public' : 'local'
}

/** @throws BridgeError address_refused when the URL's host is an address outside the limit; names are checked when they are resolved. */
export function checkLiteral(url: URL, within: Bound): void {
  const host = bareHost(url)
  if (isIP(host) !== 0 && !isWithin(host, within)) throw refused(host)
}

/** How long to wait for a resolver, in ms. */
const RESOLVE_MS = 2_000

/**
 * If a proxy resolves the name, we cannot check its result; we check our own result instead. For a name that
 * does not resolve here, the proxy decides.
 * @throws BridgeError address_refused
 */
export async function checkForProxy(url: URL, within: Bound, resolve = resolveAll): Promise<void> {
  const host = bareHost(url)
  if (isIP(host) !== 0) return checkLiteral(url, within)
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<[]>((done) => {
    timer = setTimeout(() => done([]), RESOLVE_MS)
  })
  const addresses = await Promise.race([resolve(host).catch(() => []), silence])
  clearTimeout(timer)
  if (addresses.some(({ address }) => !isWithin(address, within))) throw refused(host)
}

/** A resolver for sockets that keeps only addresses within the limit, so that the check applies to the actual connection. */
export function lookupWithin(within: Bound, resolve = lookUp): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      const addresses = (error ? [] : found).filter(({ address }) => isWithin(address, within))
      const [first] = addresses
      if (error || !first) callback(error ?? refused(hostname), '', 0)
      else if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

/** How long a name without an answer is not asked again: behind a proxy it may never have one, and each try can take seconds. */
const UNRESOLVED_MS = 10_000

/**
 * To which addresses the metadata of `server` may refer. A server on a loopback address may refer to any address, one in a private
 * network also private addresses. `trusted`: origins that a person configured.
 */
export function createReach(
  server: URL,
  trusted: readonly string[],
  resolve = resolveAll,
  now = () => performance.now(),
): Reach {
  const host = bareHost(server)
  // An answer is kept for good: a server on the internet must not count as private because its name moves there later.
  const addresses = memoizeAsync(() => resolve(host))
  let unresolvedUntil = 0
  const ofServer = async (): Promise<Bound | undefined> => {
    if (isIP(host) !== 0) return BOUNDS[kindOf(host)]
    if (host === 'localhost' || host.endsWith('.localhost')) return undefined
    if (now() < unresolvedUntil) return 'public'
    let found: readonly LookupAddress[]
    try {
      found = await addresses()
    } catch {
      unresolvedUntil = now() + UNRESOLVED_MS
      return 'public'
    }
    const inside = found.length > 0 && found.every(({ address }) => kindOf(address) !== 'public')
    return inside ? 'private' : 'public'
  }
  const bound = async (url: URL) =>
    url.origin === server.origin || trusted.includes(url.origin) ? undefined : await ofServer()
  return {
    bound,
    async check(url) {
      const within = await bound(url)
      if (within === undefined) return
      checkLiteral(url, within)
      if (isIP(bareHost(url)) !== 0) return
      // A name that does not resolve here may resolve for the browser's proxy; on this machine it is harmless.
      const addresses = await resolve(bareHost(url)).catch(() => [])
      if (addresses.some(({ address }) => !isWithin(address, within))) throw refused(url.hostname)
    },
  }
}

/** The same client for the login path: each request is limited to these addresses, and the MCP server's cookies are not for it. */
export function withinReach(http: HttpClient, reach: Reach): HttpClient {
  return {
    async request(request) {
      const within = await reach.bound(request.url)
      return http.request({ ...request, cookies: 'none', ...(within === undefined ? {} : { within }) })
    },
    close: () => http.close(),
  }
}

const BOUNDS = { public: 'public', private: 'private', local: undefined } as const

function isWithin(address: string, within: Bound): boolean {
  const kind = kindOf(address)
  return kind === 'public' || (kind === 'private' && within === 'private')
}

const resolveAll = (host: string) =>
  new Promise<LookupAddress[]>((resolve, reject) => {
    lookUp(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
  })

const refused = (host: string) =>
  new BridgeError('address_refused', {
    message: `A server on the internet refers to the host ${quote(host)}, which is in a private network or on this machine.`,
    details: { host: quote(host) },
  })

/** The eight groups of an IPv6 address, as the URL parser writes them. */
function groupsOf(address: string): number[] | undefined {
  const url = `http://[${address.split('%')[0]}]/`
  if (!URL.canParse(url)) return undefined
  const [head = '', tail] = bareHost(new URL(url)).split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const before = parse(head)
  const after = parse(tail ?? '')
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

function subnets(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix))
  }
  return list
}
