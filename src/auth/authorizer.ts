// The Authorizer of one server: bearer and X-User-* headers for each request, and the reaction when the server refuses them.
import { BridgeError } from '../errors.ts'
import type { Authorizer, Clock, HttpRequest, Logger } from '../ports.ts'
import type { TokenSet } from '../records.ts'
import { registerSecret } from '../redaction/register.ts'
import { parseChallenge } from './challenge.ts'
import type { DpopProofs } from './oauth/dpop.ts'
import type { Tokens } from './tokens/tokens.ts'
import { matchesAny, type UserHeaderMap, userHeaders } from './userHeaders.ts'

export interface AuthorizerOptions {
  readonly tokens: Tokens
  readonly userHeaders: UserHeaderMap
  /** Headers a person configured for this server. */
  readonly headers: Readonly<Record<string, string>>
  /** Which of Authorization and X-User-* are sent; `*` is a wildcard. */
  readonly forward: readonly string[]
  /** Headers that are never sent, even if configured. */
  readonly blocked: readonly string[]
  readonly log: Logger
  readonly clock: Clock
}

interface Built {
  readonly set: TokenSet
  readonly headers: Readonly<Record<string, string>>
  readonly proofs: DpopProofs | undefined
}

/** An authorizer with fixed tokens, for a single request without a refresh. */
export const fixedTokens = (tokens: TokenSet | undefined): Tokens => ({
  current: () => tokens,
  renew: async () => undefined,
  refused: async () => undefined,
  stored: async () => tokens,
  refreshNow: async () => undefined,
  idle: async () => undefined,
  stepUp: async () => undefined,
})

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { tokens, forward, blocked, log } = options
  const configured = filterHeaders(options.headers, (name) => !matchesAny(name, blocked))
  let built: Built | undefined
  /** The token set that headers were made of. */
  const madeOf = new WeakMap<object, TokenSet>()
  let nonce: string | undefined

  const proofsOf = async ({ dpopKey }: TokenSet) =>
    dpopKey === undefined ? undefined : (await import('./oauth/dpop.ts')).createProofs(dpopKey, options.clock.now)

  const build = async (set: TokenSet): Promise<Built> => {
    const scheme = set.dpopKey === undefined ? 'Bearer' : 'DPoP'
    const ours = { authorization: `${scheme} ${set.accessToken}`, ...userHeaders(set.user, options.userHeaders) }
    const sent = filterHeaders(ours, (name) => matchesAny(name, forward) && !matchesAny(name, blocked))
    const names = new Set(Object.keys(sent).map((name) => name.toLowerCase()))
    const others = filterHeaders(configured, (name) => !names.has(name.toLowerCase()))
    log.info('proxy:headers', { names: Object.keys({ ...others, ...sent }).join(', '), blocked: blocked.join(', ') })
    registerSecret([set.accessToken], 'token')
    const proofs = sent.authorization === undefined ? undefined : await proofsOf(set)
    built = { set, headers: { ...others, ...sent }, proofs }
    madeOf.set(built.headers, set)
    return built
  }

  const prove = ({ headers, proofs, set }: Built, method: HttpRequest['method'], { href }: URL) => {
    if (!proofs) return headers
    const proof = proofs.proof({ method, url: href, accessToken: set.accessToken, nonce })
    const proved = { ...headers, dpop: proof }
    madeOf.set(proved, set)
    return proved
  }

  const headersOf = (set: TokenSet | undefined, method: HttpRequest['method'], url: URL) => {
    if (!set) {
      built = undefined
      return configured
    }
    if (built && (built.set === set || isSame(built.set, set))) return prove(built, method, url)
    return build(set).then((made) => prove(made, method, url))
  }

  return {
    headers(method, url) {
      // The end of a session spends no refresh token, at the exit least of all.
      const set = method === 'DELETE' ? tokens.stored() : tokens.current()
      return set instanceof Promise ? set.then((later) => headersOf(later, method, url)) : headersOf(set, method, url)
    },

    async onNonce({ status, headers }) {
      const given = headers['dpop-nonce']
      if (typeof given !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(given)) return undefined
      nonce = given
      const { error } = parseChallenge(status, headers['www-authenticate'])
      // Also if another request has just received the same nonce: each request is repeated at most once.
      return status === 401 && error === 'use_dpop_nonce' && built?.proofs ? 'again' : undefined
    },

    async onChallenge({ status, headers }, refused, cause) {
      const challenge = parseChallenge(status, headers['www-authenticate'])
      const bearer = bearerOf(refused)
      if (status === 403) {
        if (challenge.error !== 'insufficient_scope') throw new BridgeError('forbidden')
        if (challenge.scope === undefined) throw scopeUnnamed()
        return tokens.stepUp(bearer, challenge.scope, challenge, cause)
      }
      await tokens.renew(bearer, challenge, cause)
    },

    async outlived(headers) {
      const set = madeOf.get(headers)
      return set !== undefined && !isOfSameAccount(set, await tokens.stored())
    },

    onRefused: (refused) => tokens.refused(bearerOf(refused)),
  }
}

const scopeUnnamed = () =>
  new BridgeError('insufficient_scope', {
    message: 'The server asks for a scope the token does not have, and does not name it.',
    hint: 'Ask the server’s owner which scope this needs, then sign in with it: mcp-oauth-bridge login --scope "…" --force.',
  })

const bearerOf = ({ authorization }: Readonly<Record<string, string>>) =>
  /^(?:Bearer|DPoP) (.*)$/.exec(authorization ?? '')?.[1]

/** Whether the same headers are made of both. */
const isSame = (one: TokenSet, other: TokenSet) =>
  one.accessToken === other.accessToken &&
  one.dpopKey === other.dpopKey &&
  JSON.stringify(one.user) === JSON.stringify(other.user)

/** A refresh keeps the account. Without a named account, another token may belong to anybody. */
const isOfSameAccount = (one: TokenSet, other: TokenSet | undefined) =>
  other !== undefined &&
  (one.accessToken === other.accessToken ||
    (one.user !== undefined && one.issuer === other.issuer && one.user.subject === other.user?.subject))

function filterHeaders(
  headers: Readonly<Record<string, string>>,
  wanted: (name: string) => boolean,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => wanted(name)))
}
