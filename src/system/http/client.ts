// The only HTTP client: redirects within the origin, cookies of one origin, and one more try of a GET whose connection broke.
import { BridgeError } from '../../errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../ports.ts'
import { present } from '../../present.ts'
import { shownUrl } from '../../redaction/shownUrl.ts'
import { quote } from '../../redaction/text.ts'
import { type ConnectionOptions, createConnections } from './connections.ts'
import { createCookieJar } from './cookies.ts'
import { brokeOff } from './errors.ts'
import { dispatch } from './exchange/dispatch.ts'
import { proxyRefused } from './proxy.ts'

const MAX_REDIRECTS = 5

export interface HttpOptions extends ConnectionOptions {
  /** The one origin whose cookies are kept, in memory; requests that want none neither send nor set one. */
  readonly cookieOrigin?: string
}

export interface Http extends HttpClient {
  /** Opens a connection before the first request. Never throws: an error here occurs again with the request. */
  warm(url: URL): void
}

export function createHttp(options: HttpOptions): Http {
  const connections = createConnections(options)
  const { cookieOrigin } = options
  const jar = createCookieJar(Date.now)

  const hop = async (url: URL, request: HttpRequest): Promise<HttpResponse> => {
    const { within } = request
    const route = within === undefined ? connections.route(url) : await connections.bounded(url, within)
    const sticky = route.origin === cookieOrigin && request.cookies !== 'none'
    const cookie = sticky ? jar.header(url) : undefined
    const asked = cookie === undefined ? request : withCookie(request, cookie)
    const response = await dispatch(route, url, asked)
    if (response.status === 407 && route.forwarder) {
      response.discard()
      throw proxyRefused(route.forwarder, url.host, 407)
    }
    const given = response.headers['set-cookie']
    if (sticky && given !== undefined) jar.take(url, given)
    return response
  }

  const get = async (url: URL, request: HttpRequest): Promise<HttpResponse> => {
    try {
      return await hop(url, request)
    } catch (thrown) {
      if (!brokeOff(thrown)) throw thrown
      // The server closed a kept connection just when we used it.
      return hop(url, request)
    }
  }

  return {
    async request(request) {
      let url = request.url
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        // Only the caller knows whether a POST may be sent twice.
        const response = await (request.method === 'GET' ? get(url, request) : hop(url, request))
        if (hops === 0 && staysAsItIs(request, response)) return response
        const next = redirectTarget(url, request.method, response)
        if (!next) return response
        response.discard()
        url = next
      }
      throw new BridgeError('redirect_refused', { message: `${request.url.origin} redirects in a loop.` })
    },
    warm: connections.warm,
    close: connections.close,
  }
}

const staysAsItIs = ({ redirect }: HttpRequest, response: HttpResponse) => {
  if (typeof redirect !== 'function') return redirect === 'manual'
  return response.status > 299 && response.status < 400 && redirect(response) === 'return'
}

/** A configured cookie comes first. */
function withCookie(request: HttpRequest, cookie: string): HttpRequest {
  const { cookie: own, ...headers } = request.headers
  return { ...request, headers: { ...headers, cookie: own === undefined ? cookie : `${own}; ${cookie}` } }
}

/** undefined: not a redirect. RFC 9110 section 15.4; a POST is repeated only if its method is kept (307, 308). */
function redirectTarget(from: URL, method: string, response: HttpResponse): URL | undefined {
  const { status } = response
  if (status < 300 || status > 399) return undefined
  const { location } = response.headers
  if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string') return undefined
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (to?.origin === from.origin && (method === 'GET' || status === 307 || status === 308)) return to
  response.discard()
  const message =
    to && to.origin !== from.origin
      ? `${from.origin} redirects to ${quote(placeOf(to), 2_000)}.`
      : `${from.origin} redirects a ${method} with ${status}.`
  throw new BridgeError('redirect_refused', {
    message,
    ...present({ hint: to && hintFor(from, to) }),
    details: present({ status, target: to?.origin }),
  })
}

/** Without its query: a login page gets the address it was asked for, and more, in it. */
const placeOf = ({ href, origin, pathname }: URL): string =>
  origin === 'null' ? href.slice(0, href.indexOf(':') + 1) : shownUrl(origin + pathname)

/** A server behind a proxy often names itself by http although it is reached by https. */
function hintFor(from: URL, to: URL): string | undefined {
  if (to.hostname !== from.hostname || from.protocol !== 'https:' || to.protocol !== 'http:') return undefined
  const https = new URL(from.origin)
  // Not resolved: a path that begins with two slashes would name another host.
  https.pathname = to.pathname
  const same = https.pathname === from.pathname
  return same
    ? 'The redirect differs only in the scheme: the proxy in front of the server has lost it. Tell the server’s owner.'
    : `The scheme was lost on the way. If ${quote(shownUrl(https.href), 2_000)} is the address of the server, use that.`
}
