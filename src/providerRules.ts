// How an authorization server differs from the standards: data that config defines and the auth room follows.

export interface ProviderRules {
  /** The preset's name; undefined: a server that follows the standards. */
  readonly name?: string
  /** The issuer if neither the configuration nor the MCP server names one. */
  readonly issuer?: string
  /** Metadata (RFC 8414) that is not published, or that is configured. `{issuer}` and `{origin}` are replaced by those of the issuer. */
  readonly metadata?: Readonly<Record<string, string>>
  /** 'unadvertised': PKCE S256 works though the metadata does not list it. */
  readonly s256?: 'unadvertised'
  /**
   * 'tenant': the metadata may name `{tenantid}` or another tenant of the same origin as the issuer.
   * 'slash': the issuer with and without a trailing slash is the same server.
   */
  readonly issuerForm?: 'tenant' | 'slash'
  /** Authorization parameters; configured ones override them. */
  readonly parameters?: Readonly<Record<string, string>>
  /** The `prompt` of a new sign-in if the last one returned no refresh token. */
  readonly reconsent?: string
  /** Scopes to request if none are configured. */
  readonly scopes?: readonly string[]
  /** 'none': RFC 8707 resource is not sent, unless it is configured. */
  readonly resource?: 'none'
  /** 'resource': the resource is also sent as `audience`, unless that is configured. */
  readonly audience?: 'resource'
  /** The separator of scopes in a response; a space if omitted (RFC 6749 section 3.3). */
  readonly scopeSeparator?: string
  /** 'repeat': a refresh repeats the scope. */
  readonly refreshScope?: 'repeat'
  /** Where to ask who signed in, for a provider without OpenID Connect that people sign in to the gateway with. */
  readonly account?: { readonly url: string; readonly kind: 'github'; readonly scopes: readonly string[] }
  /** What a person can do if there is no refresh token. */
  readonly withoutRefreshToken?: string
}

/** Rules of one issuer; undefined: no issuer is known yet. */
export type RulesOf = (issuer: string | undefined) => ProviderRules
