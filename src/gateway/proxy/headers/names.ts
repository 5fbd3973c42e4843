// Names of headers, by who may set them: what goes to a server, what never does, and what does not come back from one
import { glob } from '../../../glob.ts'

/** As a server reads a name that turns it into a variable (RFC 3875 section 4.1.18): `_` and `.` are `-`, and case does not matter. */
export const plainName = (name: string): string => name.toLowerCase().replace(/[_.]/g, '-')

/** Of one connection (RFC 9110 section 7.6.1, RFC 9112 section 6.1). */
const HOP_BY_HOP =
  'connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade http2-settings'

/** `*` matches any characters, also none; case does not matter. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  const globs = patterns.map((pattern) => glob(pattern.toLowerCase()))
  return (name) => globs.some((one) => one(name.toLowerCase()))
}

const list = (...names: readonly string[]) => matcher(names.flatMap((text) => text.split(' ')))

/** Headers of the protocol and of its content, which go to the server as they came. `Mcp-Session-Id` is opened first. */
export const isProtocol = list(
  'accept accept-language accept-charset content-type content-encoding content-language user-agent',
  'mcp-* last-event-id traceparent tracestate baggage',
)

/** What MCP does not work without. */
export const isNeeded = list('accept content-type content-encoding mcp-* last-event-id')

/** Never from a client, whatever `forward_headers` names: where a message goes, how it is framed, and who sends it. */
export const isReserved = list(
  HOP_BY_HOP,
  'authorization cookie cookie2 host content-length expect accept-encoding origin',
  'forwarded x-forwarded x-forwarded-* x-real-ip x-original-* x-rewrite-* x-http-method* x-method-override x-request-id x-user-*',
)

/** How a message is framed, where it goes, and what it is: no claim of a person goes into one of these, whatever `user_headers` names. */
export const isOfMessage = list(
  HOP_BY_HOP,
  'authorization cookie cookie2 host content-* expect accept accept-* origin range if-* mcp-* last-event-id traceparent tracestate baggage user-agent',
  'forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-original-* x-rewrite-* x-http-method* x-method-override x-request-id',
)

/** What proxies tell about who asks: only where `forward_headers` names it without a wildcard. */
export const isOfProxies = list(
  'via remote-user remote-* x-remote-* x-auth-* x-authenticated-* x-webauth-* x-client-ip x-client-cert* x-cluster-client-ip x-ssl-* ssl-*',
  'true-client-ip cf-access-* cf-connecting-ip fastly-client-ip x-envoy-external-address x-amzn-oidc-* x-ms-client-principal*',
  'x-goog-authenticated-user-* x-goog-iap-* x-user x-username x-userinfo x-email x-groups x-roles x-access-token x-id-token x-token-*',
  'tailscale-user-* x-pomerium-* x-authentik-* x-vouch-* x-consumer-* x-credential-* x-anonymous-consumer oidc-* impersonate-*',
  'client-ip x-proxyuser-ip x-azure-* fly-client-ip x-client-verify x-client-dn x-client-s-dn x-tls-*',
)

/** What a server does not say to a client of the gateway: connection, cookies, sign-in, other sites' rights, and orders to proxies and browsers. */
export const isWithheld = list(
  HOP_BY_HOP,
  'set-cookie set-cookie2 server x-powered-by date www-authenticate authentication-info proxy-authentication-info access-control-*',
  'timing-allow-origin cross-origin-* origin-agent-cluster content-security-policy content-security-policy-report-only permissions-policy',
  'referrer-policy x-frame-options x-content-type-options strict-transport-security public-key-pins* alt-svc clear-site-data refresh',
  'location report-to reporting-endpoints nel service-worker-allowed sourcemap x-sourcemap x-accel-* x-sendfile x-lighttpd-*',
  'set-login accept-ch critical-ch observe-browsing-topics attribution-reporting-* shared-storage-write activate-storage-access',
  'use-as-dictionary dictionary-id speculation-rules supports-loading-mode document-policy* integrity-policy* origin-trial',
  'secure-session-* sec-session-* sec-shared-storage-* x-dns-prefetch-control p3p',
  'cache-control expires pragma x-request-id',
)

/** Names that the header Connection lists: they too are of one connection. */
export function namedByConnection(value: string | readonly string[] | undefined): ReadonlySet<string> {
  if (value === undefined || value === 'keep-alive' || value === 'close') return OF_ITSELF
  const names = [value ?? []].flat().join(',').split(',')
  return new Set(names.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))
}

/** What it says nearly always, and names no other header. */
const OF_ITSELF: ReadonlySet<string> = new Set(['keep-alive', 'close'])
