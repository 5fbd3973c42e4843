// The only file that imports undici: a pool for each origin, kept open, direct or through a proxy.
import {
  getDefaultAutoSelectFamilyAttemptTimeout,
  type LookupFunction,
  setDefaultAutoSelectFamilyAttemptTimeout,
} from 'node:net'
import type { SecureContext } from 'node:tls'
import type { buildConnector as Build, Pool as PoolType } from 'undici'
import buildConnector from 'undici/lib/core/connect.js'
import symbols from 'undici/lib/core/symbols.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import { createSleepWatch } from '../../bounds.ts'
import type { Clock, HttpRequest } from '../../ports.ts'
import { type AnswerParser, acceptContinue } from './exchange/interim.ts'
import { createLastAnswered } from './lastAnswered.ts'
import { warmable } from './preconnect.ts'
import { createProxyFor, proxyAuthorization } from './proxy.ts'
import { CHECKED, createSecureConnect } from './tls.ts'

export type Connect = Build.connector

export interface ConnectionOptions {
  /** 0 waits indefinitely. */
  readonly connectTimeoutMs: number
  /** For proxies and additional certificates. */
  readonly environment?: NodeJS.ProcessEnv
  /** PEM certificates to trust in addition to those of Node and the system. */
  readonly certificates?: string
  /** Left out: the real one. */
  readonly clock?: Pick<Clock, 'now' | 'awake'>
}

type Bound = NonNullable<HttpRequest['within']>

/** Where requests to one origin go. */
export interface Route {
  readonly pool: PoolType
  /** Of the URL asked for. */
  readonly origin: string
  /** Path and query; a full URL if a proxy forwards plain http (RFC 9112 section 3.2.2). */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** The proxy that forwards; undefined for our own connection, including through a tunnel. */
  readonly forwarder?: URL
}

/** Pools that are kept for bounded requests: of some, such as those for metadata documents of clients, anybody names the origin. */
const MOST_BOUNDED = 100

interface Kept {
  readonly pool: PoolType
  warm(): void
  close(): void
}

/** Calls come minutes apart. A server that closes earlier says so in Keep-Alive, which overrides this. */
const KEEP_MS = 5 * 60_000

/** 250 ms, unless NODE_OPTIONS sets it. */
const NODES_ATTEMPT_MS = getDefaultAutoSelectFamilyAttemptTimeout()
/** A SYN that was lost is sent again after a second. Where the first address is dead, the first connection waits so long. */
const LONGEST_ATTEMPT_MS = 1_250

/**
 * How long an address of a name is tried before the next one. Node never returns to it, so its own time makes a server out of reach
 * over a slow link. For the whole process: tunnels, doctor and the PostgreSQL driver connect by themselves.
 */
function allowSlowAddresses(connectTimeoutMs: number): void {
  const quarter = connectTimeoutMs === 0 ? LONGEST_ATTEMPT_MS : Math.min(connectTimeoutMs / 4, LONGEST_ATTEMPT_MS)
  setDefaultAutoSelectFamilyAttemptTimeout(Math.max(Math.floor(quarter), NODES_ATTEMPT_MS))
}

