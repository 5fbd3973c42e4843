// Cookies of one origin, in memory: load balancers use them to send a session to the same machine (RFC 6265).
import { registerRotatingSecret } from '../../redaction/register.ts'

export interface CookieJar {
  /** The Cookie header for this URL; undefined when there is nothing to send. */
  header(url: URL): string | undefined
  /** Keeps what `url` has set. A Domain attribute widens nothing here. */
  take(url: URL, setCookie: string | readonly string[]): void
}

interface Cookie {
  readonly pair: string
  readonly path: string
  /** ms since the epoch */
  readonly expiresAt: number
}

const MOST_COOKIES = 50
const MOST_BYTES = 4096
/** Printable ASCII without comma, semicolon, quotes inside, or backslash (section 4.1.1); other values are not sent back. */
const PAIR = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+=[\x20-\x3a\x3c-\x7e]*$/

/** `now`: ms since the epoch. */
export function createCookieJar(now: () => number): CookieJar {
  const cookies = new Map<string, Cookie>()

  const takeOne = (url: URL, text: string) => {
    const [pair = '', ...rest] = text.split(';').map((part) => part.trim())
    if (pair.length > MOST_BYTES || !PAIR.test(pair)) return
    const attributes = new Map(
      rest.map((part) => {
        const at = part.indexOf('=')
        return at === -1
          ? [part.toLowerCase(), '']
          : [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()]
      }),
    )
    if (attributes.has('secure') && url.protocol !== 'https:') return
    const path = attributes.get('path')?.startsWith('/') ? (attributes.get('path') ?? '/') : defaultPath(url)
    const key = `${pair.slice(0, pair.indexOf('='))};${path}`
    const expiresAt = expiryOf(attributes, now())
    cookies.delete(key)
    if (expiresAt <= now() || cookies.size >= MOST_COOKIES) return
    cookies.set(key, { pair, path, expiresAt })
    registerRotatingSecret(pair.slice(pair.indexOf('=') + 1))
  }

  return {
    header(url) {
      if (cookies.size === 0) return undefined
      const time = now()
      for (const [key, { expiresAt }] of cookies) if (expiresAt <= time) cookies.delete(key)
      const fitting = [...cookies.values()].filter(({ path }) => covers(path, url.pathname))
      if (fitting.length === 0) return undefined
      return fitting
        .sort((a, b) => b.path.length - a.path.length)
        .map(({ pair }) => pair)
        .join('; ')
    },
    take(url, setCookie) {
      for (const text of typeof setCookie === 'string' ? [setCookie] : setCookie) takeOne(url, text)
    },
  }
}

/** Max-Age overrides Expires (section 4.1.2.2); without either, a cookie lives as long as the process. */
function expiryOf(attributes: ReadonlyMap<string, string>, now: number): number {
  const age = attributes.get('max-age')
  if (age !== undefined && /^-?\d+$/.test(age)) return now + Number(age) * 1000
  const date = Date.parse(attributes.get('expires') ?? '')
  return Number.isNaN(date) ? Number.POSITIVE_INFINITY : date
}

/** Section 5.1.4 */
const defaultPath = ({ pathname }: URL) => pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')))

const covers = (path: string, asked: string) =>
  asked === path || (asked.startsWith(path) && (path.endsWith('/') || asked[path.length] === '/'))
