// Which proxy a URL uses: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, interpreted as curl and Go do.
import { BlockList, isIP } from 'node:net'
import { bareHost } from '../../bareHost.ts'
import { BridgeError, ERRORS } from '../../errors.ts'
import { present } from '../../present.ts'
import { quote } from '../../redaction/text.ts'
import { isLoopback } from '../../secureUrl.ts'
import { explained, reasonOf } from './errors.ts'
import { UNKNOWN_ISSUER } from './tlsErrors.ts'

/** undefined: no proxy. @throws BridgeError proxy_failed for a proxy that cannot be used */
export type ProxyFor = (url: URL) => URL | undefined

/** undefined when no proxy is set. Lower-case names override upper-case names; loopback is never proxied. */
export function createProxyFor(environment: NodeJS.ProcessEnv): ProxyFor | undefined {
  const read = (name: string) => environment[name] || environment[name.toUpperCase()] || undefined
  const secure = read('https_proxy')
  const plain = read('http_proxy')
  if (secure === undefined && plain === undefined) return undefined
  const isExcepted = exceptions(read('no_proxy') ?? '')
  return (url) => {
    const proxy = url.protocol === 'https:' ? secure : plain
    return proxy === undefined || isLoopback(url.hostname) || isExcepted(url) ? undefined : parse(proxy)
  }
}

/** Without a scheme it is http. The message never repeats the value, which may contain a password. */
function parse(value: string): URL {
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol)) return url
  throw new BridgeError('proxy_failed', {
    message: url ? `The proxy scheme ${quote(url.protocol)} is not supported.` : 'The proxy setting is not a URL.',
    hint: 'Set HTTPS_PROXY to http://host:port or https://host:port.',
  })
}

interface Exception {
  readonly host: string
  readonly port: string
}

/** `*`, names with their subdomains, addresses, networks such as 10.0.0.0/8, each but the last with an optional port. */
function exceptions(list: string): (url: URL) => boolean {
  const words = list
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((word) => word !== '')
  if (words.includes('*')) return () => true
  const networks = new BlockList()
  const names = words.filter((word) => !addNetwork(networks, word)).map(exception)
  return ({ hostname, port, protocol }) => {
    const host = canonical(hostname)
    const family = isIP(host)
    if (family !== 0 && networks.check(host, family === 4 ? 'ipv4' : 'ipv6')) return true
    const actual = port || (protocol === 'https:' ? '443' : '80')
    return names.some(
      (name) => (name.port === '' || name.port === actual) && (host === name.host || host.endsWith(`.${name.host}`)),
    )
  }
}

/** An address is a network of one. False: the word is neither. */
function addNetwork(networks: BlockList, word: string): boolean {
  const [, address = '', bits] = /^\[?([\da-f.:]+)\]?(?:\/(\d+))?$/.exec(word) ?? []
  const family = isIP(address)
  const longest = family === 4 ? 32 : 128
  const prefix = Number(bits ?? longest)
  if (family === 0 || prefix > longest) return false
  networks.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return true
}

function exception(word: string): Exception {
  const [, named = word, port = ''] = /^(.*?)(?::(\d+))?$/.exec(word) ?? []
  return { host: canonical(named.replace(/^\*?\./, '')), port }
}

/** In the one spelling that a URL has, without the dot of the root; what is no host stays as it is. */
function canonical(written: string): string {
  const host = written.replace(/\.$/, '')
  const isHost = !/[/?#@\\]/.test(host) && URL.canParse(`http://${host}`)
  return isHost ? bareHost(new URL(`http://${host}`)) : host
}

/** Basic credentials from the proxy's URL (RFC 9110 section 11.7.2). */
export function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const pair = `${decoded(username)}:${decoded(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** As curl does: a percent sign that encodes nothing stands for itself. */
const decoded = (text: string) =>
  text.replace(/(?:%[\da-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run)
    } catch {
      return run
    }
  })

/** host:port, as CONNECT requires it (RFC 9110 section 9.3.6). */
export function authorityOf({ hostname, port }: { readonly hostname: string; readonly port: string }): string {
  return `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port || '443'}`
}

/** 407 is the proxy's own question for a password; any other status is about the server. */
export function proxyRefused(proxy: URL, authority: string, status: number): BridgeError {
  return new BridgeError('proxy_failed', {
    message: `The proxy ${proxy.origin} answered ${status} for ${authority}.`,
    ...present({
      hint:
        status === 407 ? 'Add the user name and password to the proxy URL: http://user:password@host:port.' : undefined,
    }),
    details: { status, sent: false },
  })
}

export function proxyUnreachable(proxy: URL, cause: Error): BridgeError {
  const reason = reasonOf(cause)
  if (cause.name === 'AbortError' || reason === 'UND_ERR_CONNECT_TIMEOUT') {
    const message = `The proxy ${proxy.origin} did not answer in time.`
    return new BridgeError('server_timeout', { message, details: { sent: false }, cause })
  }
  const message = `The proxy ${proxy.origin} cannot be reached: ${explained(reason)}.`
  const hint = UNKNOWN_ISSUER.test(reason) ? ERRORS.tls_failed.hint : undefined
  return new BridgeError('proxy_failed', { message, ...present({ hint }), details: { reason, sent: false }, cause })
}
