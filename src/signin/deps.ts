// What a sign-in needs from the program around it: its server's settings, the stores, two grants, and the way to a person.
import type { Readable } from 'node:stream'
import type { AuthorizationCodeFlow } from '../auth/grants/authorizationCode.ts'
import type { DeviceCodeFlow } from '../auth/grants/deviceCode.ts'
import type { Tokens } from '../auth/tokens/tokens.ts'
import type {
  AttemptStore,
  Browser,
  CallbackListener,
  Clock,
  Health,
  HttpClient,
  Leases,
  Logger,
  TokenStore,
} from '../ports.ts'
import type { TokenKey, Wishes } from '../records.ts'

/** Whoever starts sign-ins puts this together once. A function is called when its part is needed; what it needs loads then. */
export interface SignInDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly http: HttpClient
  readonly store: TokenStore
  readonly attempts: AttemptStore
  readonly leases: Leases
  readonly settings: SignInSettings
  /** Whether a sign-in that waits with these wishes is good enough for ours. */
  readonly fits: (waiting: Wishes) => boolean
  readonly tokens: () => Promise<Tokens>
  /** The same one for all attempts of this process. */
  readonly authorizationCode: () => Promise<AuthorizationCodeFlow>
  readonly deviceCode: () => Promise<DeviceCodeFlow>
  /** The next sign-in registers a new client where the client is our own registration. */
  readonly wantNewClient: () => Promise<void>
  readonly listener: () => Promise<CallbackListener>
  /** What the endpoints beside the callback ask. */
  readonly health: Health
  readonly browser: () => Promise<Browser>
  /** Whether a browser that we open reaches the person, who wants it opened. */
  readonly opensBrowser: () => Promise<boolean>
  readonly desktop: () => Promise<DesktopFacts>
}

export interface SignInSettings {
  readonly key: TokenKey
  /** Headers that a person configured for the MCP server. */
  readonly headers: Readonly<Record<string, string>>
  readonly grant: 'authorization_code' | 'client_credentials'
  /** E-mail or subject that must sign in. */
  readonly account: string | undefined
  readonly scopes: readonly string[] | undefined
  readonly resource: string | undefined
  /** Of a client that was registered by hand. */
  readonly clientId: string | undefined
  readonly callbackUrls: readonly string[]
  readonly wishes: Wishes
  /** How long a sign-in may take, and how long a server may be silent, in ms. */
  readonly sessionTimeoutMs: number
  readonly requestTimeoutMs: number
}

/** Where the person sits. */
export interface DesktopFacts {
  readonly ssh: boolean
  readonly container: boolean
  /** What would be opened; `none`: nothing that reaches the person. */
  readonly browser: 'named' | 'system' | 'windows' | 'none'
}

/** The terminal that a person signs in at. */
export interface SignInTerminal {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  /** A person can read here and type. */
  readonly interactive: boolean
  /** Writes `text` as it is. */
  write(text: string): void
  /** Writes `text` in lines that fit, and keeps showing below it how long the sign-in is still waited for. */
  show(text: string, waitsUntil: number): void
  /** Takes away what `show` keeps showing. */
  stop(): void
  /** A QR code of `address`; '' where none is wanted, or none can be shown. */
  qrCode(address: string): Promise<string>
}
