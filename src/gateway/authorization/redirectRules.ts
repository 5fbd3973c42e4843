// The one set of rules for redirect URIs: of a registration, of a metadata document, and of a request to /authorize
import { glob } from '../../glob.ts'
import { quote } from '../../redaction/text.ts'

export interface RedirectRules {
  /** Private schemes beside those of {@link PRESET_SCHEMES}. */
  readonly schemes: readonly string[]
  /** Hosts of https URIs; `*` matches any characters. */
  readonly hosts: readonly string[]
}

/** Private schemes of MCP hosts (RFC 8252 section 7.1). */
export const PRESET_SCHEMES = ['cursor', 'vscode', 'vscode-insiders', 'windsurf', 'claude', 'zed'] as const

const MOST_URIS = 10
const LONGEST_URI = 2048
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
/** Not private schemes, whatever a configuration says: a browser runs, reads or sends what follows them. */
const NEVER =
  /^(javascript|data|vbscript|file|blob|about|view-source|filesystem|ftp|ws|wss|mailto|tel|sms|intent|chrome)$/

/** What is wrong with the `redirect_uris` of a client: one sentence that names the URI; undefined: nothing. */
export function redirectUrisFault(uris: unknown, rules: RedirectRules): string | undefined {
  if (!Array.isArray(uris) || uris.length === 0) return 'redirect_uris must be an array with at least one URI.'
  if (uris.length > MOST_URIS) return `redirect_uris must contain at most ${MOST_URIS} URIs.`
  for (const uri of uris) {
    const fault = redirectUriFault(uri, rules)
    if (fault !== undefined)
      return `redirect_uris: ${typeof uri === 'string' ? quote(uri) : 'an entry'} cannot be used: ${fault}.`
  }
  return undefined
}

/** Why this URI cannot be a redirect URI, as the end of a sentence; undefined: it can. */
export function redirectUriFault(uri: unknown, rules: RedirectRules): string | undefined {
  if (typeof uri !== 'string') return 'it is not text'
  if (uri.length > LONGEST_URI) return `it is longer than ${LONGEST_URI} characters`
  // A browser drops or turns some of these around, and would go elsewhere than what was compared.
  if (!/^[!-~]+$/.test(uri) || /[\\"<>^`{|}]/.test(uri)) return 'it contains a character that is not allowed in a URI'
  if (/%(?![0-9a-f]{2})|%(0[0-9a-f]|1[0-9a-f]|7f|5c)/i.test(uri)) return 'it contains an escaped control character'
  if (uri.includes('#')) return 'it has a fragment'
  if (uri.includes('*')) return 'it has a wildcard'
  const [, scheme, authority, path = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/?]*))?([^?]*)/.exec(uri) ?? []
  if (scheme === undefined) return 'it is not an absolute URI'
  if (!URL.canParse(uri)) return 'it is not a URI'
  if (authority?.includes('@')) return 'it contains user information'
  if (path.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment))) return 'its path contains . or ..'
  if (scheme === 'https' || scheme === 'http') return webFault(new URL(uri), authority, rules)
  if (scheme !== scheme.toLowerCase() || !isAllowedScheme(scheme, rules))
    return `its scheme ${quote(scheme)} is not allowed`
  return authority || path.startsWith('/') ? undefined : 'its scheme must be followed by /'
}

function webFault(url: URL, authority: string | undefined, rules: RedirectRules): string | undefined {
  const written = authority?.toLowerCase()
  const port = url.protocol === 'https:' ? ':443' : ':80'
  // Where the two differ the URL standard reads another host than stands there: numbers, escapes, a missing slash.
  if (!written || (written !== url.host && written !== `${url.host}${port}`))
    return 'its host is not in its canonical form'
  const isLoopback = LOOPBACK.includes(url.hostname)
  if (url.protocol === 'http:')
    return isLoopback ? undefined : 'http is allowed for localhost, 127.0.0.1 and [::1] only'
  if (isLoopback) return 'https is not allowed for this computer'
  return rules.hosts.some((pattern) => glob(pattern.toLowerCase())(url.hostname))
    ? undefined
    : 'its host is not one of redirect_hosts'
}

const isAllowedScheme = (scheme: string, rules: RedirectRules) =>
  !NEVER.test(scheme) && (PRESET_SCHEMES.some((name) => name === scheme) || rules.schemes.includes(scheme))

/** Why an answer to this client cannot go to this URI, as `redirectUriFault` says it. */
export type RedirectFault = (clientId: string, uri: unknown) => string | undefined

/** Also for clients that registered when the rules were others; those of the configuration are the operator's choice. */
export function createRedirectFault(rules: RedirectRules, known: readonly { readonly id: string }[]): RedirectFault {
  const exempt = new Set(known.map(({ id }) => id))
  return (clientId, uri) => (exempt.has(clientId) ? undefined : redirectUriFault(uri, rules))
}

/** Who gets the answer, for people: a host, or the private scheme. */
export function redirectHost(uri: string): string {
  const url = new URL(uri)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.host : url.protocol
}
