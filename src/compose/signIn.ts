// Picks what a sign-in needs: of the config, the stores, the grants and the ways to a person.
import { wantNewClient } from '../auth/client/newClient.ts'
import type { Tokens } from '../auth/tokens/tokens.ts'
import type { Config } from '../config/config.ts'
import { keyOf, serverOf } from '../config/target.ts'
import { fits, wishesOf } from '../config/wishes.ts'
import type { SignInDeps, SignInSettings } from '../signin/deps.ts'
import { probeDatabase } from '../store/sqlite/inspect.ts'
import type { Network } from './network.ts'
import type { OAuth } from './oauth.ts'
import type { Person } from './person.ts'
import type { Runtime } from './runtime.ts'
import type { Storage } from './storage.ts'

export interface SignInParts {
  readonly network: Network
  readonly storage: Storage
  readonly oauth: OAuth
  readonly person: Person
  readonly tokens: () => Promise<Tokens>
}

/** @throws BridgeError usage where no server is named; what opening the store throws */
export async function composeSignIn(
  config: Config,
  { clock, log }: Pick<Runtime, 'clock' | 'log'>,
  { network, storage, oauth, person, tokens }: SignInParts,
): Promise<SignInDeps> {
  const { attempts, leases, tokens: store, cache } = await storage.open()
  const { http } = network
  const settings = settingsOf(config)
  return {
    clock,
    log,
    http,
    store,
    attempts,
    leases,
    settings,
    fits: (waiting) => fits(settings.wishes, waiting),
    tokens,
    authorizationCode: oauth.authorizationCode,
    deviceCode: oauth.deviceCode,
    wantNewClient: () => wantNewClient(cache, settings.key.server, clock.now()),
    listener: person.listener,
    health: {
      database: async () => probeDatabase((await storage.open()).database),
      mcpServer: async () => (await import('../system/callback/health.ts')).askServer(http, serverOf(config)),
    },
    browser: person.browser,
    opensBrowser: person.opensBrowser,
    desktop: person.desktop,
  }
}

function settingsOf(config: Config): SignInSettings {
  const { account, callbackUrls, sessionTimeoutMs, requestTimeoutMs } = config
  const { headers, grant, scopes, resource, clientId } = serverOf(config)
  return {
    key: keyOf(config),
    headers,
    grant,
    account,
    scopes,
    resource,
    clientId,
    callbackUrls,
    wishes: wishesOf(config),
    sessionTimeoutMs,
    requestTimeoutMs,
  }
}
