// The one error class and the one table of codes: message, remedy, exit code and JSON-RPC number.

interface ErrorRow {
  /** One sentence, shown when the thrower gives no better one. */
  readonly message: string
  /** What the person can do about it. */
  readonly hint: string
  /** Process exit code: 1 internal, 2 usage or config, 3 sign-in, 4 network or server, 5 storage. */
  readonly exit: 1 | 2 | 3 | 4 | 5
  /** JSON-RPC error number; outside -32768..-32000, which JSON-RPC 2.0 section 5.1 reserves. */
  readonly rpc: number
}

const row = (exit: ErrorRow['exit'], rpc: number, message: string, hint: string): ErrorRow => ({
  message,
  hint,
  exit,
  rpc,
})

/** Every error this program can end in. The anchor in docs/errors.md is the code itself. */
// biome-ignore format: a table, one row a line
export const ERRORS = {
  internal: row(1, 1000, 'Something unexpected went wrong inside the bridge.', 'Run again with --debug and report it.'),

  usage: row(2, 1201, 'The command line was not understood.', 'Run mcp-oauth-bridge --help.'),
  config_not_found: row(2, 1202, 'The config file was not found.', 'Check the path given by --config or CONFIG_PATH.'),
  config_invalid: row(2, 1203, 'The config file is not valid.', 'Correct the line named above; config.example.yaml lists every key.'),
  clock_skew: row(2, 1230, 'The clock of this computer is wrong.', 'Set the clock; most systems do it by NTP.'),
  gateway_missing: row(2, 1231, 'This belongs to the HTTP gateway, which this version does not have.', 'Use the bridge: SQLite, and a host that speaks stdio.'),
  insecure_url: row(2, 1204, 'The server URL is not HTTPS.', 'Use https://, a loopback address, or --allow-http for a network you trust.'),
  host_config_invalid: row(2, 1220, 'The host’s config file cannot be changed.', 'Correct that file, or add the server in the host itself.'),
  cancelled: row(2, 1221, 'You stopped it.', 'What was done before stays; run the command again when you like.'),

  not_signed_in: row(3, 1301, 'Nobody is signed in to this server.', 'Run mcp-oauth-bridge login for this server.'),
  sign_in_pending: row(3, 1330, 'A person has to sign in first.', 'Finish the sign-in in the browser and try again; if no tab is open, open the address above or run mcp-oauth-bridge login.'),
  access_denied: row(3, 1302, 'The sign-in was refused.', 'Sign in again and approve the access, or ask the server’s owner for access.'),
  login_timed_out: row(3, 1303, 'Nobody completed the sign-in in time.', 'Try again; raise session_timeout if more time is needed.'),
  login_failed: row(3, 1304, 'The authorization server did not complete the sign-in.', 'Try again; if it stays, show the message above to the server’s owner.'),
  invalid_state: row(3, 1305, 'The callback belongs to no sign-in that is waiting.', 'Start the sign-in again and use the newest browser tab.'),
  redirect_uri_mismatch: row(3, 1306, 'The authorization server does not accept the redirect URI.', 'Register exactly the callback_url with the provider: same scheme, host, port and path, no trailing slash.'),
  unauthorized: row(3, 1307, 'The server refused the token, also after a new one was obtained.', 'Run mcp-oauth-bridge logout and login for this server; check that the account may use it.'),
  insufficient_scope: row(3, 1308, 'The server asks for a scope the token does not have.', 'Sign in again with the scope the server names: mcp-oauth-bridge login --scope "…" --force.'),
  forbidden: row(3, 1309, 'The server forbids this request.', 'Check that the signed-in account may use this server: mcp-oauth-bridge status.'),
  consent_required: row(3, 1310, 'The authorization server asks for consent.', 'Sign in again and consent, or ask an administrator to grant it.'),
  token_expired: row(3, 1311, 'The access token has expired and refresh failed.', 'Sign in again: mcp-oauth-bridge login.'),
  refresh_token_missing: row(3, 1312, 'The access token has expired and there is no refresh token.', 'Sign in again; add the scope offline_access if the provider knows it.'),
  invalid_signature: row(3, 1313, 'The ID token did not pass verification.', 'Check the system clock and the issuer; do not trust this sign-in.'),
  malformed_token: row(3, 1314, 'The authorization server sent a token that cannot be used.', 'Report it to the server’s owner; a token must be printable ASCII.'),
  pkce_failed: row(3, 1315, 'The authorization server did not accept the PKCE code verifier.', 'Start the sign-in again; do not reuse an old browser tab.'),
  pkce_unsupported: row(3, 1316, 'The authorization server does not advertise PKCE with S256.', 'Ask its owner to publish code_challenge_methods_supported with S256; MCP clients must refuse without it. For a server you trust, set allow_missing_s256: true in its entry of config.yaml.'),
  issuer_mismatch: row(3, 1317, 'The authorization server names another issuer than the expected one.', 'Do not sign in; tell the server’s owner that both strings must be equal. What you do trust can be named in trusted_issuers.'),
  resource_mismatch: row(3, 1318, 'The protected-resource metadata is for another server.', 'Check the server URL; tell the server’s owner that "resource" must match it.'),
  discovery_failed: row(3, 1319, 'No authorization server could be found for this server.', 'Check that the URL is the MCP endpoint; set issuer for its provider in config.yaml if the server publishes none.'),
  registration_failed: row(3, 1320, 'The authorization server registers no clients by itself.', 'Register a client with the provider and give --client-id (and --client-secret-file).'),
  invalid_client: row(3, 1321, 'The authorization server does not know this client.', 'Check client_id and client_secret, or run login --force to register again.'),
  port_in_use: row(3, 1322, 'The callback port is taken by another program.', 'Stop that program, or set callback_url to another port that is registered with the provider.'),
  account_mismatch: row(3, 1324, 'Another account signed in than the one that was asked for.', 'Sign out in the browser or choose the other account there, then sign in again.'),
  device_unsupported: row(3, 1350, 'The authorization server offers no sign-in by device code.', 'Sign in with the browser, or with login --no-browser and a forwarded callback port.'),
  access_not_configured: row(3, 1351, 'The API is not enabled for the project of this client.', 'Enable it in the Google Cloud console (APIs & Services > Library), and check the OAuth consent screen, the scopes and the client id.'),
  invalid_target: row(3, 1352, 'The authorization server refuses the resource.', 'Leave it out: login --force --resource none, or resource: none for its provider in config.yaml.'),
  id_token_missing: row(3, 1353, 'The authorization server sent no ID token, and bearer: id_token is set for its provider.', 'Add openid to the scopes, or remove bearer: id_token.'),
  client_required: row(3, 1354, 'Client credentials need a client that was registered by hand.', 'Give --client-id with --client-secret-file, or set them for its provider in config.yaml.'),
  browser_failed: row(3, 1323, 'The browser could not be opened.', 'Run login --no-browser and open the printed address yourself.'),
  client_auth_unsupported: row(3, 1340, 'The authorization server accepts none of the ways in which this client can authenticate.', 'Give what it asks for: --client-secret-file, or --client-key-file with a key of an algorithm it lists.'),
  address_refused: row(3, 1341, 'A server on the internet names an address in a private network or on this machine.', 'If you trust it, name the origin in allow_private of this server in config.yaml.'),
  client_issuer_changed: row(3, 1342, 'The authorization server is another one than your client belongs to.', 'If that is right, set issuer of its provider in config.yaml, or --issuer, to the new one; the client must be registered there. Then sign in again: mcp-oauth-bridge login --force.'),
  client_issuer_missing: row(3, 1343, 'Nothing says to which authorization server your client belongs.', 'Set issuer of its provider in config.yaml, or give --issuer.'),

  server_unreachable: row(4, 1401, 'The MCP server cannot be reached.', 'Check the URL, that the server runs, and the network.'),
  server_timeout: row(4, 1402, 'The MCP server did not answer in time.', 'Try again; raise request_timeout or connect_timeout if the server is slow.'),
  server_error: row(4, 1403, 'The MCP server answered with an error.', 'Try again later; see the server’s own log.'),
  invalid_protocol: row(4, 1404, 'The answer is not a valid MCP message.', 'Check that the URL is the MCP endpoint and not a web page.'),
  session_lost: row(4, 1405, 'The server forgot the session and it could not be made again.', 'Restart the server entry in your host.'),
  redirect_refused: row(4, 1406, 'The server redirects to another origin.', 'Use the final address as the server URL; secrets are never sent to another origin.'),
  authorization_server_unreachable: row(4, 1407, 'The authorization server cannot be reached.', 'Nothing is lost: try again when it answers.'),
  authorization_server_error: row(4, 1408, 'The authorization server failed.', 'Nothing is lost: try again later.'),
  outcome_unknown: row(4, 1420, 'The connection was lost after the request was sent: whether it was carried out is not known.', 'Look at the server whether it was done before you ask for it again.'),
  tool_hidden: row(4, 1421, 'The tool is hidden by the setting hide_tools.', 'Take it off hide_tools in the config file if it may be called.'),
  message_too_large: row(4, 1409, 'The message is larger than the limit.', 'Send less in one message, or raise limits in config.yaml.'),
  tls_failed: row(4, 1410, 'The server’s TLS certificate was not accepted.', 'Name your organisation’s CA file as ca_file in config.yaml, or add the CA to the system’s certificate store.'),
  proxy_failed: row(4, 1430, 'The HTTP proxy did not make the connection.', 'Check HTTPS_PROXY, or list hosts to reach without it in NO_PROXY.'),

  database_unreachable: row(5, 1501, 'The database cannot be opened.', 'Check database_url, the folder and its permissions.'),
  database_locked: row(5, 1502, 'The database is locked by another program.', 'Close programs that hold oauth.db open and try again.'),
  schema_missing: row(5, 1503, 'The database does not have the tables of this version.', 'Use the newest mcp-oauth-bridge with this database.'),
  keychain_unavailable: row(5, 1504, 'The OS keychain cannot be used.', 'Unlock or start it, or set secret_store: file.'),
  keychain_locked: row(5, 1505, 'The OS keychain that holds the sealing key does not answer with it.', 'Unlock the keychain and try again. Nothing is lost.'),
  key_missing: row(5, 1506, 'The sealing key of the stored tokens is gone.', 'Restore it, or give up the stored sign-ins: mcp-oauth-bridge logout --all, then login.'),
  seal_broken: row(5, 1507, 'A stored secret cannot be opened: it was altered or moved.', 'Sign in again: mcp-oauth-bridge login --force.'),
  permissions_unsafe: row(5, 1508, 'A private file or folder is not private.', 'Make yourself its owner and take away everybody else’s rights (chmod 600, folders 700).'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

export interface BridgeErrorOptions {
  /** What happened, in one sentence. Untrusted text in it must have gone through {@link quote}. */
  message?: string
  hint?: string
  cause?: unknown
  /** Facts for decisions and logs, never secrets. */
  details?: Readonly<Record<string, string | number | boolean>>
}

/** The only error this program throws on purpose. Decide by `code`, never by text. */
export class BridgeError extends Error {
  override readonly name = 'BridgeError'
  readonly code: ErrorCode
  readonly hint: string
  readonly details: Readonly<Record<string, string | number | boolean>>

  constructor(code: ErrorCode, options: BridgeErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? ERRORS[code].hint
    this.details = options.details ?? {}
  }
}

/** Any thrown value as a BridgeError; what is not one is a fault of ours. */
export function asBridgeError(thrown: unknown): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  const what = thrown instanceof Error ? thrown.message : String(thrown)
  return new BridgeError('internal', { message: `Unexpected: ${quote(what)}`, cause: thrown })
}

/** Untrusted text for a message or a log: JSON-quoted, cut to `most` characters, without terminal or bidi controls, secrets and URL queries. */
export function quote(text: string, most = 200): string {
  const plain = withoutQueries(withoutSecrets(withoutControls(text)))
  return JSON.stringify(plain.length > most ? `${plain.slice(0, most)}…` : plain)
}

/** Secrets this process has sent: a server may repeat them in an error of any form. */
const sent = new Set<string>()
/** Shorter values are words that stand in every text. */
const SHORTEST_SECRET = 8

/** From now on these are cut out of every text that is quoted or logged. */
export function neverQuote(secrets: readonly (string | undefined)[]): void {
  for (const secret of secrets) if (secret !== undefined && secret.length >= SHORTEST_SECRET) sent.add(secret)
}

/** Secrets that a server may set anew with every answer: only the newest are kept. */
const passing = new Set<string>()
const MOST_PASSING = 200

/** Like {@link neverQuote}, for a while: until many others were given. */
export function neverQuoteWhileNew(secret: string): void {
  if (secret.length < SHORTEST_SECRET) return
  passing.delete(secret)
  passing.add(secret)
  const [oldest] = passing
  if (passing.size > MOST_PASSING && oldest !== undefined) passing.delete(oldest)
}

function withoutKnown(text: string): string {
  let safe = text
  for (const secret of [...sent, ...passing]) safe = safe.replaceAll(secret, '[hidden]')
  return safe
}

/**
 * Bearer tokens, JWTs and the query parameters of OAuth, wherever an untrusted text repeats them. Whoever sends megabytes must not
 * make a pattern read the same letters again and again: no pattern here can fail after a run without an end.
 */
export function withoutSecrets(text: string): string {
  return withoutKnown(text)
    .replace(/\b(bearer|basic|dpop)\s+[\w.~+/=-]+/gi, '$1 [hidden]')
    .replace(/\beyJ[\w-]+(\.[\w-]+(\.[\w-]*)?)?/g, (run, rest?: string) => (rest === undefined ? run : '[hidden]'))
    .replace(
      /\b(code|state|access_token|refresh_token|id_token|client_secret|code_verifier|token)([\\"']*\s*[=:]\s*[\\"']*)[\w.~+/%-]{6,}/gi,
      '$1$2[hidden]',
    )
}

/** Every http(s) URL in a text without its query: people and servers put keys, codes and states there. */
export function withoutQueries(text: string): string {
  return text.replace(/(\bhttps?:\/\/[^\s"'<>?#]*)(\?[^\s"'<>]*)?/gi, (url, start: string, query?: string) =>
    query === undefined ? url : `${start}?…`,
  )
}

/** A stored code as a known one. */
export function asErrorCode(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'login_failed'
}

/** Untrusted text for a person: no escape sequences, no line breaks, nothing invisible, nothing that turns the direction of writing. */
export function withoutControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}
