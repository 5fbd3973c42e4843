// The one error class and the one table of codes: message, remedy, exit code and JSON-RPC number.
import { withOwnCommands } from './ownCommand.ts'
import { nameOwnTexts } from './redaction/register.ts'
import { quote, withoutControls } from './redaction/text.ts'

interface ErrorRow {
  /** One sentence, shown when the thrower gives no better one. */
  readonly message: string
  /** What the person can do about it. */
  readonly hint: string
  /** Process exit code: 1 internal, 2 usage or config, 3 sign-in, 4 network or server, 5 storage, 130 Ctrl-C. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 130
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
// biome-ignore format: a table, one row per line
export const ERRORS = {
  internal: row(1, 1000, 'Something unexpected went wrong inside the bridge.', 'Run again with --debug and report it.'),

  usage: row(2, 1201, 'The command line was not understood.', 'Run mcp-oauth-bridge --help.'),
  config_not_found: row(2, 1202, 'The config file was not found.', 'Check the path given by --config or CONFIG_PATH.'),
  config_invalid: row(2, 1203, 'The config file is not valid.', 'Correct the line named above; config.example.yaml lists every key.'),
  config_untrusted: row(2, 1205, 'The config file could have been written by somebody else.', 'Make yourself its owner and remove everybody else’s write permission (chmod go-w).'),
  clock_skew: row(2, 1230, 'The clock of this computer is wrong.', 'Correct the clock; most systems do this with NTP.'),
  listen_failed: row(2, 1206, 'The gateway cannot listen at its address.', 'Set serve.listen to another address, such as 127.0.0.1:8081.'),
  insecure_url: row(2, 1204, 'The server URL is not HTTPS.', 'Use https://, a loopback address, or --allow-http for a network you trust.'),
  host_config_invalid: row(2, 1220, 'The host’s config file cannot be changed.', 'Correct that file, or add the server in the host.'),
  declined: row(2, 1222, 'You said no, so nothing was done.', 'Run the command again to be asked again.'),
  cancelled: row(130, 1221, 'Cancelled.', 'Completed steps are kept. Run the command again at any time.'),

  not_signed_in: row(3, 1301, 'Nobody is signed in to this server.', 'Run mcp-oauth-bridge login.'),
  sign_in_pending: row(3, 1330, 'A person has to sign in first.', 'Finish the sign-in in the browser and try again. If no tab is open, open the address above or run mcp-oauth-bridge login.'),
  access_denied: row(3, 1302, 'The sign-in was refused.', 'Sign in again and approve the access: repeat the call, or run mcp-oauth-bridge login. Otherwise ask the server’s owner for access.'),
  login_timed_out: row(3, 1303, 'The sign-in was not completed in time.', 'Try again; raise session_timeout if more time is needed. If the browser tab shows an error, show that to the server’s owner.'),
  login_failed: row(3, 1304, 'The authorization server did not complete the sign-in.', 'Try again. If it keeps failing, show the message above to the server’s owner.'),
  invalid_state: row(3, 1305, 'The callback does not match a pending sign-in.', 'Start the sign-in again and use the newest browser tab.'),
  redirect_uri_mismatch: row(3, 1306, 'The authorization server does not accept the redirect URI.', 'Register exactly the callback_url with the provider: same scheme, host, port and path, no trailing slash.'),
  unauthorized: row(3, 1307, 'The server refused the token, and also a newly obtained one.', 'Ask the server’s owner whether you may use it. To sign in again, call the tool sign_in if your host has it, or run mcp-oauth-bridge logout, then mcp-oauth-bridge login.'),
  insufficient_scope: row(3, 1308, 'The server asks for a scope the token does not have.', 'Sign in again with the scope the server names: mcp-oauth-bridge login --scope "…" --force.'),
  forbidden: row(3, 1309, 'The server forbids this request.', 'Ask the server’s owner whether you may use it. If somebody is signed in, check that it is the right account: mcp-oauth-bridge status.'),
  consent_required: row(3, 1310, 'The authorization server asks for consent.', 'Sign in again and consent: repeat the call, or run mcp-oauth-bridge login. Or ask an administrator to grant it.'),
  token_expired: row(3, 1311, 'The access token has expired and refresh failed.', 'Sign in again: mcp-oauth-bridge login.'),
  refresh_token_missing: row(3, 1312, 'The access token has expired and there is no refresh token.', 'Sign in again: mcp-oauth-bridge login --force. Add the scope offline_access if the provider knows it.'),
  invalid_signature: row(3, 1313, 'The ID token did not pass verification.', 'Check the system clock and the issuer; do not trust this sign-in. If both are right, show the message above to the server’s owner.'),
  malformed_token: row(3, 1314, 'The authorization server sent an unusable token.', 'Report it to the server’s owner; a token must be printable ASCII.'),
  pkce_failed: row(3, 1315, 'The authorization server did not accept the PKCE code verifier.', 'Start the sign-in again; do not reuse an old browser tab.'),
  pkce_unsupported: row(3, 1316, 'The authorization server does not advertise PKCE with S256.', 'Ask its owner to publish code_challenge_methods_supported with S256; MCP clients must refuse without it. For a server you trust, set allow_missing_s256: true in its entry of config.yaml.'),
  issuer_mismatch: row(3, 1317, 'The authorization server identifies itself as a different issuer.', 'Do not sign in. Tell the server’s owner that both strings must be equal. If you trust this pair, add it to trusted_issuers.'),
  resource_mismatch: row(3, 1318, 'The protected-resource metadata is for another server.', 'Check the server URL; tell the server’s owner that "resource" must match it.'),
  discovery_failed: row(3, 1319, 'No authorization server could be found for this server.', 'Check that the URL is the MCP endpoint; set issuer for its provider in config.yaml if the server publishes none.'),
  registration_failed: row(3, 1320, 'The authorization server does not support dynamic client registration.', 'Register a client with the provider, then pass --client-id (and --client-secret-file).'),
  invalid_client: row(3, 1321, 'The authorization server does not recognize this client.', 'Try again. If you configured a client, check client_id and client_secret; otherwise register again: mcp-oauth-bridge login --force.'),
  port_in_use: row(3, 1322, 'The callback port is in use by another program.', 'Stop that program, or set callback_url to another port that is registered with the provider.'),
  account_mismatch: row(3, 1324, 'The account that signed in is not the one that was asked for.', 'Sign out in the browser or choose the other account there, then sign in again: repeat the call, or run mcp-oauth-bridge login.'),
  access_not_granted: row(3, 1355, 'The account that signed in may not use this gateway.', 'Sign in with another account, or ask the operator of the gateway for access.'),
  device_unsupported: row(3, 1350, 'The authorization server does not support device codes.', 'Sign in with the browser: mcp-oauth-bridge login. On a machine without one, forward the callback port: mcp-oauth-bridge login --no-browser.'),
  access_not_configured: row(3, 1351, 'The API is not enabled for the project of this client.', 'Enable it in the Google Cloud console (APIs & Services > Library), and check the OAuth consent screen, the scopes and the client id.'),
  invalid_target: row(3, 1352, 'The authorization server refuses the resource.', 'Leave the resource out: mcp-oauth-bridge login --force --resource none, or resource: none for its provider in config.yaml.'),
  id_token_missing: row(3, 1353, 'The authorization server did not send an ID token, and bearer: id_token is set for its provider.', 'Add openid to the scopes, or remove bearer: id_token.'),
  client_required: row(3, 1354, 'Client credentials require a registered client.', 'Pass --client-id with --client-secret-file, or set them for its provider in config.yaml.'),
  browser_failed: row(3, 1323, 'The browser could not be opened.', 'Run mcp-oauth-bridge login --no-browser, then open the printed address yourself.'),
  client_auth_unsupported: row(3, 1340, 'The authorization server supports none of this client’s authentication methods.', 'Pass --client-secret-file, or --client-key-file with a key for an algorithm that the server lists.'),
  address_refused: row(3, 1341, 'A server on the internet refers to an address in a private network or on this machine.', 'If you trust it, add the origin to allow_private of this server in config.yaml.'),
  client_issuer_changed: row(3, 1342, 'The authorization server is not the one your client belongs to.', 'If that is correct, set issuer of its provider in config.yaml, or --issuer, to the new one. The client must be registered there. Then sign in again: mcp-oauth-bridge login --force.'),
  client_issuer_missing: row(3, 1343, 'The authorization server that your client belongs to is not configured.', 'Set issuer of its provider in config.yaml, or pass --issuer.'),

  server_unreachable: row(4, 1401, 'The MCP server cannot be reached.', 'Check the URL, the network, and that the server is running.'),
  server_timeout: row(4, 1402, 'The MCP server did not answer in time.', 'Try again; raise request_timeout or connect_timeout if the server is slow.'),
  server_error: row(4, 1403, 'The MCP server answered with an error.', 'Try again later. If it keeps failing, show the message above to the server’s owner: the server’s log may say more.'),
  invalid_protocol: row(4, 1404, 'The answer is not a valid MCP message.', 'Check that the URL is the MCP endpoint and not a web page.'),
  session_lost: row(4, 1405, 'The server lost the session, and a new one could not be established.', 'Restart the server entry in your host.'),
  redirect_refused: row(4, 1406, 'The server redirects to another origin.', 'Use the final address as the server URL; secrets are never sent to another origin.'),
  authorization_server_unreachable: row(4, 1407, 'The authorization server cannot be reached.', 'Nothing is lost. Try again when it answers.'),
  authorization_server_error: row(4, 1408, 'The authorization server failed.', 'Nothing is lost. Try again later.'),
  outcome_unknown: row(4, 1420, 'The connection was lost after the request was sent. It is not known whether the request was carried out.', 'Check on the server whether the call took effect before you retry it.'),
  tool_hidden: row(4, 1421, 'The tool is hidden by the setting hide_tools.', 'Remove it from hide_tools in the config file to allow calls to it.'),
  question_unanswered: row(4, 1422, 'The server asked a question that the host does not answer.', 'Use a host that supports what the server asks for, or call the tool in a way that needs no question.'),
  message_too_large: row(4, 1409, 'The message is larger than the limit.', 'Send less in one message, or raise the limits in config.yaml.'),
  tls_failed: row(4, 1410, 'The server’s TLS certificate was not accepted.', 'Set ca_file in config.yaml to your organization’s CA file, or add the CA to the system’s certificate store.'),
  version_unsupported: row(4, 1431, 'The server speaks only revisions of MCP that this version does not know.', 'Update mcp-oauth-bridge. Until then, ask the server’s owner to serve an older revision too.'),
  headers_stripped: row(4, 1432, 'The server does not receive the requests of MCP 2026-07-28 as they are sent.', 'A proxy or firewall in front of the server may remove the headers Mcp-Method and MCP-Protocol-Version: let it pass them. If the server speaks an older revision too, set protocol: 2025 for it.'),
  proxy_failed: row(4, 1430, 'The HTTP proxy did not make the connection.', 'Check HTTPS_PROXY, or list hosts to reach without it in NO_PROXY.'),

  database_unreachable: row(5, 1501, 'The database cannot be opened.', 'Check database_url, the folder and its permissions, and that its disk has room.'),
  database_locked: row(5, 1502, 'The database is locked by another program.', 'Close the programs that have oauth.db open, then try again.'),
  schema_missing: row(5, 1503, 'The database schema does not match this version.', 'Use the newest mcp-oauth-bridge with this database.'),
  keychain_unavailable: row(5, 1504, 'The OS keychain cannot be used.', 'Unlock or start it, or set secret_store: file.'),
  keychain_locked: row(5, 1505, 'The OS keychain does not return the sealing key.', 'Unlock the keychain and try again. Nothing is lost.'),
  key_missing: row(5, 1506, 'The sealing key of the stored tokens is missing.', 'Restore it, or discard the stored sign-ins: mcp-oauth-bridge logout --all, then mcp-oauth-bridge login.'),
  seal_broken: row(5, 1507, 'A stored secret cannot be decrypted: it was altered or moved.', 'Sign in again: mcp-oauth-bridge login --force.'),
  permissions_unsafe: row(5, 1508, 'A private file or folder is not private.', 'Make yourself its owner and remove all other permissions (chmod 600, folders 700).'),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

nameOwnTexts(() =>
  Object.entries(ERRORS)
    .map(([code, { message, hint }]) => `${code} ${message} ${hint}`)
    .join('\n'),
)

/** One line, whatever its content; several lines only from an array, so that no name or response can add one. */
type Lines = string | readonly string[]

const ownLines = (text: Lines) => [text].flat().map(withoutControls).join('\n')

export interface BridgeErrorOptions {
  /** What happened, in one sentence. Untrusted text in it must have gone through {@link quote}. */
  message?: Lines
  hint?: Lines
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
    super(
      ownLines(options.message ?? ERRORS[code].message),
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.hint = ownLines([options.hint ?? ERRORS[code].hint].flat().map(withOwnCommands))
    this.details = options.details ?? {}
  }
}

/** The same error in other words, or with more details; what is not given stays. */
export const reworded = (error: BridgeError, { message, hint, details, cause }: BridgeErrorOptions): BridgeError =>
  new BridgeError(error.code, {
    message: message ?? error.message.split('\n'),
    hint: hint ?? error.hint.split('\n'),
    details: { ...error.details, ...details },
    cause: cause ?? error.cause ?? error,
  })

/** A failure of an authorization server that may pass: it says nothing about what was asked. */
export const isTransient = (thrown: unknown): thrown is BridgeError =>
  thrown instanceof BridgeError &&
  (thrown.code === 'authorization_server_error' || thrown.code === 'authorization_server_unreachable')

/** Any thrown value as a BridgeError; anything else is a bug of ours. */
export function asBridgeError(thrown: unknown): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  const what = thrown instanceof Error ? thrown.message : String(thrown)
  const gone = goneFile(thrown)
  if (gone !== undefined)
    return new BridgeError('internal', {
      message: `A file of mcp-oauth-bridge is gone: ${quote(gone)}. It was updated, moved or removed while this process ran, or its installation is incomplete.`,
      hint: 'Quit the host and start it again. If that does not help, install mcp-oauth-bridge again.',
      cause: thrown,
    })
  return new BridgeError('internal', { message: `Unexpected: ${quote(what)}`, cause: thrown })
}

/** Parts of this program load when they are needed; npx and npm replace them under a process that runs. undefined: it is something else. */
function goneFile(thrown: unknown): string | undefined {
  const { code, url } = (thrown ?? {}) as { readonly code?: unknown; readonly url?: unknown }
  const isOurs = code === 'ERR_MODULE_NOT_FOUND' && typeof url === 'string' && url.startsWith(OWN_FOLDER)
  return isOurs ? url.slice(OWN_FOLDER.length) : undefined
}
const OWN_FOLDER = new URL('.', import.meta.url).href

/** A stored code as a known one. */
export function asErrorCode(code: string | undefined): ErrorCode {
  return code !== undefined && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'login_failed'
}
