// Which scopes to request (MCP authorization, "Scope Selection Strategy"), plus those for refresh tokens and identity.

export interface ScopeSources {
  /** `scope` of the challenge: what the request needs. */
  readonly challenged: string | undefined
  /** From --scope or the provider's config. */
  readonly configured: readonly string[] | undefined
  /** `scopes_supported` of the protected resource. */
  readonly resource: readonly string[] | undefined
  /** `scopes_supported` of the authorization server. */
  readonly authorizationServer: readonly string[] | undefined
  /** Whether X-User-* headers are wanted, which the ID token fills. */
  readonly identity: boolean
}

/**
 * undefined: send no scope parameter, so that the server's default applies, if neither challenge nor resource names
 * one. Configured scopes are used as they are; only those that the challenge requires are added.
 */
export function selectScopes({
  challenged,
  configured,
  resource,
  authorizationServer,
  identity,
}: ScopeSources): string | undefined {
  if (configured) return union(configured.join(' '), challenged)
  const offered = (scope: string) => authorizationServer?.includes(scope) ?? false
  const base = challenged?.split(' ') ?? resource ?? []
  if (joined(base) === undefined) return undefined
  const lasting = ['offline_access'].filter(offered)
  const who = identity && offered('openid') ? ['openid', ...['email', 'profile'].filter(offered)] : []
  return joined([...base, ...lasting, ...who])
}

/** The scopes requested before and those requested now, so that none is lost (MCP, "Step-Up Authorization Flow"). */
export function union(...scopes: readonly (string | undefined)[]): string | undefined {
  return joined(scopes.flatMap((scope) => scope?.split(' ') ?? []))
}

/** Whether every scope of `wanted` is in `held`. */
export function covers(held: string | undefined, wanted: string): boolean {
  const known = new Set(held?.split(' '))
  return wanted.split(' ').every((scope) => scope === '' || known.has(scope))
}

function joined(scopes: readonly string[]): string | undefined {
  const unique = [...new Set(scopes.filter((scope) => scope !== ''))]
  return unique.length === 0 ? undefined : unique.join(' ')
}
