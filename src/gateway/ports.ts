// The interfaces between the gateway and what compose hands in: its stores, the sign-in at a provider, the keys; and between its floors
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TokenSet, User } from '../records.ts'
import type { ServedServer } from './settings.ts'

/** Somebody who has signed in: one account at one provider. */
export interface Person extends User {
  readonly id: string
  readonly email: string | undefined
  readonly blockedAt: number | undefined
}

export interface PersonStore {
  /** The row of this account, made or brought up to date; its id is the same for one issuer and subject. */
  seen(user: User): Promise<Person>
  byId(id: string): Promise<Person | undefined>
  /** Deletes who has not signed in since then, has no grant and is not blocked, with their tokens; at most `limit` persons. Gives their number. */
  forget(unseenSince: number, limit: number): Promise<number>
}

/** What one person gave one client for one server. Its id is the engine's grant id. */
export interface Grant {
  readonly id: string
  readonly personId: string
  readonly clientId: string
  /** The client's name as it calls itself. */
  readonly clientName: string | undefined
  readonly redirectHost: string | undefined
  /** The canonical URL of the MCP server at the gateway (RFC 8707). */
  readonly resource: string
  readonly scope: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly endedAt: number | undefined
  readonly endedBy: string | undefined
}

export interface GrantStore {
  /** One of this id that is there already stays as it is. */
  begin(grant: Omit<Grant, 'createdAt' | 'endedAt' | 'endedBy'>): Promise<void>
  byId(id: string): Promise<Grant | undefined>
  /** Ends it and deletes every record of it. False: it had ended before. */
  end(id: string, by: 'replay' | 'client' | 'person' | 'operator'): Promise<boolean>
}

/** The kinds of records that the authorization server keeps: the names of its models. */
export type RecordKind =
  | 'AccessToken'
  | 'AuthorizationCode'
  | 'RefreshToken'
  | 'Interaction'
  | 'Grant'
  | 'ReplayDetection'

/** A code, token or interaction, kept under the SHA-256 of what the client or browser holds. */
export interface OAuthRecord {
  readonly kind: RecordKind
  /** base64url of SHA-256 of the id */
  readonly idHash: string
  readonly grantId: string | undefined
  readonly clientId: string | undefined
  readonly personId: string | undefined
  readonly resource: string | undefined
  /** The engine's own members, without the id itself. Secrets in it are hashed or sealed by who writes it. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly consumedAt: number | undefined
  readonly expiresAt: number
}

export interface RecordStore {
  put(record: Omit<OAuthRecord, 'consumedAt'>): Promise<void>
  /** Also one that has been consumed, until it expires. */
  find(kind: RecordKind, idHash: string): Promise<OAuthRecord | undefined>
  /** Compare-and-swap: false if it was consumed before or is gone. */
  consume(kind: RecordKind, idHash: string): Promise<boolean>
  remove(kind: RecordKind, idHash: string): Promise<void>
  removeGrant(grantId: string): Promise<void>
  /** Deletes what has expired, at most `limit` rows a table; gives their number. */
  purge(limit: number): Promise<number>
}

/** What a rotation of a refresh token answered, sealed, for the grace in which it is given once more. */
export interface RefreshAnswerStore {
  /** `idHash`: of the spent refresh token; `successorHash`: of the one in the answer. */
  keep(answer: { idHash: string; successorHash: string; answer: string; expiresAt: number }): Promise<void>
  find(idHash: string): Promise<{ readonly successorHash: string; readonly answer: string } | undefined>
}

/** A client of the authorization server. */
export interface OAuthClient {
  readonly id: string
  /** RFC 7591 client metadata, without the secret. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly secret: string | undefined
  readonly source: 'registered' | 'document'
  readonly createdAt: number
  readonly blockedAt: number | undefined
}

export interface ClientRegistry {
  byId(id: string): Promise<OAuthClient | undefined>
  /** `address`: of who registers it, as it is counted. */
  save(client: Omit<OAuthClient, 'createdAt' | 'blockedAt'>, address: string | undefined): Promise<void>
  remove(id: string): Promise<void>
  /** Registrations of this address since then, without those of a clock that was ahead. */
  countSince(address: string, since: number): Promise<number>
  used(id: string): Promise<void>
  /** Deletes registrations that were never used before `unusedSince`, those without a living grant since `idleSince`, and the oldest unused beyond `most`. */
  tidy(bounds: { unusedSince: number; idleSince: number; most: number }): Promise<number>
}

/** Who calls: the bearer's person, client, grant and server. */
export interface Caller {
  readonly person: Person
  readonly clientId: string
  readonly clientName: string | undefined
  readonly grantId: string
  readonly resource: string
  readonly scope: string
  /** When the access token expires. */
  readonly expiresAt: number
}

export interface CallerStore {
  /** Of a living access token, whose grant has not ended and whose person is not blocked; one statement. */
  byTokenHash(hash: string): Promise<Caller | undefined>
  /** By id, those of these grants that have not ended or expired, and whose person and client are not blocked; one statement for 16,384 of them. */
  standing(grantIds: readonly string[]): Promise<ReadonlyMap<string, StandingGrant>>
}

