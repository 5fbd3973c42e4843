// The one HTTP client: an undici pool for each origin, redirects within the origin only, errors in our words.
import type { Dispatcher, Pool as PoolType } from 'undici'
import Pool from 'undici/lib/dispatcher/pool.js'
import { BridgeError, quote } from '../errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../ports.ts'
import { ResponseBody } from './responseBody.ts'

const MAX_REDIRECTS = 5

export function createHttp(options: { connectTimeoutMs: number }): HttpClient {
  const pools = new Map<string, PoolType>()
  const poolFor = (origin: string) => {
    const known = pools.get(origin)
    if (known) return known
    const made = new Pool(origin, { connectTimeout: options.connectTimeoutMs, autoSelectFamily: true })
    pools.set(origin, made)
    return made
  }

  return {
    async request(request) {
      let url = request.url
      for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
        const response = await send(poolFor(url.origin), url, request)
        const next = redirectTarget(url, request.method, response)
        if (!next) return response
        response.discard()
        url = next
      }
      throw new BridgeError('redirect_refused', { message: `${request.url.origin} redirects in a circle.` })
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
    },
  }
}

function send(pool: PoolType, url: URL, request: HttpRequest): Promise<HttpResponse> {
  const { signal } = request
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    let body: ResponseBody | undefined
    let controller: Dispatcher.DispatchController | undefined
    const abort = () => {
      // Before the connection is made there is nothing to abort; then nobody waits for it.
      if (controller) controller.abort(signal?.reason)
      else reject(signal?.reason)
    }
    const finish = () => signal?.removeEventListener('abort', abort)
    signal?.addEventListener('abort', abort, { once: true })
    pool.dispatch(
      {
        path: url.pathname + url.search,
        method: request.method,
        headers: request.headers as Record<string, string>,
        body: request.body ?? null,
        headersTimeout: request.idleMs,
        bodyTimeout: request.idleMs,
      },
      {
        onRequestStart(started) {
          controller = started
          if (signal?.aborted) abort()
        },
        onResponseStart(started, status, headers) {
          body = new ResponseBody(started)
          const received = body
          resolve({ status, headers, body: received, discard: () => received.discard() })
        },
        onResponseData(_, chunk) {
          body?.push(chunk)
        },
        onResponseEnd() {
          finish()
          body?.end()
        },
        onResponseError(_, thrown) {
          finish()
          const error = signal?.aborted ? signal.reason : translate(thrown, url)
          if (body) body.fail(error)
          else reject(error)
        },
      },
    )
  })
}

/** undefined: no redirect. RFC 9110 section 15.4; a POST is repeated only where its method stays (307, 308). */
function redirectTarget(from: URL, method: string, response: HttpResponse): URL | undefined {
  const { status } = response
  const { location } = response.headers
  if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string') return undefined
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (to?.origin === from.origin && (method === 'GET' || status === 307 || status === 308)) return to
  response.discard()
  const message =
    to && to.origin !== from.origin
      ? `${from.origin} redirects to ${quote(to.origin)}.`
      : `${from.origin} redirects a ${method} with ${status}.`
  throw new BridgeError('redirect_refused', {
    message,
    details: { status, ...(to ? { target: to.origin } : {}) },
  })
}

const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT'])
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH)/

function translate(thrown: unknown, url: URL): BridgeError {
  const error = thrown as Error & { code?: string; errors?: { code?: string }[] }
  const reason = error.code ?? error.errors?.[0]?.code ?? error.name
  const details = { origin: url.origin, reason }
  if (TIMEOUTS.has(reason)) {
    return new BridgeError('server_timeout', {
      message: `${url.origin} did not answer in time.`,
      details,
      cause: error,
    })
  }
  if (TLS.test(reason)) {
    return new BridgeError('tls_failed', {
      message: `The TLS certificate of ${url.origin} was not accepted: ${reason}.`,
      details,
      cause: error,
    })
  }
  return new BridgeError('server_unreachable', {
    message: `${url.origin} cannot be reached: ${reason}.`,
    details,
    cause: error,
  })
}
