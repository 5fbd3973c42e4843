// The interfaces to the outside world and between rooms; their data is in records.ts.
import type { BridgeError } from './errors.ts'
import type {
  AccountSummary,
  Attempt,
  AttemptOutcome,
  AttemptPlan,
  BegunAttempt,
  CallbackPage,
  Challenge,
  LoginJob,
  Patience,
  RegisteredClient,
  SignInEnd,
  TokenKey,
  TokenRecord,
  TokenSet,
  Transmission,
  Wishes,
} from './records.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: URL
  /** Names in any case; values printable ASCII. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | undefined
  readonly signal?: AbortSignal | undefined
  /** Longest silence in ms, before the headers and between two chunks; 0 waits indefinitely. */
  readonly idleMs: number
  /** Tells whether the request has gone onto a connection: what never did was certainly not processed. */
  readonly transmission?: Transmission | undefined
  /** The same as that of `transmission`, where there is none. */
  readonly patience?: Patience | undefined
  /** 'manual' returns a redirect unchanged; a function decides for one of this URL, before it is followed as far as any is. */
  readonly redirect?: 'manual' | ((response: HttpResponse) => 'return' | 'follow') | undefined
  /** Addresses that may be connected to: the internet, or private networks too; omitted: any. `cookies`: none is sent or kept. */
  readonly within?: 'public' | 'private' | undefined
  readonly cookies?: 'none' | undefined
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; a header sent twice is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Read it to the end or call `discard`. `whole`: what has not been read, where the end has come too; else undefined, and nothing is taken. */
  readonly body: AsyncIterable<Uint8Array> & { whole?(): Uint8Array | undefined }
  /** Discards the rest of the body and frees the connection. */
  discard(): void
}

export interface HttpClient {
  /** Resolves when the headers are in; follows redirects within the origin only. Throws BridgeError or `signal.reason`. */
  request(request: HttpRequest): Promise<HttpResponse>
  close(): Promise<void>
}

/** Why a request is sent: the host starts, a person made a call, the tool sign_in was called, or something of our own that asks nobody. */
export type Cause = 'start' | 'call' | 'signIn' | 'background'

/** Available now, or later. */
export type MaybePromise<T> = T | Promise<T>

/** Turns a request into an authorized one, and tells what a challenge means. */
export interface Authorizer {
  /** For a request to the server's own origin: bearer, X-User-* and configured ones. Refreshes an expired token first; at once if it can be. */
  headers(method: HttpRequest['method'], url: URL): MaybePromise<Readonly<Record<string, string>>>
  /** Keeps the nonce of an answer (RFC 9449 section 9). 'again': the request was refused because the nonce was missing. */
  onNonce(answer: Pick<HttpResponse, 'status' | 'headers'>): Promise<'again' | undefined>
  /** `refused`: the headers that `answer` refused. Resolves when the request may be sent once more, throws why it may not. */
  onChallenge(
    answer: Pick<HttpResponse, 'status' | 'headers'>,
    refused: Readonly<Record<string, string>>,
    cause: Cause,
  ): Promise<void>
  /** After `onChallenge`, the request was sent again with these headers, and refused with 401 once more. 'ended': the token's life was over. */
  onRefused?(refused: Readonly<Record<string, string>>): Promise<'ended' | undefined>
  /** Whether the sign-in of these headers has ended: by a sign-out, or by another account. */
  outlived?(headers: Readonly<Record<string, string>>): Promise<boolean>
}

/** The sign-in that this process waits for, as the message path may know it. */
export interface SignInWatch {
  readonly waiting: boolean
  /** Where the person signs in, once it is known. */
  readonly address: string | undefined
  /** A sentence that says why no tab opens by itself, such as how the last sign-in failed. */
  readonly whyNoTab?: string | undefined
  /** How the last one of this process failed; undefined: it did not, or another one has begun. */
  readonly failure: BridgeError | undefined
  /** Calls `listener` when one of them changes, and when somebody begins to wait; returns a function that stops it. */
  onChange(listener: () => void): () => void
  /**
   * What `work` brings, or a BridgeError sign_in_pending that contains the address once a person is still waited for after `ms`. A sign-in
   * that had failed before, which was not known here yet, is not a failure of this work: it is done once more.
   */
  bounded<T>(work: () => Promise<T>, ms: number): Promise<T>
  /** The person does not want to sign in now: whoever waits in {@link bounded} gets its error at once. The sign-in goes on. */
  giveUp(): void
}

/** What this server answered last, for a host that asks while a person signs in. JSON `result` members by method. */
export interface KnownAnswers {
  load(method: string): Promise<unknown>
  /** undefined, or too large: the previous value is deleted. */
  save(method: string, result: unknown): Promise<void>
}

export interface TokenStore {
  load(key: TokenKey): Promise<TokenRecord>
  /** Records that this generation's refresh token is about to be used. 'again': a refresh that has not ended was about to. 'gone': another generation is there. */
  spend(key: TokenKey, generation: number): Promise<'first' | 'again' | 'gone'>
  /** Records that it was not used after all. */
  unspend(key: TokenKey, generation: number): Promise<void>
  /** Compare-and-swap: false if the row's generation is not `expected`. */
  replace(key: TokenKey, next: TokenSet, expected: number): Promise<boolean>
  /** Compare-and-swap; `reason` and `code` are kept as the row's last error. The generation lives on. */
  remove(key: TokenKey, expected: number, reason?: string, code?: SignInEnd): Promise<boolean>
  /** Of who uses the bridge; not those of a gateway’s persons in the same database. */
  list(): Promise<AccountSummary[]>
  /** Whether the row is still at this generation. Every message asks, so it answers at once. */
  unchanged(key: TokenKey, generation: number): boolean
  /** Keeps the tokens of this generation, which nothing renews any more. token_expired: the access token does not do either. */
  unrenewable(key: TokenKey, generation: number, reason: string, code: SignInEnd): Promise<void>
  /** Records that the MCP server refused the new token of this generation. */
  refuse(key: TokenKey, generation: number): Promise<void>
}

