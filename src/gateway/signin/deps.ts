// What the sign-in of the gateway needs of the program around it, and the parts that its pages share
import type { IncomingMessage } from 'node:http'
import type { Clock, Logger } from '../../ports.ts'
import type { AuthorizationServer, Caller, GatewaySeal, PersonStore, ProviderSignIn, ProviderTokens } from '../ports.ts'
import type { ServedServer, ServeSettings } from '../settings.ts'
import type { CheckAccess } from './access.ts'
import type { Cookies } from './cookies.ts'
import type { Outcomes } from './outcome.ts'

export interface SignInOptions {
  readonly settings: Pick<ServeSettings, 'publicUrl' | 'servers' | 'providers' | 'sessionTimeoutMs'>
  readonly authorization: Pick<AuthorizationServer, 'pending' | 'finish'>
  readonly persons: PersonStore
  readonly seal: GatewaySeal
  readonly signIn: ProviderSignIn
  readonly tokens: ProviderTokens
  readonly checkAccess: CheckAccess
  /** Who calls, by the bearer of the request; undefined: none, or one that is not ours or lives no more. */
  readonly callerOf: (request: IncomingMessage) => Promise<Caller | undefined>
  readonly clock: Clock
  readonly log: Logger
}

export interface SignInDeps extends SignInOptions {
  readonly cookies: Cookies
  readonly outcomes: Outcomes
}

/** Names of the providers that people sign in with for this server. */
export const providersFor = (server: ServedServer | undefined, { providers }: SignInOptions['settings']): string[] =>
  providers.map(({ name }) => name).filter((name) => server?.provider === undefined || server.provider === name)

export const consentPath = (flow: string) => `/auth/consent/${encodeURIComponent(flow)}`
export const LOGIN_PATH = '/auth/login'
