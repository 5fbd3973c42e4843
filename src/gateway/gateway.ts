// The gateway's front: listens, lets in what is for it, and answers by the table of routes
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { bareHost } from '../bareHost.ts'
import type { Logger } from '../ports.ts'
import { createTrustedProxies } from './http/clientAddress.ts'
import { createCrossOrigin } from './http/crossOrigin.ts'
import { createExchange, type Exchange } from './http/exchange.ts'
import { createHealth, type HealthOptions } from './http/health.ts'
import { createOwnHosts } from './http/hosts.ts'
import { type ListenerOptions, openListener } from './http/listener.ts'
import { createTable } from './http/route.ts'
import { createRoutes, type GatewayHandlers } from './routes.ts'
import type { ServeSettings } from './settings.ts'

export interface GatewayOptions extends Pick<ListenerOptions, 'portHolder' | 'mostConnections' | 'stallMs'> {
  readonly settings: Pick<
    ServeSettings,
    'listen' | 'publicUrl' | 'tls' | 'trustedProxies' | 'servers' | 'limits' | 'cors'
  >
  readonly handlers: GatewayHandlers
  readonly health: Pick<HealthOptions, 'database' | 'server' | 'uptime'> & Partial<Pick<HealthOptions, 'readyNeeds'>>
  /** Aborted when no more connections are taken: handlers that hold streams get its signal. */
  readonly draining?: AbortController
  /** `delayMs`: how long it goes on as before while /ready says no; `longestMs`: how long open requests may take after that. */
  readonly drain?: { readonly delayMs: number; readonly longestMs: number }
  readonly log: Logger
}

export interface Gateway {
  /** @throws BridgeError listen_failed, config_invalid */
  listen(): Promise<Listening>
}

export interface Listening {
  /** Where it listens; clients use the public URL. */
  readonly url: string
  readonly port: number
  /** Ends what is open within the times of `drain`. Called again, it waits for the same end. */
  close(): Promise<void>
  /** Ends everything at once. */
  cut(): Promise<void>
  /** For new connections. @throws BridgeError config_invalid; then the former one stays */
  useCertificate(tls: NonNullable<ServeSettings['tls']>): void
}

const LONGEST_MS = 25_000

export function createGateway(options: GatewayOptions): Gateway {
  const {
    settings,
    handlers,
    log,
    draining = new AbortController(),
    drain = { delayMs: 0, longestMs: LONGEST_MS },
  } = options
  const { publicUrl, servers, cors, limits, tls } = settings
  const leaving = new AbortController()
  const health = createHealth({
    readyNeeds: ['database', 'servers'],
    ...options.health,
    servers,
    leaving: leaving.signal,
  })
  const table = createTable(createRoutes(settings, handlers, health))
  const trusted = createTrustedProxies(settings.trustedProxies)
  const protocol = tls ? 'https:' : 'http:'

  return {
    async listen() {
      let exchange: Exchange | undefined
      // Who connects to the first of two addresses before the second one listens comes too early.
      const handle = (request: IncomingMessage, response: ServerResponse) =>
        exchange ? exchange(request, response) : response.destroy()
      const listener = await openListener({ ...settings, ...options, handle })
      const { port } = listener
      const hosts = createOwnHosts({ publicUrl, listen: { host: settings.listen.host, port }, protocol })
      const crossOrigin = createCrossOrigin(cors, hosts.origins)
      exchange = createExchange({
        publicUrl,
        hosts,
        crossOrigin,
        table,
        trusted,
        bodyBytes: limits.bodyBytes,
        log,
      })
      let closing: Promise<void> | undefined
      const hurry = new AbortController()
      const close = async () => {
        leaving.abort()
        await pause(drain.delayMs, undefined, { signal: hurry.signal }).catch(() => undefined)
        draining.abort()
        await listener.stop(hurry.signal.aborted ? 0 : drain.longestMs)
      }
      return {
        url: urlOf(protocol, settings.listen.host, port),
        port,
        close: () => {
          closing ??= close()
          return closing
        },
        cut: async () => {
          hurry.abort()
          leaving.abort()
          draining.abort()
          await listener.stop(0)
        },
        useCertificate: listener.useCertificate,
      }
    },
  }
}

const urlOf = (protocol: string, host: string, port: number) => {
  const url = new URL(`${protocol}//localhost:${port}`)
  url.hostname = host.includes(':') ? `[${bareHost({ hostname: host })}]` : host
  return url.origin
}
