// The Authorizer of one server: bearer and X-User-* for each request, and what to do when the server refuses them.
import { BridgeError, neverQuote } from '../errors.ts'
import type { Authorizer, Logger } from '../ports.ts'
import { parseChallenge } from './challenge.ts'
import type { Tokens } from './tokens.ts'
import { matchesAny, type UserHeaderMap, userHeaders } from './userHeaders.ts'

export interface AuthorizeOptions {
  readonly tokens: Tokens
  readonly userHeaders: UserHeaderMap
  /** Headers a person configured for this server. */
  readonly headers: Readonly<Record<string, string>>
  /** Which of Authorization and X-User-* are sent; `*` is a wildcard. */
  readonly forward: readonly string[]
  /** Headers that are never sent, whoever set them. */
  readonly blocked: readonly string[]
  readonly log: Logger
}

export function createAuthorizer(options: AuthorizeOptions): Authorizer {
  const { tokens, forward, blocked, log } = options
  const configured = keep(options.headers, (name) => !matchesAny(name, blocked))
  let built: { accessToken: string; headers: Record<string, string> } | undefined

  return {
    async headers() {
      const set = await tokens.current()
      if (!set) return configured
      if (built?.accessToken !== set.accessToken) {
        const ours = { authorization: `Bearer ${set.accessToken}`, ...userHeaders(set.user, options.userHeaders) }
        const sent = keep(ours, (name) => matchesAny(name, forward) && !matchesAny(name, blocked))
        const names = new Set(Object.keys(sent).map((name) => name.toLowerCase()))
        const others = keep(configured, (name) => !names.has(name.toLowerCase()))
        log.info('proxy:headers', {
          names: Object.keys({ ...others, ...sent }).join(', '),
          blocked: blocked.join(', '),
        })
        neverQuote([set.accessToken])
        built = { accessToken: set.accessToken, headers: { ...others, ...sent } }
      }
      return built.headers
    },

    async onChallenge({ status, headers }, refused, cause) {
      const challenge = parseChallenge(status, headers['www-authenticate'])
      const bearer = /^Bearer (.*)$/.exec(refused.authorization ?? '')?.[1]
      if (status === 403) {
        if (challenge.error !== 'insufficient_scope') throw new BridgeError('forbidden')
        if (challenge.scope === undefined) throw new BridgeError('insufficient_scope')
        return tokens.stepUp(bearer, challenge.scope, challenge, cause)
      }
      await tokens.renew(bearer, challenge, cause)
    },
  }
}

function keep(headers: Readonly<Record<string, string>>, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => wanted(name)))
}