export interface AttemptRequest {
  readonly wishes: Wishes
  /** Whether an attempt that was begun with these wishes will do; omitted: any. */
  readonly fits?: (waiting: Wishes) => boolean
}

export interface AttemptStore {
  /** Joins the attempt of this key that is still open, else begins one; `begun` tells which. An open one with different options ends, and the new one replaces it. */
  begin(key: TokenKey, challenge: Challenge, expiresAt: number, asking?: AttemptRequest): Promise<BegunAttempt>
  byId(id: string): Promise<Attempt | undefined>
  plan(id: string, plan: AttemptPlan): Promise<void>
  /** The waiting attempt of this state, unchanged. */
  byState(state: string, now: number): Promise<Attempt | undefined>
  /** Changes the plan of the attempt that waits under this state; false: it is no longer waiting. */
  deliver(attempt: Attempt, plan: AttemptPlan): Promise<boolean>
  /** A redeemed attempt waits again, under a new state: its client was unknown to the server. */
  planAgain(id: string, state: string, plan: AttemptPlan): Promise<void>
  /** Takes the waiting attempt of this state for redeeming; undefined for any other, and for every further try. */
  claim(state: string, now: number): Promise<Attempt | undefined>
  /** A browser was started for it; the first time counts. */
  tabOpened(id: string): Promise<void>
  /**
   * The newest attempt of this key that failed after its tab was opened, not before `since` and not before somebody signed in; only
   * with an error code that counts.
   */
  lastFailure(key: TokenKey, since: number, counts?: (errorCode: string) => boolean): Promise<Attempt | undefined>
  /** How many sign-ins of this key had a tab opened since then, because of a 401 or of a 403. */
  opened(key: TokenKey, since: number, status: 401 | 403): Promise<number>
  /** Keys with a sign-in that is still open. */
  open(now: number): Promise<TokenKey[]>
  settle(id: string, outcome: AttemptOutcome): Promise<void>
}

export interface ClientStore {
  load(issuer: string, redirectUri: string): Promise<RegisteredClient | undefined>
  save(issuer: string, redirectUri: string, client: RegisteredClient): Promise<void>
  remove(issuer: string, redirectUri: string): Promise<void>
  removeAll(): Promise<void>
}

/** Answers of servers that are cached between runs, as JSON. */
export interface Cache {
  get(name: string, now: number): Promise<unknown>
  put(name: string, value: unknown, expiresAt: number): Promise<void>
}

/** A held lease; it is renewed until it is released. */
export interface Lease {
  /** Aborts when somebody else took it, because this process slept or hung for longer than the ttl. */
  readonly lost: AbortSignal
  /** The holder that let it expire, where it is not certain that it has ended: it may go on as if nothing had happened. */
  readonly former?: { isGone(): boolean } | undefined
  /** Renews it now. False: somebody else took it. @throws what the database throws, once it has expired as well */
  renew(): Promise<boolean>
  /** Resolves when others can take it; never fails. */
  release(): Promise<void>
}

/** Who holds a lease, for other processes of this machine. */
export interface Holders {
  /** This process. */
  self(): string
  /** Whether the process that was named so has certainly ended. */
  isGone(holder: string): boolean
}

export interface Leases {
  /** The lease, if nobody holds it now. Where its holder has certainly ended, it is free; else when it was seen expired for 2 s, which this waits for. */
  take(name: string, ttlMs: number): Promise<Lease | undefined>
  isHeld(name: string): Promise<boolean>
  /** Runs `work` while no other process runs work under the same name; waits for its turn. */
  run<T>(name: string, ttlMs: number, work: (lease: Lease) => Promise<T>): Promise<T>
}

/** One secret in the OS keychain, or in its fallback. `undefined` means "not found", never "locked". */
export interface SecretStore {
  get(name: string): Promise<string | undefined>
  set(name: string, secret: string): Promise<void>
  delete(name: string): Promise<void>
}

export interface LoginLauncher {
  /** Starts the login process, which outlives us. Its job is not passed in its words because parts of it are secret. */
  launch(job: LoginJob): Promise<void>
}

export interface Browser {
  /** Opens one http(s) URL. @throws BridgeError browser_failed */
  open(url: URL): Promise<void>
}

/** The checks of the health endpoints; each rejects if its part does not work. */
export type Health = Readonly<Record<'database' | 'mcpServer', () => Promise<void>>>
export type OnCallback = (query: URLSearchParams) => Promise<CallbackPage>
export interface CallbackListener {
  /** Listens where `redirectUri` points; `onCallback` gets the query of each request to it. @throws BridgeError port_in_use */
  listen(redirectUri: string, onCallback: OnCallback, health?: Health): Promise<{ close(): Promise<void> }>
  /** The same address with a port that is free now. @throws BridgeError port_in_use */
  onFreePort(redirectUri: string): Promise<string>
}

export interface Clock {
  now(): number
  /** ms that do not advance while the machine sleeps; only differences are meaningful */
  awake(): number
  /** ms since this process was started */
  uptime(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** `event` is `area:what`; `fields` are facts, never secrets. `wants`: whether a debug entry of this event would be written. */
export type Logger = Readonly<Record<LogLevel, (event: string, fields?: LogFields) => void>> & {
  readonly wants?: (event: string) => boolean
  /** Writes the counts of events that were not written. */
  readonly end?: () => void
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>