export function createConnections(options: ConnectionOptions) {
  const { connectTimeoutMs: timeout, environment = {}, certificates } = options
  allowSlowAddresses(timeout)
  const proxyFor = createProxyFor(environment)
  const connectors = (bound: { lookup?: LookupFunction } = {}) => {
    const { lookup, noting } = createLastAnswered(bound.lookup)
    const basic = { timeout, autoSelectFamily: true, lookup }
    const build = (secureContext?: SecureContext) =>
      noting(buildConnector({ ...basic, ...CHECKED, ...(secureContext && { secureContext }) }))
    return { plain: build(), secure: createSecureConnect({ build, environment, certificates, timeoutMs: timeout }) }
  }
  const free = connectors()
  /** To a proxy that forwards: its certificate is for its own name, not for that in the Host header of a request. */
  const forwarding = {
    ...free,
    secure: (): Connect => {
      const connect = free.secure(undefined)
      return (options, callback) => connect({ ...options, servername: '' }, callback)
    },
  }
  const pools = createPools(options.clock ?? { now: Date.now, awake: () => performance.now() })
  const withinBound = new Map<Bound, typeof free>()

  const open = (kept: Map<string, Kept>, origin: string, proxy?: URL, { plain, secure } = free, bound = '') => {
    const name = `${bound}${origin}${proxy ? ` by ${proxy.href}` : ''}`
    const known = kept.get(name)
    if (kept === pools.current.bounded) makeRoom(kept, name, known)
    if (known) return known
    const connection = warmable(new URL(origin), origin.startsWith('https:') ? secure(proxy) : plain)
    const pool = new Pool(origin, {
      connect: connection.connect,
      keepAliveTimeout: KEEP_MS,
      keepAliveMaxTimeout: KEEP_MS,
    })
    pool.on('connect', (_, targets) => acceptContinue(parserOf(targets.at(-1))))
    const made = { pool, warm: connection.warm, close: connection.close }
    kept.set(name, made)
    return made
  }

  const place = ({ free: kept }: Pools, url: URL) => {
    const proxy = proxyFor?.(url)
    const { origin, pathname, search } = url
    const path = pathname + search
    if (!proxy || url.protocol === 'https:') return { ...open(kept, origin, proxy), origin, path }
    const headers = { host: url.host, ...proxyAuthorization(proxy) }
    return {
      ...open(kept, proxy.origin, undefined, forwarding, 'forwarding '),
      origin,
      path: origin + path,
      headers,
      forwarder: proxy,
    }
  }

  return {
    /** @throws BridgeError proxy_failed for a proxy that cannot be used */
    route(url: URL): Route {
      const usable = pools.usable()
      const known = usable.routes.get(url)
      if (known) return known
      const route = place(usable, url)
      usable.routes.set(url, route)
      return route
    },
    /**
     * A separate connection for each limit: the address is checked when the connection is made. If a proxy connects, our own
     * result for the name is checked first.
     * @throws BridgeError address_refused
     */
    async bounded(url: URL, within: Bound): Promise<Route> {
      const { checkForProxy, checkLiteral, lookupWithin } = await import('./addresses.ts')
      checkLiteral(url, within)
      const proxy = proxyFor?.(url)
      if (proxy) await checkForProxy(url, within)
      if (proxy && url.protocol === 'http:') return this.route(url)
      const bound = withinBound.get(within) ?? connectors({ lookup: lookupWithin(within) })
      withinBound.set(within, bound)
      const { origin, pathname, search } = url
      const opened = open(pools.usable().bounded, origin, proxy, proxy ? free : bound, `${within} `)
      return { ...opened, origin, path: pathname + search }
    },
    warm(url: URL): void {
      try {
        place(pools.usable(), url).warm()
      } catch {
        // The following request reports it.
      }
    },
    async close(): Promise<void> {
      await Promise.all(pools.all().map(end))
    },
  }
}

interface Pools {
  readonly free: Map<string, Kept>
  /** In the order of their last use. */
  readonly bounded: Map<string, Kept>
  /** By object identity: one server is requested repeatedly, and its URL is parsed once. */
  readonly routes: WeakMap<URL, Route>
}

const noPools = (): Pools => ({ free: new Map(), bounded: new Map(), routes: new WeakMap() })
const poolsIn = ({ free, bounded }: Pools) => [...free.values(), ...bounded.values()]

/**
 * The pools, made anew where their idle connections may be gone without a word: after a sleep, servers, routers and networks have forgotten
 * them. Timers alone do not tell: most stand still meanwhile, and the others may be late. What is in flight ends where it began.
 */
function createPools(clock: Pick<Clock, 'now' | 'awake'>) {
  const hasSlept = createSleepWatch(clock)
  const retired = new Set<Kept>()
  let current = noPools()
  let usedAt = clock.now()

  const retire = (one: Kept) => {
    retired.add(one)
    one.close()
    const forget = () => void retired.delete(one)
    one.pool.close().then(forget, forget)
  }
  return {
    get current() {
      return current
    },
    /** For a request that begins now. */
    usable(): Pools {
      const isStale = hasSlept() || clock.now() - usedAt > KEEP_MS
      usedAt = clock.now()
      if (!isStale) return current
      const old = current
      current = noPools()
      for (const one of poolsIn(old)) retire(one)
      return current
    },
    all: (): Kept[] => [...poolsIn(current), ...retired],
  }
}

const end = ({ pool, close }: Kept): Promise<void> => {
  close()
  return pool.destroy()
}

/** A known one becomes the last; for a new one those that rest the longest go. */
function makeRoom(kept: Map<string, Kept>, name: string, known: Kept | undefined): void {
  if (known) {
    kept.delete(name)
    kept.set(name, known)
    return
  }
  for (const [oldest, one] of kept) {
    if (kept.size < MOST_BOUNDED) return
    if (one.pool.stats.size > 0) continue
    kept.delete(oldest)
    void end(one)
  }
}

/** What reads the answers on the connection of an undici client. */
function parserOf(client: unknown): AnswerParser | null | undefined {
  const socket = (client as Record<symbol, Record<symbol, AnswerParser> | undefined>)[symbols.kSocket]
  return socket?.[symbols.kParser]
}
