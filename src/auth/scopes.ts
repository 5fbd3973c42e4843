// Which scopes to ask for (MCP authorization, "Scope Selection Strategy"), plus those that keep and name the sign-in.

export interface ScopeSources {
  /** `scope` of the challenge: what the request needs. */
  readonly challenged: string | undefined
  /** From --scope or the provider's config. */
  readonly configured: readonly string[] | undefined
  /** `scopes_supported` of the protected resource. */
  readonly resource: readonly string[] | undefined
  /** `scopes_supported` of the authorization server. */
  readonly server: readonly string[] | undefined
  /** Whether X-User-* headers are wanted, which the ID token fills. */
  readonly identity: boolean
}

/** undefined: send no scope parameter. Configured scopes are a person's own words; nothing is added to them. */
export function selectScopes({ challenged, configured, resource, server, identity }: ScopeSources): string | undefined {
  if (configured) return joined([...configured, ...(challenged?.split(' ') ?? [])])
  const offered = (scope: string) => server?.includes(scope) ?? false
  const base = challenged?.split(' ') ?? resource ?? []
  const lasting = ['offline_access'].filter(offered)
  const who = identity && offered('openid') ? ['openid', ...['email', 'profile'].filter(offered)] : []
  return joined([...base, ...lasting, ...who])
}

function joined(scopes: readonly string[]): string | undefined {
  const unique = [...new Set(scopes.filter((scope) => scope !== ''))]
  return unique.length === 0 ? undefined : unique.join(' ')
}
