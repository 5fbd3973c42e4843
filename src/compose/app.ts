// The composition root: with the files beside it the only place that picks concrete adapters and reads Config for the rooms.
import { createTokens, type Tokens } from '../auth/tokens/tokens.ts'
import type { Relay } from '../bridge/relay.ts'
import type { Config } from '../config/config.ts'
import { secretsOf } from '../config/secrets.ts'
import { keyOf, serverOf } from '../config/target.ts'
import { wishesOf } from '../config/wishes.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { Clock, Logger } from '../ports.ts'
import { keepReadable, registerSecret } from '../redaction/register.ts'
import type { SignInDeps } from '../signin/deps.ts'
import { signInForBridge } from '../signin/forBridge.ts'
import { createPendingSignIn, type PendingSignIn } from '../signin/pending.ts'
import { composeRelay } from './bridge.ts'
import { composeNetwork, type Network } from './network.ts'
import { composeOAuth, type OAuth } from './oauth.ts'
import { composePerson, type Person } from './person.ts'
import type { Runtime } from './runtime.ts'
import { composeSignIn } from './signIn.ts'
import { composeStorage, type Storage } from './storage.ts'

/** Each command takes the parts that it uses, and no others. */
export interface App {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly network: Network
  readonly storage: Storage
  readonly oauth: OAuth
  readonly person: Person
  /** The token set of the server and profile. */
  readonly tokens: () => Promise<Tokens>
  readonly signIn: () => Promise<SignInDeps>
  /** The message path; `onHostGone` is called when the host no longer reads. */
  relay(onHostGone: () => void): Relay
  close(): Promise<void>
}

/**
 * How long the end waits for a refresh that is under way, in ms: its answer has the only refresh token that still counts. The host of a
 * bridge waits for two seconds in all.
 */
const REFRESH_MS = 1_000
const BRIDGE_MS = 1_900

export function compose(config: Config, runtime: Runtime): App {
  const { clock, log } = runtime
  registerSecret(secretsOf(config))
  keepReadable([config.server?.url, config.server?.name, config.server?.issuer, config.profile])
  const network = composeNetwork(config, runtime.environment)
  const storage = composeStorage(config, runtime)
  const oauth = composeOAuth(config, runtime, network, storage)
  const person = composePerson(config, runtime.environment)
  const pending = createPendingSignIn(clock)
  let composed: Tokens | undefined
  const tokens = memoizeAsync(async () => {
    composed = await composeTokens(config, runtime, { storage, oauth, person, pending })
    return composed
  })
  let bridgeEnds = Number.POSITIVE_INFINITY
  return {
    config,
    clock,
    log,
    network,
    storage,
    oauth,
    person,
    tokens,
    signIn: () => composeSignIn(config, runtime, { network, storage, oauth, person, tokens }),
    relay(onHostGone) {
      const relay = composeRelay(config, runtime, { http: network.http, storage, tokens, pending }, onHostGone)
      return {
        ...relay,
        close(graceMs) {
          bridgeEnds = clock.awake() + BRIDGE_MS
          return relay.close(graceMs)
        },
      }
    },
    async close() {
      await composed?.idle(Math.min(REFRESH_MS, Math.max(bridgeEnds - clock.awake(), 0)))
      log.end?.()
      await storage.close()
      await network.http.close()
    },
  }
}

interface TokenParts {
  readonly storage: Storage
  readonly oauth: OAuth
  readonly person: Person
  readonly pending: PendingSignIn
}

async function composeTokens(
  config: Config,
  { clock, log, launcher, stderr }: Runtime,
  { storage, oauth, person, pending }: TokenParts,
): Promise<Tokens> {
  const { tokens: store, leases, attempts } = await storage.open()
  const { grant, refreshStrategy } = serverOf(config)
  const key = keyOf(config)
  const signIn = () => ({
    key,
    attempts,
    leases,
    launcher,
    clock,
    log,
    timeoutMs: config.sessionTimeoutMs,
    wishes: wishesOf(config),
    config,
    pending,
    opensBrowser: person.opensBrowser,
    write: (text: string) => void stderr.write(text),
  })
  return createTokens({
    key,
    store,
    leases,
    clock,
    log,
    clientCredentials: grant === 'client_credentials' ? oauth.clientCredentials : undefined,
    strategy: refreshStrategy,
    mode: config.loginMode,
    refresh: oauth.refresh,
    requestSignIn: (challenge, cause, isOver) => signInForBridge({ ...signIn(), isOver }, challenge, cause),
  })
}
