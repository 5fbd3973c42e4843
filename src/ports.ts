// Doors to the outside world and between rooms, and the data that passes through them. No code. Times are ms since the epoch.

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
  /** Names in any case; values printable ASCII. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal
  /** Longest silence in ms, before the headers and between two chunks; 0 waits for ever. */
  readonly idleMs: number
  /** `out` is set when the request goes onto a connection: what never did was certainly not processed. */
  readonly wire?: { out: boolean }
  /** 'manual' gives a redirect as it came. */
  readonly redirect?: 'manual'
  /** Addresses that may be connected to: the internet, or private networks too; left out: any. */
  readonly within?: 'public' | 'private'
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; a header sent twice is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Read it to the end or call `discard`. */
  readonly body: AsyncIterable<Uint8Array>
  /** Throws the rest of the body away and frees the connection. */
  discard(): void
}

export interface HttpClient {
  /** Resolves when the headers are in; follows redirects within the origin only. Throws BridgeError or `signal.reason`. */
  request(request: HttpRequest): Promise<HttpResponse>
  close(): Promise<void>
}

/** What a 401 or 403 answer of the protected resource says (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1). */
export interface Challenge {
  readonly status: number
  readonly error?: string
  readonly scope?: string
  readonly resourceMetadata?: string
}

/** Why a request is sent: the host starts up, a person called for something, or we listen on our own account. */
export type Cause = 'start' | 'call' | 'background'

/** Turns a request into an authorized one, and tells what a challenge means. */
export interface Authorizer {
  /** Headers for the server's own origin: bearer, X-User-* and configured ones. Refreshes first when the token has expired. */
  headers(): Promise<Readonly<Record<string, string>>>
  /** `refused`: the headers that `answer` refused. Resolves when the request may be sent once more, throws why it may not. */
  onChallenge(
    answer: Pick<HttpResponse, 'status' | 'headers'>,
    refused: Readonly<Record<string, string>>,
    cause: Cause,
  ): Promise<void>
}

/** The sign-in that this process waits for, as the message path may know it. */
export interface SignInWatch {
  readonly waiting: boolean
  /** Where the person signs in, once it is known. */
  readonly address: string | undefined
  /** Calls `listener` when either changes; gives back how to stop that. */
  onChange(listener: () => void): () => void
  /** `work`, or after `ms` a BridgeError sign_in_pending that carries the address. */
  bounded<T>(work: Promise<T>, ms: number): Promise<T>
}

/** What this server answered last, for a host that asks while a person signs in. JSON `result` members by method. */
export interface KnownAnswers {
  load(method: string): Promise<unknown>
  save(method: string, result: unknown): Promise<void>
}

/** Tokens never cross servers or profiles. `server` is the URL as WHATWG writes it. */
export interface TokenKey {
  readonly server: string
  readonly profile: string
}

/** Claims of the validated ID token or of userinfo (OpenID Connect Core sections 2 and 5.3). */
export interface User {
  readonly issuer: string
  readonly subject: string
  readonly claims: Readonly<Record<string, unknown>>
}

export interface TokenSet {
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  readonly accessToken: string
  readonly refreshToken?: string
  readonly scope?: string
  /** What the sign-ins until now have asked for; a refused scope in it is not asked for again. */
  readonly requestedScope?: string
  readonly resource?: string
  /** undefined: the server did not say (RFC 6749 section 5.1). */
  readonly expiresAt?: number
  readonly obtainedAt: number // ms since the epoch
  readonly user?: User
}

/** One row of `tokens`: its generation grows with every change, also when the token set is removed. 0: no row yet. */
export interface TokenRecord {
  readonly generation: number
  /** Why there is no token set any more. */
  readonly lastError?: string
  readonly requestedScope?: string
  readonly tokens?: TokenSet
}

/** A row without its secrets, for `status`. */
export interface AccountSummary extends TokenKey, Partial<Pick<TokenSet, 'issuer' | 'scope' | 'expiresAt'>> {
  readonly generation: number
  readonly signedIn: boolean
  readonly refreshable: boolean
  readonly subject?: string
  readonly email?: string
  readonly lastError?: string
}

export interface TokenStore {
  load(key: TokenKey): Promise<TokenRecord>
  /** Notes that this generation's refresh token is about to be spent. True: it was before, by a refresh that was cut off. */
  spend(key: TokenKey, generation: number): Promise<boolean>
  /** Compare-and-swap: false when the row's generation is no longer `expected`. */
  replace(key: TokenKey, next: TokenSet, expected: number): Promise<boolean>
  /** Compare-and-swap; `reason` is kept as the row's last error. The generation lives on. */
  remove(key: TokenKey, expected: number, reason?: string): Promise<boolean>
  list(): Promise<AccountSummary[]>
}

/** One row of `sessions`: everything about a sign-in, keyed by its `state` and by nothing else. */
export interface Attempt extends TokenKey {
  readonly id: string
  readonly state: string
  readonly status: 'requested' | 'waiting' | 'redeeming' | 'finished' | 'failed'
  readonly expiresAt: number
  readonly challenge: Challenge
  /** Time of the last change. */
  readonly updatedAt: number
  readonly errorCode?: string
  readonly errorMessage?: string
  readonly plan?: AttemptPlan
}

