// Which pages of other origins may ask, and what their browsers are told (Fetch section 3.3, "CORS protocol")
import type { IncomingHttpHeaders } from 'node:http'
import { glob } from '../../glob.ts'
import type { ServeSettings } from '../settings.ts'
import type { Route } from './route.ts'

type Headers = Readonly<Record<string, string>>
type Rules = Pick<Route, 'origins' | 'asks' | 'methods'>

export interface CrossOrigin {
  /** What the answer carries; undefined: the request comes from a page that may not ask. */
  admit(headers: IncomingHttpHeaders, method: string, rules: Rules): Headers | undefined
  /** What the answer to an admitted OPTIONS carries besides. */
  preflight(headers: IncomingHttpHeaders, rules: Rules): Headers
}

const BASIC = ['Authorization', 'Content-Type']
const PROTOCOL =
  `Accept Mcp-Session-Id Mcp-Protocol-Version Mcp-Method Mcp-Name Last-Event-ID traceparent tracestate`.split(' ')
/** Headers whose names the tools of a server choose (MCP 2026-07-28, "Custom Headers"): no list can name them, so those that are asked for are. */
const PARAMETERS = 'mcp-param-*'
const EXPOSED = 'Mcp-Session-Id, WWW-Authenticate, Retry-After'
/** How long a browser may remember a preflight, in seconds. */
const REMEMBERED_S = 600
const TOKEN = /^[\w!#$%&'*+.^`|~-]{1,100}$/

/** `own`: the origins of the gateway itself. */
export function createCrossOrigin(cors: ServeSettings['cors'], own: ReadonlySet<string>): CrossOrigin {
  const listed = new Set(cors.enabled ? cors.origins.filter((origin) => origin !== '*').map(canonical) : [])
  const isOpen = cors.enabled && cors.origins.includes('*')

  const named = (origin: string): Headers => ({
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': EXPOSED,
    Vary: 'Origin',
  })
  const toAnybody = named('*')
  const admitOwn = (headers: IncomingHttpHeaders, origin: string, method: string, { asks }: Rules) => {
    if (own.has(canonical(origin)) || isOwnForm(origin, headers)) return named(origin)
    if (listed.has(canonical(origin)))
      return { ...named(origin), ...(cors.allowCredentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}) }
    if (isOpen) return toAnybody
    // A browser may say null where a chain of redirects began as a form; what it gets, no page can read.
    const isNavigation = asks === 'browser' && (method === 'GET' || method === 'HEAD') && origin === 'null'
    return isNavigation ? { Vary: 'Origin' } : undefined
  }

  return {
    admit(headers, method, rules) {
      const { origin } = headers
      if (rules.origins === 'any') return toAnybody
      return origin === undefined ? { Vary: 'Origin' } : admitOwn(headers, origin, method, rules)
    },
    preflight(headers, { asks, origins, methods }) {
      const standard = asks === 'mcp' || origins === 'any' ? [...BASIC, ...PROTOCOL] : BASIC
      const configured = cors.enabled ? cors.allowedHeaders : []
      const patterns = [...(asks === 'mcp' ? [PARAMETERS] : []), ...configured.filter((name) => name.includes('*'))]
      const allowed = [...standard, ...configured.filter((name) => TOKEN.test(name) && !name.includes('*'))]
      const asked = askedOf(headers).filter((name) => patterns.some((pattern) => glob(pattern.toLowerCase())(name)))
      return {
        'Access-Control-Allow-Methods': methods.includes('DELETE')
          ? 'GET, POST, OPTIONS, DELETE'
          : 'GET, POST, OPTIONS',
        'Access-Control-Allow-Headers': onceEach([...allowed, ...asked]).join(', '),
        'Access-Control-Max-Age': String(REMEMBERED_S),
        Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      }
    },
  }
}

/** The gateway's own form on a page without a referrer: then its browser names no origin, but where it comes from. Pages cannot set this header. */
const isOwnForm = (origin: string, headers: IncomingHttpHeaders) =>
  origin === 'null' && headers['sec-fetch-site'] === 'same-origin'

/** As a browser spells it: in lower case, without a default port. */
const canonical = (origin: string) =>
  /^https?:\/\/[^/?#@]+\/?$/i.test(origin) && URL.canParse(origin) ? new URL(origin).origin : origin

const askedOf = (headers: IncomingHttpHeaders) =>
  [headers['access-control-request-headers'] ?? '']
    .join(',')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => TOKEN.test(name))

/** The first spelling of each name. */
const onceEach = (names: readonly string[]) =>
  names.filter((name, index) => names.findIndex((one) => one.toLowerCase() === name.toLowerCase()) === index)
