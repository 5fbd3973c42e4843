// The composition root: with the other files of this folder, the only place that picks implementations and reads Config for the rooms.
import type { Readable, Writable } from 'node:stream'
import { createAuthorizer } from '../auth/authorizer.ts'
import { createTokens, type Tokens } from '../auth/tokens/tokens.ts'
import { createHostFlow, type HostFlow } from '../bridge/host/backpressure.ts'
import { createLineWriter } from '../bridge/host/stdout.ts'
import { createSend } from '../bridge/http/send.ts'
import { createRelay, type Relay } from '../bridge/relay.ts'
import { createHostSignIn } from '../bridge/standIn/standIn.ts'
import type { Config, ServerConfig } from '../config/config.ts'
import { secretsOf } from '../config/secrets.ts'
import { wishesOf } from '../config/wishes.ts'
import { BridgeError } from '../errors.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type {
  Authorizer,
  Browser,
  CallbackListener,
  Clock,
  Health,
  HttpClient,
  Logger,
  LoginLauncher,
  SecretStore,
} from '../ports.ts'
import type { TokenKey } from '../records.ts'
import { keepReadable, registerSecret } from '../redaction/register.ts'
import { loginCommand, shownUrl } from '../redaction/shownUrl.ts'
import { createPendingSignIn } from '../signin/pending.ts'
import { askForLogin } from '../signin/request.ts'
import { createKnownAnswers } from '../store/knownAnswers.ts'
import type { KeySlots } from '../store/sealing/sealingKey.ts'
import { createHttp } from '../system/http/client.ts'
import { composeLogin } from './signIn.ts'
import { keyStores, openLook, openRawDatabase, openStore } from './storage.ts'

/** The whole list of what a test may replace. */
export interface Overrides {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  /** Version of this program; read when needed. */
  readonly version: () => string
  readonly clock: Clock
  readonly log: Logger
  readonly launcher: LoginLauncher
  readonly http?: HttpClient
  readonly secrets?: KeySlots['stores']
  readonly keychain: SecretStore
  readonly browser?: Browser
  readonly listener?: CallbackListener
  /** Asks the person at a terminal to which issuer their client belongs. */
  readonly confirmIssuer?: (issuer: string, clientId: string) => Promise<'yes' | 'no'>
}

/** Bytes of the host that may wait for the server before we stop reading the host. */
const HOST_WAITING = 64 * 1024 * 1024

export type App = ReturnType<typeof compose>
/** The read-only stores. */
export type ReadOnlyStores = ReturnType<typeof openLook>

