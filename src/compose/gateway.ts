// The composition root of the gateway: picks its stores, its authorization server, its message path, and the listener in front of them.
import type { IncomingMessage } from 'node:http'
import { userHeaders } from '../auth/userHeaders.ts'
import { parseMessage } from '../bridge/message/message.ts'
import { rpcError } from '../bridge/message/rpcError.ts'
import type { Config } from '../config/config.ts'
import { asBridgeError } from '../errors.ts'
import { createAuthorizationServer } from '../gateway/authorization/authorizationServer.ts'
import { createGateway } from '../gateway/gateway.ts'
import { readBody } from '../gateway/http/body.ts'
import { createChallenge, resourceOf } from '../gateway/http/protectedResource.ts'
import type { Caller, CallerStore } from '../gateway/ports.ts'
import { createJwksHandler } from '../gateway/proxy/assertion/jwks.ts'
import { createSigningKeys } from '../gateway/proxy/assertion/signingKeys.ts'
import { bearerOf } from '../gateway/proxy/callers.ts'
import { createMcpHandler } from '../gateway/proxy/mcpHandler.ts'
import type { ServedServer, ServeSettings } from '../gateway/settings.ts'
import { createAccess, createEmailOf } from '../gateway/signin/access.ts'
import { showProblem } from '../gateway/signin/page.ts'
import { createGatewaySignIn } from '../gateway/signin/signIn.ts'
import { tidyGateway } from '../gateway/tidy.ts'
import type { HttpClient } from '../ports.ts'
import { sha256 } from '../sha256.ts'
import { askServer } from '../system/callback/health.ts'
import { createHttp } from '../system/http/client.ts'
import { createProxyFor } from '../system/http/proxy.ts'
import { portHolder } from '../system/process/portOwner.ts'
import { composeGatewaySignIn } from './gatewaySignIn.ts'
import { type GatewayStorage, openGatewayStorage } from './gatewayStorage.ts'
import type { Runtime } from './runtime.ts'

export interface GatewayOptions {
  readonly config: Config
  readonly settings: ServeSettings
  /** Whether the schema is brought up to date at the start, or only checked. */
  readonly migrate: 'up' | 'check'
  /** Newest first; empty: none is configured, and the key of the SQLite database is used. */
  readonly keys: readonly Uint8Array[]
  readonly runtime: Runtime
}

export interface Gateway {
  /** @throws BridgeError listen_failed, config_invalid, database_unreachable, schema_missing, key_missing */
  start(): Promise<RunningGateway>
}

export interface RunningGateway {
  /** Where it listens. */
  readonly url: string
  /** Lets open requests finish, and releases the port and the database. */
  close(): Promise<void>
  /** For new connections. @throws BridgeError config_invalid; then the former one stays */
  useCertificate(tls: NonNullable<ServeSettings['tls']>): void
}

export async function composeGateway(options: GatewayOptions): Promise<Gateway> {
  return { start: () => start(options) }
}

/** How long the end waits for refreshes that are under way, in ms: their answers have the only refresh tokens that still count. */
const REFRESH_MS = 3_000

async function start(options: GatewayOptions): Promise<RunningGateway> {
  const storage = await openGatewayStorage(options)
  const network = composeNetwork(options)
  const release = async () => {
    await network.close()
    await storage.close()
  }
  try {
    const draining = new AbortController()
    const { idle, ...parts } = await partsOf(options, storage, network, draining.signal)
    const gateway = createGateway({ ...parts, draining })
    const listening = await gateway.listen()
    const tidying = tidyGateway(storage, options.runtime.log)
    return {
      url: listening.url,
      useCertificate: listening.useCertificate,
      async close() {
        await listening.close()
        await tidying.stop()
        await idle(REFRESH_MS)
        await release()
      },
    }
  } catch (thrown) {
    await release()
    throw thrown
  }
}

interface GatewayNetwork {
  /** For providers and metadata documents. */
  readonly outside: HttpClient
  readonly of: (served: ServedServer) => HttpClient
  readonly isBehindProxy: boolean
  close(): Promise<void>
}

/** A client keeps no cookies: what one person's answer sets must not go along with another's request. */
function composeNetwork({ settings, runtime: { environment } }: GatewayOptions): GatewayNetwork {
  const { connectTimeoutMs } = settings
  const outside = createHttp({ connectTimeoutMs, environment })
  const own = settings.servers.flatMap((served) => {
    const { certificates } = served
    return certificates === undefined
      ? []
      : [[served, createHttp({ connectTimeoutMs, environment, certificates })] as const]
  })
  const clients = new Map(own)
  return {
    outside,
    of: (served) => clients.get(served) ?? outside,
    isBehindProxy: createProxyFor(environment) !== undefined,
    close: async () => void (await Promise.all([outside, ...clients.values()].map((client) => client.close()))),
  }
}

async function partsOf(
  options: GatewayOptions,
  storage: GatewayStorage,
  network: GatewayNetwork,
  /** Aborts when standing streams should end. */
  draining: AbortSignal,
) {
  const { settings, runtime } = options
  const { log } = runtime
  const { clock, seal, leases, persons } = storage
  const http = network.outside
  const { signIn, tokens, idle, accessProviders } = await composeGatewaySignIn({
    ...{ settings, http, clock, log },
    stores: { ...storage.signIn, leases },
  })
  const authorization = await createAuthorizationServer({
    ...{ ...storage, settings, http, isBehindProxy: network.isBehindProxy, log },
    errorPage: showProblem,
  })
  const signingKeys = createSigningKeys({ store: storage.signingKeys, leases, clock, log })
  const challenge = createChallenge(settings.publicUrl)
  const checkAccess = createAccess({ access: settings.access, providers: accessProviders })
  const mcp = createMcpHandler({
    ...{ settings, callers: storage.callers, seal, signingKeys, tokens, clock, log },
    ...{ readBody, look: parseMessage, rpcError, userHeaders, challenge, draining, checkAccess },
    emailOf: createEmailOf(accessProviders),
    http: network.of,
    resourceOf: (served) => resourceOf(settings.publicUrl, served),
  })
  const handlers = createGatewaySignIn({
    ...{ settings, authorization, persons, seal, signIn, tokens, clock, log },
    checkAccess,
    callerOf: callerOf(storage.callers),
  })
  return {
    ...{ settings, log, portHolder, idle },
    handlers: { ...handlers, mcp, authorization, jwks: createJwksHandler(signingKeys) },
    health: {
      async database() {
        await storage.probe().catch((thrown: unknown) => {
          const { code, message } = asBridgeError(thrown)
          log.warn('gateway:database', { code, message })
          throw thrown
        })
      },
      server: (served: ServedServer) => askServer(network.of(served), served),
      uptime: () => runtime.clock.uptime(),
    },
  }
}

/** A request of the guide's /auth/refresh, by its bearer. */
const callerOf =
  (callers: CallerStore) =>
  async (request: IncomingMessage): Promise<Caller | undefined> => {
    const bearer = bearerOf(request)
    return bearer.kind === 'token' ? callers.byTokenHash(sha256(bearer.token)) : undefined
  }
