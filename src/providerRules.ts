// How an authorization server differs from the standards: data that config defines and the auth room follows.

export interface ProviderRules {
  /** The preset's name; undefined: a server that keeps to the standards. */
  readonly name?: string
  /** The issuer where neither a person nor the MCP server names one. */
  readonly issuer?: string
  /** Metadata (RFC 8414) that is not published, or that a person wrote by hand. `{issuer}` and `{origin}` stand for those of the issuer. */
  readonly metadata?: Readonly<Record<string, string>>
  /** 'unadvertised': PKCE S256 works though the metadata does not list it. */
  readonly s256?: 'unadvertised'
  /** 'tenant': the metadata may name `{tenantid}` or another tenant of the same origin as the issuer. */
  readonly issuerForm?: 'tenant'
  /** Authorization parameters; a person's own go before them. */
  readonly parameters?: Readonly<Record<string, string>>
  /** The `prompt` of a new sign-in where the last one brought no refresh token. */
  readonly reconsent?: string
  /** Scopes to ask for where nobody names any. */
  readonly scopes?: readonly string[]
  /** 'none': RFC 8707 resource is not sent, unless a person says which. */
  readonly resource?: 'none'
  /** 'resource': the resource is sent as `audience` too, unless a person says which. */
  readonly audience?: 'resource'
  /** What stands between scopes in an answer; a blank where left out (RFC 6749 section 3.3). */
  readonly scopeSeparator?: string
  /** 'repeat': a refresh names the scope again. */
  readonly refreshScope?: 'repeat'
  /** What a person can do where no refresh token came. */
  readonly withoutRefreshToken?: string
}

/** Rules of one issuer; undefined asks for those where no issuer is known yet. */
export type RulesOf = (issuer: string | undefined) => ProviderRules