export function compose(config: Config, doors: Overrides) {
  const { clock, log } = doors
  registerSecret(secretsOf(config))
  keepReadable([config.server?.url, config.server?.name, config.server?.issuer, config.profile])
  let hostFlow: HostFlow | undefined
  const network = doors.http
    ? undefined
    : createHttp({
        connectTimeoutMs: config.connectTimeoutMs,
        environment: doors.environment,
        ...(config.server ? { cookieOrigin: new URL(config.server.url).origin } : {}),
        ...(config.server?.certificates === undefined ? {} : { certificates: config.server.certificates }),
        onTaken: (body) => hostFlow?.taken(body),
      })
  const http = doors.http ?? (network as HttpClient)
  const store = memoizeAsync(async () => openStore(config, doors))
  const server = (): ServerConfig => {
    if (config.server) return config.server
    const names = config.serverNames.join(', ')
    const hint = names === '' ? 'Pass its URL, or add it to config.yaml.' : `Pass its URL, or one of: ${names}.`
    throw new BridgeError('usage', { message: 'No server was given.', hint })
  }
  const key = (): TokenKey => ({ server: server().url, profile: config.profile })

  const loginParts = composeLogin(config, {
    ...{ http, clock, log, server, store },
    confirmIssuer: doors.confirmIssuer,
  })
  const signIn = createPendingSignIn(clock)

  const tokens = memoizeAsync(async (): Promise<Tokens> => {
    const { tokens: tokenStore, leases, attempts } = await store()
    return createTokens({
      ...{
        key: key(),
        store: tokenStore,
        leases,
        clock,
        log,
        clientCredentials: server().grant === 'client_credentials' ? loginParts.asProgram : undefined,
        strategy: server().refreshStrategy,
        mode: config.loginMode,
      },
      refresh: loginParts.refresh,
      askForLogin: (challenge) =>
        signIn.during((tellHost) => {
          const tell = (url: string) => {
            tellHost(url)
            tellPerson(url)
          }
          const { launcher } = doors
          const timeoutMs = config.sessionTimeoutMs
          const wishes = wishesOf(config)
          return askForLogin(
            { key: key(), attempts, leases, launcher, clock, timeoutMs, wishes, config, tell },
            challenge,
          )
        }),
    })
  })

  /** A bridge has no terminal of its own: the address is written to stderr if the browser must not be opened. */
  const tellPerson = (authorizationUrl: string) => {
    log.info('oauth:sign-in', { server: server().url, outcome: 'waiting' })
    void opensBrowser().then(
      (opens) => opens || doors.stderr.write(`Open this address to sign in: ${authorizationUrl}\n`),
    )
  }

  /** Detected only when a sign-in is needed. */
  const surroundings = memoizeAsync(async () =>
    (await import('../system/person/desktop.ts')).detectDesktop(doors.environment, config.browser),
  )
  const opensBrowser = async () => config.openBrowser && (await surroundings()).browser !== 'none'

  const authorizer = memoizeAsync(async (): Promise<Authorizer> => {
    const { headers } = server()
    const { userHeaders, forwardHeaders: forward, blockedHeaders: blocked } = config
    return createAuthorizer({ tokens: await tokens(), userHeaders, headers, forward, blocked, log, clock })
  })

  /** Opened on first use, so that a database error fails a request and not the process. */
  let opened: Authorizer | undefined
  const lazyAuthorizer: Authorizer = {
    headers(method, url) {
      if (opened) return opened.headers(method, url)
      return authorizer().then((made) => {
        opened = made
        return made.headers(method, url)
      })
    },
    onNonce: async (answer) => (await authorizer()).onNonce(answer),
    outlived: async (headers) => (await (await authorizer()).outlived?.(headers)) ?? false,
    onRefused: async (refused) => (await authorizer()).onRefused?.(refused),
    onChallenge: async (answer, refused, cause) => {
      const renewed = (await authorizer()).onChallenge(answer, refused, cause)
      return cause === 'call' ? signIn.bounded(renewed, config.holdCallMs) : renewed
    },
  }

  const hiddenTools = async (patterns: readonly string[]) =>
    (await import('../bridge/hideTools.ts')).createHiddenTools(patterns)

  const health: Health = {
    database: async () => void (await store()).database.get('SELECT 1 FROM tokens LIMIT 1'),
    mcpServer: async () => (await import('../system/callback/health.ts')).askServer(http, server()),
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
    surroundings,
    opensBrowser,
    clients: loginParts.clients,
    reach: loginParts.reach,
    guarded: loginParts.guarded,
    rules: loginParts.rules,
    login: loginParts.login,
    deviceLogin: loginParts.deviceLogin,
    environment: doors.environment,
    stdin: doors.stdin,
    stderr: doors.stderr,
    stdout: doors.stdout,

    /** The message path; `onHostGone` is called when the host no longer reads, `host` is paused while too much of it waits. */
    relay(onHostGone: () => void, host: { pause(): unknown; resume(): unknown }): Relay {
      const flow = createHostFlow(HOST_WAITING, host)
      hostFlow = flow
      network?.warm(new URL(server().url))
      const send = createSend(http, lazyAuthorizer, new URL(server().url), config.requestTimeoutMs)
      // Reads tokens and key while the host is still starting; an error here occurs again, and is reported, with the first request.
      authorizer()
        .then((made) => made.headers('POST', new URL(server().url)))
        .catch(() => undefined)
      const writer = createLineWriter(doors.stdout, onHostGone)
      const { holdInitializeMs, holdCallMs } = config
      const hidden = config.hideTools.length === 0 ? undefined : hiddenTools(config.hideTools)
      const hostSignIn = createHostSignIn({
        ...{ watch: signIn, holdInitializeMs, holdCallMs, clock, log, write: writer.write },
        ...{ server: shownUrl(server().url), version: doors.version, asks: config.loginMode !== 'never' },
        loginCommand: loginCommand(server().url, config.profile, server().name),
        hiddenTools: hidden,
        known: createKnownAnswers(async () => (await store()).answers, key(), clock),
      })
      const relay = createRelay({
        signIn: hostSignIn,
        writer,
        url: new URL(server().url),
        send,
        clock,
        log,
        answerLimit: config.serverLimit,
        timeoutMs: config.requestTimeoutMs,
        transport: server().transport,
        ...(hidden === undefined ? {} : { hiddenTools: hidden }),
      })
      const line = (bytes: Uint8Array) => {
        const work = relay.line(bytes)
        flow.count(bytes, work)
        return work
      }
      return { ...relay, line }
    },

    openRawDatabase: () => openRawDatabase(config),
    keyStores: () => keyStores(config, doors),
    look: async () => openLook(config, doors),

    listener: async () => doors.listener ?? (await import('../system/callback/server.ts')).callbackServer,
    async browser() {
      if (doors.browser) return doors.browser
      const { createBrowser } = await import('../system/person/browser.ts')
      const { environment } = doors
      return createBrowser({ program: config.browser, environment, surroundings: await surroundings() })
    },

    async close(): Promise<void> {
      log.end?.()
      ;(await store.peek())?.database.close()
      await http.close()
    },
  }
}
