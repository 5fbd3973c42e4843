// The composition root: with composeStore.ts the only place that picks concrete adapters and reads Config for the rooms.
import type { Readable, Writable } from 'node:stream'
import { askForLogin } from './auth/askForLogin.ts'
import { createAuthorizer } from './auth/authorize.ts'
import { createTokens, type Tokens } from './auth/tokens.ts'
import { createRelay, type Relay } from './bridge/relay.ts'
import { createSend } from './bridge/send.ts'
import { createLineWriter } from './bridge/stdout.ts'
import { openLook, openRawDatabase, openStore } from './composeStore.ts'
import type { Config, ServerConfig } from './config/config.ts'
import { BridgeError, neverQuote } from './errors.ts'
import { onceGood } from './onceGood.ts'
import type {
  Authorizer,
  Browser,
  CallbackListener,
  Clock,
  Health,
  HttpClient,
  Logger,
  LoginLauncher,
  TokenKey,
} from './ports.ts'
import type { KeySlots } from './store/sealingKey.ts'
import { createHttp } from './system/http.ts'

/** The whole list of what a test may replace. */
export interface Doors {
  readonly stdin: Readable
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  readonly clock: Clock
  readonly log: Logger
  readonly launcher: LoginLauncher
  readonly http?: HttpClient
  readonly secrets?: KeySlots['stores']
  readonly browser?: Browser
  readonly listener?: CallbackListener
}

/** Largest message either way until limits are settings, in bytes. */
export const HOST_LIMIT = 64 * 1024 * 1024
/** Longest silence of an authorization server, in ms; a shorter request_timeout goes before it. */
const AS_TIMEOUT_MS = 20_000
/** Longest time the MCP server has to show that it is there, in ms. */
const HEALTH_MS = 5_000
const PING = '{"jsonrpc":"2.0","id":"health","method":"ping"}'
const JSON_BODY = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' }
const SERVER_LIMIT = 256 * 1024 * 1024

/** What a person configured and only its receiver may see. */
function secretsOf({ server }: Config): (string | undefined)[] {
  if (!server) return []
  const { headers, authorizeParameters, clientSecret, url } = server
  const query = [...new URL(url).searchParams.values()]
  return [...Object.values(headers), ...Object.values(authorizeParameters), ...query, clientSecret]
}

export type Composed = ReturnType<typeof compose>
/** The stores for looking only. */
export type Look = ReturnType<typeof openLook>

export function compose(config: Config, doors: Doors) {
  const { clock, log } = doors
  neverQuote(secretsOf(config))
  const http = doors.http ?? createHttp({ connectTimeoutMs: config.connectTimeoutMs })
  const store = onceGood(async () => openStore(config, doors))
  const server = (): ServerConfig => {
    if (config.server) return config.server
    throw new BridgeError('usage', { message: 'No server is named.', hint: 'Give its URL, or name it in config.yaml.' })
  }
  const key = (): TokenKey => ({ server: server().url, profile: config.profile })

  const clients = onceGood(async () => {
    const { createClients } = await import('./auth/clients.ts')
    const { clients: known, cache, leases } = await store()
    const { allowHttp, clientId, clientSecret } = config.server ?? { allowHttp: false }
    const configured =
      clientId === undefined ? undefined : { clientId, ...(clientSecret === undefined ? {} : { clientSecret }) }
    return createClients({
      http,
      clients: known,
      cache,
      leases,
      clock,
      allowHttp,
      timeoutMs: Math.min(config.requestTimeoutMs || AS_TIMEOUT_MS, AS_TIMEOUT_MS),
      configured,
    })
  })

  const refresh = onceGood(async () =>
    (await import('./auth/refresh.ts')).createRefresh({ clients: await clients(), clock, log }),
  )

  const tokens = onceGood(async (): Promise<Tokens> => {
    const { tokens: tokenStore, leases, attempts } = await store()
    return createTokens({
      ...{
        key: key(),
        store: tokenStore,
        leases,
        clock,
        log,
        strategy: server().refreshStrategy,
        mode: config.loginMode,
      },
      refresh,
      askForLogin: (challenge) =>
        askForLogin(
          {
            key: key(),
            attempts,
            leases,
            launcher: doors.launcher,
            clock,
            timeoutMs: config.sessionTimeoutMs,
            config,
            tell,
          },
          challenge,
        ),
    })
  })

  /** A bridge has no terminal of its own: the address goes to stderr where the browser is not to be opened. */
  const tell = (authorizationUrl: string) => {
    log.info('oauth:sign-in', { server: server().url, outcome: 'waiting' })
    if (!config.openBrowser) doors.stderr.write(`Open this address to sign in: ${authorizationUrl}\n`)
  }

  const authorizer = onceGood(async (): Promise<Authorizer> => {
    const { headers } = server()
    const { userHeaders, forwardHeaders: forward, blockedHeaders: blocked } = config
    return createAuthorizer({ tokens: await tokens(), userHeaders, headers, forward, blocked, log })
  })

  /** Opened on first use, so that a database that fails fails a request and not the process. */
  const lazyAuthorizer: Authorizer = {
    headers: async () => (await authorizer()).headers(),
    onChallenge: async (answer, refused, cause) => (await authorizer()).onChallenge(answer, refused, cause),
  }

  const health: Health = {
    async database() {
      ;(await store()).database.get('SELECT 1 FROM tokens LIMIT 1')
    },
    async mcpServer() {
      const request = { method: 'POST', url: new URL(server().url), body: PING, idleMs: HEALTH_MS } as const
      const signal = AbortSignal.timeout(HEALTH_MS)
      const response = await http.request({ ...request, headers: { ...server().headers, ...JSON_BODY }, signal })
      response.discard()
      if (response.status >= 500) throw new BridgeError('server_error', { details: { status: response.status } })
    },
  }

  return {
    health,
    config,
    clock,
    log,
    http,
    server,
    key,
    store,
    tokens,
    clients,
    environment: doors.environment,
    stderr: doors.stderr,
    stdout: doors.stdout,

    /** The message path; `onHostGone` is called when the host no longer reads. */
    relay(onHostGone: () => void): Relay {
      const send = createSend(http, lazyAuthorizer, new URL(server().url), config.requestTimeoutMs)
      // Reads tokens and key while the host is still starting; what fails here fails again, and is told, with the first request.
      lazyAuthorizer.headers().catch(() => undefined)
      return createRelay({
        send,
        writer: createLineWriter(doors.stdout, onHostGone),
        clock,
        log,
        answerLimit: SERVER_LIMIT,
      })
    },

    async login() {
      const { createLogin } = await import('./auth/login.ts')
      const { attempts, tokens: tokenStore } = await store()
      const { allowHttp, issuer, scopes, resource, authorizeParameters, headers } = server()
      return createLogin({
        ...{ http, clients: await clients(), attempts, store: tokenStore, clock, log, account: config.account },
        ...{
          allowHttp,
          issuer,
          scopes,
          resource,
          authorizeParameters,
          serverHeaders: headers,
          claims: Object.values(config.userHeaders),
        },
      })
    },

    openRawDatabase: () => openRawDatabase(config),
    look: async () => openLook(config, doors),

    listener: async () => doors.listener ?? (await import('./system/callbackServer.ts')).callbackServer,
    browser: async () =>
      doors.browser ?? (await import('./system/browser.ts')).createBrowser(config.browser, doors.environment),

    async close(): Promise<void> {
      const opened = await store.peek()
      opened?.database.close()
      await http.close()
    },
  }
}
