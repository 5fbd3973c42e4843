// What the bridge adds to requests although nobody configured it, and leaves out where an authorization server refuses it.
import { BridgeError } from '../../errors.ts'
import type { Cache } from '../../ports.ts'
import type { Addition } from '../../records.ts'

const ADDITIONS: readonly Addition[] = [
  'resource',
  'token_resource',
  'audience',
  'scope',
  'offline_access',
  'openid',
  'prompt',
  'login_hint',
]

/** What a person configured is never left out. */
export interface Configured {
  readonly scopes: boolean
  readonly resource: boolean
  /** Names of additional parameters. */
  readonly parameters: readonly string[]
}

/** Parameters of a request. */
export type Sent = Readonly<Record<string, string | undefined>>

const IDENTITY = ['openid', 'email', 'profile']

/** The request that was refused. */
export interface Refused {
  readonly sent: Sent
  readonly configured: Configured
  /**
   * 'own': the authorization server belongs to the MCP server, or a person configured it. 'foreign': one that knows the parameter and says
   * that it has no such resource is believed, because its token without a resource could be for another server.
   */
  readonly relation: 'own' | 'foreign'
}

/** What to leave out after a refusal; empty: it is about nothing that we added. */
export function refusedAdditions(refusal: unknown, { sent, configured, relation }: Refused): readonly Addition[] {
  if (!(refusal instanceof BridgeError)) return []
  const { about, scopes: named } = refusal.details
  const has = (addition: Addition) => isSent(addition, sent) && !isConfigured(addition, configured)
  const firstOf = (...additions: Addition[]) => additions.filter(has).slice(0, 1)
  if (relation === 'foreign' && knowsResources(refusal, sent)) return []
  switch (about) {
    case 'resource':
      return firstOf('resource', 'audience')
    case 'audience':
      return firstOf('audience', 'resource')
    // Without any word, it is most likely what the fewest servers know.
    case 'unnamed':
      return firstOf('resource')
    case 'prompt':
    case 'login_hint':
      return firstOf(about)
    case 'nonce':
      return firstOf('openid')
    case 'scope': {
      const ours = (['offline_access', 'openid'] as const).filter(has)
      const those = ours.filter((scope) => String(named ?? '').includes(scope))
      return those.length > 0 ? those : ours.length > 0 ? ours : firstOf('scope')
    }
    default:
      return []
  }
}

/** It has none of that name, by its code or because it names the one it was asked for. */
const knowsResources = ({ details, message }: BridgeError, { resource }: Sent) =>
  NO_SUCH_RESOURCE.includes(String(details.error)) ||
  (details.about === 'resource' && resource !== undefined && message.includes(resource))

/** RFC 8707 section 2, and the code of Entra. */
const NO_SUCH_RESOURCE = ['invalid_target', 'invalid_resource']

/** `endpoint`: where the requests go. Other ports are of the same host. */
export const relationOf = (server: URL | undefined, endpoint: string, configuredIssuer: string | undefined) =>
  configuredIssuer !== undefined || server?.hostname === new URL(endpoint).hostname ? 'own' : 'foreign'

/** For the token endpoint, where a server may refuse what it took at the authorization endpoint. */
export const atTokenEndpoint = (leftOut: readonly Addition[]): readonly Addition[] =>
  leftOut.includes('token_resource') ? [...leftOut, 'resource'] : leftOut

/** `sent` without these additions, and without what makes no sense without them. */
export function leaveOut<S extends Sent>(sent: S, additions: readonly Addition[]): S {
  const scopes = new Set(sent.scope?.split(' '))
  if (additions.includes('offline_access')) scopes.delete('offline_access')
  if (additions.includes('openid')) for (const scope of IDENTITY) scopes.delete(scope)
  const scope = additions.includes('scope') || scopes.size === 0 ? undefined : [...scopes].join(' ')
  const gone = (['resource', 'audience', 'prompt', 'login_hint'] as const).filter((name) => additions.includes(name))
  const kept = { ...sent, ...Object.fromEntries(gone.map((name) => [name, undefined])) }
  return {
    ...kept,
    ...('scope' in sent ? { scope } : {}),
    ...(scopes.has('openid') && scope ? {} : noNonce(sent)),
  } as S
}

const noNonce = (sent: Sent) => ('nonce' in sent ? { nonce: undefined } : {})

const isSent = (addition: Addition, sent: Sent) => {
  if (addition === 'offline_access') return sent.scope?.split(' ').includes(addition) === true
  if (addition === 'openid') return sent.scope?.split(' ').some((scope) => IDENTITY.includes(scope)) === true
  return sent[addition] !== undefined
}

function isConfigured(addition: Addition, { scopes, resource, parameters }: Configured): boolean {
  if (addition === 'resource' || addition === 'token_resource') return resource
  if (addition === 'scope' || addition === 'offline_access' || addition === 'openid') return scopes
  return parameters.includes(addition)
}

export interface LeftOut {
  /** What this authorization server has refused before, without what a person has configured since. */
  of(issuer: string): Promise<readonly Addition[]>
  /** After a request without them was accepted. */
  remember(issuer: string, additions: readonly Addition[]): Promise<void>
}

/** A server may learn it, so that it is tried again after this time, in ms. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000

/** `server`: the MCP server; what it causes is not remembered for others. */
export function createLeftOut(
  cache: Cache,
  now: () => number,
  configured: Configured,
  server: URL | undefined,
): LeftOut {
  const nameOf = (issuer: string) => `left-out:${server?.href} ${issuer}`
  const read = async (issuer: string) => {
    const stored = await cache.get(nameOf(issuer), now())
    return ADDITIONS.filter((addition) => Array.isArray(stored) && stored.includes(addition))
  }
  return {
    of: async (issuer) => (await read(issuer)).filter((addition) => !isConfigured(addition, configured)),
    async remember(issuer, additions) {
      const known = await read(issuer)
      if (additions.every((addition) => known.includes(addition))) return
      await cache.put(nameOf(issuer), [...new Set([...known, ...additions])], now() + KEEP_MS)
    },
  }
}
