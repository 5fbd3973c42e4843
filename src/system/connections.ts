// The only file that imports undici: a pool for each origin, kept warm, straight or through a proxy.
import type { buildConnector as Build, Pool as PoolType } from 'undici'
import buildConnector from 'undici/lib/core/connect.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import { createProxyFor, proxyAuthorization } from './proxy.ts'
import { createSecureConnect } from './secureConnect.ts'
import { warmable } from './warmConnection.ts'

export type Connect = Build.connector

export interface ConnectionOptions {
  /** 0 waits for ever. */
  readonly connectTimeoutMs: number
  /** Proxies and extra certificates are named here. */
  readonly environment?: NodeJS.ProcessEnv
  /** PEM certificates to trust besides those of Node and the system. */
  readonly certificates?: string
}

/** Where requests to one origin go. */
export interface Route {
  readonly pool: PoolType
  /** What stands before the path: the origin, where a proxy forwards plain http (RFC 9112 section 3.2.2). */
  readonly base: string
  readonly headers?: Readonly<Record<string, string>>
  /** The proxy that forwards; undefined for a connection of our own, also through a tunnel. */
  readonly forwarder?: URL
}

/** Calls come minutes apart. A server that closes earlier says so in Keep-Alive, which goes before this. */
const KEEP_MS = 5 * 60_000

export function createConnections(options: ConnectionOptions) {
  const { connectTimeoutMs: timeout, environment = {}, certificates } = options
  const proxyFor = createProxyFor(environment)
  const plain = buildConnector({ timeout, autoSelectFamily: true })
  const secure = createSecureConnect({
    build: (secureContext) =>
      buildConnector({ timeout, autoSelectFamily: true, ...(secureContext && { secureContext }) }),
    environment,
    certificates,
    timeoutMs: timeout,
  })
  const pools = new Map<string, { pool: PoolType; warm(): void; close(): void }>()
  const routes = new Map<string, Route>()

  const open = (origin: string, proxy?: URL) => {
    const name = proxy ? `${origin} by ${proxy.href}` : origin
    const known = pools.get(name)
    if (known) return known
    const connection = warmable(new URL(origin), origin.startsWith('https:') ? secure(proxy) : plain)
    const pool = new Pool(origin, {
      connect: connection.connect,
      keepAliveTimeout: KEEP_MS,
      keepAliveMaxTimeout: KEEP_MS,
    })
    const made = { pool, warm: connection.warm, close: connection.close }
    pools.set(name, made)
    return made
  }

  const place = (url: URL) => {
    const proxy = proxyFor?.(url)
    if (!proxy || url.protocol === 'https:') return { ...open(url.origin, proxy), base: '' }
    const authorization = proxyAuthorization(proxy)
    return { ...open(proxy.origin), base: url.origin, headers: { host: url.host, ...authorization }, forwarder: proxy }
  }

  return {
    /** @throws BridgeError proxy_failed for a proxy that cannot be used */
    route(url: URL): Route {
      const known = routes.get(url.origin)
      if (known) return known
      const route = place(url)
      routes.set(url.origin, route)
      return route
    },
    warm(url: URL): void {
      try {
        place(url).warm()
      } catch {
        // The request that follows tells it.
      }
    },
    async close(): Promise<void> {
      for (const { close } of pools.values()) close()
      await Promise.all([...pools.values()].map(({ pool }) => pool.destroy()))
    },
  }
}