/** What a grant is good for at this moment. */
export interface StandingGrant {
  readonly person: Person
  /** The hashes of its living access tokens. */
  readonly tokens: ReadonlySet<string>
}

export interface SigningKey {
  readonly kid: string
  readonly publicJwk: Readonly<Record<string, unknown>>
  readonly privateJwk: Readonly<Record<string, unknown>>
  readonly activeFrom: number
  readonly retiredAt: number | undefined
}

/** Assertion keys; the private half is sealed. */
export interface SigningKeyStore {
  all(): Promise<SigningKey[]>
  add(key: SigningKey): Promise<void>
  retire(kid: string, at: number): Promise<void>
  remove(kid: string): Promise<void>
}

/** Seals what goes through other hands, and derives keys; one process opens what another has sealed. */
export interface GatewaySeal {
  /** `place` says what it is for: a text opens under the same one only. */
  seal(text: string, place: readonly string[]): string
  /** undefined: it is not ours, or of another place. */
  open(sealed: string, place: readonly string[]): string | undefined
  /** HMAC-SHA-256 with a key derived for `purpose`, base64url. */
  mac(purpose: string, text: string): string
  /** Also for one made under an earlier key of the ring. */
  isMac(mac: string, purpose: string, text: string): boolean
}

/** The upstream half: our own sign-in at a provider that people sign in with. */
export interface ProviderSignIn {
  /** What the provider will be asked for; before its metadata is known, with all that may be. Asks nobody. */
  scopes(provider: string): Promise<readonly string[]>
  /** Begins an attempt; `binding` is kept sealed with it and comes back with the answer. */
  begin(
    provider: string,
    binding: Readonly<Record<string, string>>,
  ): Promise<{ readonly url: URL; readonly state: string }>
  /** What was bound to the attempt that this redirect answers, by its state and its path; it stays as it is. */
  binding(redirected: URL): Promise<Readonly<Record<string, string>> | undefined>
  /**
   * The provider's redirect: redeems the code. Resolves to who signed in and the tokens, which are not stored yet.
   * @throws BridgeError, with `details.state` only where the attempt was claimed
   */
  answer(redirected: URL): Promise<{
    readonly provider: string
    readonly user: User
    readonly tokens: TokenSet
    readonly binding: Readonly<Record<string, string>>
  }>
}

/** A person's tokens at the provider; kept under `provider:<name>` and the person's id. */
export interface ProviderTokens {
  /** Stores the tokens of a sign-in; a refresh token that it did not bring is carried over from before. */
  keep(provider: string, personId: string, tokens: TokenSet): Promise<void>
  /** The access token to send now, refreshed once for all replicas if due. undefined: nobody is signed in there. */
  current(person: Person): Promise<string | undefined>
  /** Refreshes now. @throws BridgeError refresh_token_missing, token_expired */
  refreshNow(person: Person): Promise<{ readonly expiresAt: number | undefined }>
}

/** What a person is asked to agree to. */
export interface PendingAuthorization {
  /** The engine's id of this authorization request; part of the consent page's path. */
  readonly flow: string
  readonly clientId: string
  readonly clientName: string | undefined
  /** For a metadata document: the host that serves it. */
  readonly documentHost: string | undefined
  readonly redirectUri: string
  readonly resource: string
  readonly scope: string
  readonly server: ServedServer
  /** Where the browser goes, if the person's part has been answered already: it came back a second time. */
  readonly next: string | undefined
}

export type AuthorizationOutcome =
  | { readonly person: Person }
  | { readonly error: 'access_denied' | 'server_error' | 'temporarily_unavailable'; readonly description: string }

/** The authorization server towards MCP clients. */
export interface AuthorizationServer {
  /** Its own endpoints: /authorize (and what follows it), /token, /register, /revoke, metadata. `address`: the asking client's. */
  handle(request: IncomingMessage, response: ServerResponse, address: string): void
  /** The authorization request that this browser began, by its cookie; undefined: another browser, or it is over. */
  pending(request: IncomingMessage, response: ServerResponse, flow: string): Promise<PendingAuthorization | undefined>
  /** Ends the person's part; resolves to the URL that the browser goes to next, also for each further outcome. undefined: it is over, or of another browser. */
  finish(
    request: IncomingMessage,
    response: ServerResponse,
    flow: string,
    outcome: AuthorizationOutcome,
  ): Promise<string | undefined>
}

/** What answers under one path of the table of routes. */
export type Handler = (request: IncomingMessage, response: ServerResponse, context: RequestContext) => Promise<void>

export interface RequestContext {
  /** Decoded once; of the gateway's own origin. */
  readonly url: URL
  readonly requestId: string
  /** The client's address: of the socket, or what a trusted proxy says. */
  readonly address: string
  /** The server behind this path, for /mcp; and what follows its path, with a leading slash, or ''. */
  readonly served: ServedServer | undefined
  readonly rest: string
  /** What the route's pattern matched, by name. */
  readonly parameters: Readonly<Record<string, string>>
}
