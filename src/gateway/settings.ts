// The settings of the HTTP gateway (`serve`), as config.yaml and the environment give them: the interface between config and the gateway

/** Who may sign in. Every list is an allowance; a person needs one of them. */
export interface AccessRules {
  /** Whole addresses, compared without regard to case; only verified ones count. */
  readonly emails: readonly string[]
  /** What follows the last `@` of a verified address. */
  readonly domains: readonly string[]
  readonly subjects: readonly string[]
  /** Values of the claim `groups`. */
  readonly groups: readonly string[]
  /** Microsoft's tenant ids (claim `tid`). */
  readonly tenants: readonly string[]
  /** Organisations of GitHub. */
  readonly organisations: readonly string[]
}

export type Access = 'everyone' | AccessRules

/** One MCP server behind the gateway. */
export interface ServedServer {
  /** Its name under `servers`; undefined: the only one, of mcp_server_url. */
  readonly name: string | undefined
  readonly url: string
  /** Path of the gateway that leads to it: `/mcp`, or `/mcp/<name>`. */
  readonly path: string
  /** Paths below `path` lead to paths below its URL. */
  readonly subpaths: boolean
  /** What the server gets as its bearer. */
  readonly bearer: 'assertion' | 'user_token' | 'none'
  /** The provider that people sign in with for it; undefined: any of `providers`. */
  readonly provider: string | undefined
  /** Configured headers, which override the gateway's own bearer. */
  readonly headers: Readonly<Record<string, string>>
  /** Besides the access of the gateway. */
  readonly access: Access | undefined
  /** PEM text of certificates that are trusted for it. */
  readonly certificates: string | undefined
}

/** A provider that people sign in with: an OAuth client of ours there. */
export interface ServedProvider {
  /** Its name under `providers`. */
  readonly name: string
  readonly issuer: string | undefined
  readonly clientId: string
  readonly clientSecret: string | undefined
  readonly clientKey: string | undefined
  readonly scopes: readonly string[] | undefined
  readonly endpoints: Readonly<Record<string, string>> | undefined
  readonly authorizeParameters: Readonly<Record<string, string>>
  readonly refreshStrategy: 'auto' | 'none' | 'reauthorize'
}

/** A client that was configured by hand. */
export interface KnownClient {
  readonly name: string
  readonly id: string
  readonly secret: string | undefined
  readonly redirectUris: readonly string[]
}

export interface ClientSettings {
  readonly registration: 'open' | 'off'
  /** Whether a client may be its metadata document, and the hosts that may serve one (`*` matches any characters). */
  readonly documents: boolean
  readonly documentHosts: readonly string[]
  /** Private schemes of redirect URIs, beside those of the preset. */
  readonly redirectSchemes: readonly string[]
  /** Hosts of https redirect URIs; `*` matches any characters. */
  readonly redirectHosts: readonly string[]
  readonly known: readonly KnownClient[]
}

export interface ServeSettings {
  readonly listen: { readonly host: string; readonly port: number }
  /** Origin under which clients reach the gateway; never taken from a request. */
  readonly publicUrl: string
  /** Redirect URI at the only provider, and at those whose answers name their issuer; others of several have their own below it. */
  readonly callbackUrl: string
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** Addresses and ranges (CIDR) of proxies whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[]
  readonly servers: readonly ServedServer[]
  readonly providers: readonly ServedProvider[]
  /** Undefined: nobody may sign in. */
  readonly access: Access | undefined
  readonly clients: ClientSettings
  /** Lives of what the gateway issues, in ms. */
  readonly tokens: {
    readonly accessMs: number
    readonly refreshIdleMs: number
    readonly refreshMs: number
    /** How long a spent refresh token gets the same answer again; 0: not at all. */
    readonly reuseGraceMs: number
  }
  readonly limits: {
    readonly bodyBytes: number
    readonly headerBytes: number
    readonly headersMs: number
    readonly bodyMs: number
  }
  readonly cors: {
    readonly enabled: boolean
    readonly origins: readonly string[]
    readonly allowCredentials: boolean
    readonly allowedHeaders: readonly string[]
  }
  readonly forwardHeaders: readonly string[]
  readonly blockedHeaders: readonly string[]
  /** X-User-* header → claim. */
  readonly userHeaders: Readonly<Record<string, string>>
  readonly sessionTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
}