/** What the login process adds before it shows the authorization URL. */
export interface AttemptPlan {
  readonly issuer: string
  readonly client: RegisteredClient
  readonly redirectUri: string
  readonly codeVerifier: string
  readonly nonce?: string
  readonly scope?: string
  readonly resource?: string
  readonly authorizationUrl: string
  /** E-mail or subject that must sign in; another one's tokens are refused. */
  readonly account?: string
  /** The authorization server's metadata as it was checked: what the answer is held against (RFC 9207 section 2.4). */
  readonly metadata: Readonly<Record<string, unknown>>
  /** The client the server no longer knew. */
  readonly replaced?: string
}

export type AttemptOutcome = { status: 'finished' } | { status: 'failed'; code: string; message: string }

export interface AttemptStore {
  /** Joins the attempt of this key that is still open, else begins one; `begun` tells which. */
  begin(key: TokenKey, challenge: Challenge, expiresAt: number): Promise<{ attempt: Attempt; begun: boolean }>
  byId(id: string): Promise<Attempt | undefined>
  plan(id: string, plan: AttemptPlan): Promise<void>
  /** The waiting attempt of this state, left as it is. */
  byState(state: string, now: number): Promise<Attempt | undefined>
  /** A redeemed attempt waits again, under a new state: its client was unknown to the server. */
  planAgain(id: string, state: string, plan: AttemptPlan): Promise<void>
  /** Takes the waiting attempt of this state for redeeming; undefined for any other, and for every second try. */
  claim(state: string, now: number): Promise<Attempt | undefined>
  /** The newest attempt of this key that failed after its tab was opened, not before `since`. */
  lastFailure(key: TokenKey, since: number): Promise<Attempt | undefined>
  /** Keys with a sign-in that is still open. */
  open(now: number): Promise<TokenKey[]>
  settle(id: string, outcome: AttemptOutcome): Promise<void>
}

/** A client at one authorization server (RFC 7591 section 3.2.1). */
export interface RegisteredClient {
  readonly clientId: string
  readonly clientSecret?: string
  readonly secretExpiresAt?: number
  /** PEM or JWK, for private_key_jwt */
  readonly privateKey?: string
  /** RFC 7591 token_endpoint_auth_method */
  readonly authMethod: string
}

export interface ClientStore {
  load(issuer: string, redirectUri: string): Promise<RegisteredClient | undefined>
  save(issuer: string, redirectUri: string, client: RegisteredClient): Promise<void>
  remove(issuer: string, redirectUri: string): Promise<void>
  removeAll(): Promise<void>
}

/** Answers of servers worth remembering between runs, as JSON. */
export interface Cache {
  get(name: string, now: number): Promise<unknown>
  put(name: string, value: unknown, expiresAt: number): Promise<void>
}

/** A held lease; it is renewed until it is released. */
export interface Lease {
  /** Aborts when somebody else took it, because this process slept or hung for longer than the ttl. */
  readonly lost: AbortSignal
  release(): void
}

export interface Leases {
  /** The lease, when nobody holds it now. A holder that dies is succeeded after `ttlMs`. */
  take(name: string, ttlMs: number): Promise<Lease | undefined>
  isHeld(name: string): Promise<boolean>
  /** Runs `work` while no other process runs work under the same name; waits for its turn. */
  run<T>(name: string, ttlMs: number, work: (lost: AbortSignal) => Promise<T>): Promise<T>
}

/** One secret in the OS keychain, or in what stands in for it. `undefined` is "not there", never "locked". */
export interface SecretStore {
  get(name: string): Promise<string | undefined>
  set(name: string, secret: string): Promise<void>
  delete(name: string): Promise<void>
}

export type LoginJob = { readonly attemptId: string; readonly config: unknown }
export interface LoginLauncher {
  /** Starts the login process on its own feet; it outlives us. The job goes through its stdin because some of it is secret. */
  launch(job: LoginJob): Promise<void>
}

export interface Browser {
  /** Opens one http(s) URL. @throws BridgeError browser_failed */
  open(url: URL): Promise<void>
}

/** A page for the person in the browser. `code` is an ErrorCode. */
export type CallbackPage =
  | { readonly kind: 'done'; readonly server: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string }
  | { readonly kind: 'invalid_state' }
  | { readonly kind: 'again'; readonly authorizationUrl: string }

/** What the health endpoints beside the callback ask; each rejects when its part does not work. */
export type Health = Readonly<Record<'database' | 'mcpServer', () => Promise<void>>>

export type OnCallback = (query: URLSearchParams) => Promise<CallbackPage>
export interface CallbackListener {
  /** Listens where `redirectUri` points; `onCallback` gets the query of each request to it. @throws BridgeError port_in_use */
  listen(redirectUri: string, onCallback: OnCallback, health?: Health): Promise<{ close(): Promise<void> }>
}

export interface Clock {
  now(): number
  /** ms that stand still while the machine sleeps; only differences mean something */
  awake(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** `event` is `area:what`; `fields` are facts, never secrets. `wants`: whether a debug entry of this event would be written. */
export type Logger = Readonly<Record<LogLevel, (event: string, fields?: LogFields) => void>> & {
  readonly wants?: (event: string) => boolean
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>
