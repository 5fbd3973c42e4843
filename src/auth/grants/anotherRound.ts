// Repeats a sign-in in the same tab after the server refused something that can be different: the client, its method, or what we added.
import { BridgeError, ERRORS, reworded } from '../../errors.ts'
import type { AttemptStore, Logger } from '../../ports.ts'
import { present } from '../../present.ts'
import type { Addition, AttemptPlan } from '../../records.ts'
import { type Configured, leaveOut, type Refused, refusedAdditions } from '../client/additions.ts'
import type { Clients } from '../client/clients.ts'
import { isCodeSpentByMethod } from '../client/otherWays.ts'
import { pkceChallenge, randomState, randomVerifier } from '../oauth/client.ts'

export interface RoundOptions {
  readonly clients: Pick<Clients, 'replacement'>
  readonly attempts: Pick<AttemptStore, 'planAgain'>
  readonly log: Logger
  readonly configured: Configured
}

export interface Asked {
  readonly attemptId: string
  readonly plan: AttemptPlan
  /** Which request was refused. */
  readonly at: 'authorization' | 'code'
  readonly relation: Refused['relation']
  /** A call needs these scopes (403): without any, the sign-in would be for nothing. */
  readonly scopes: 'needed' | 'wanted'
}

/** Members of the next plan; undefined: without it. */
type Parameter = 'scope' | 'resource' | 'nonce'
type Change = Partial<Omit<AttemptPlan, Parameter>> & { readonly [name in Parameter]?: string | undefined }

/**
 * For the `catch` of a code exchange: resolves to the address to continue at. Rethrows if nothing can be different, or if that was tried
 * before: each change is made once, so that the rounds end.
 */
export function anotherRound(options: RoundOptions, { attemptId, plan, at, relation, scopes }: Asked) {
  const { clients, attempts, log, configured } = options

  const differently = async (error: BridgeError): Promise<Change | undefined> => {
    const additions = refusedOf(error)
    const needed = scopes === 'needed' && additions.includes('scope')
    const registered = wantsRegisteredScope(error) ? await newClient(plan.scope) : undefined
    if (registered) return registered
    if (additions.length > 0 && !needed) return withoutAdditions(additions)
    if (isCodeSpentByMethod(error) && plan.methodChanged === undefined) return { methodChanged: true }
    return error.code === 'invalid_client' ? await newClient() : undefined
  }

  const refusedOf = (error: BridgeError): readonly Addition[] => {
    const { leftOut = [] } = plan
    const asked = Object.fromEntries(new URL(plan.authorizationUrl).searchParams)
    const sent = leaveOut(asked, leftOut)
    const refused = refusedAdditions(error, { sent, configured, relation })
    // The token stays bound to the resource where the authorization endpoint took that.
    const first = at === 'code' && refused.includes('resource') && !leftOut.includes('token_resource')
    return first ? ['token_resource'] : refused
  }

  const newClient = async (scope?: string) => {
    const { client, issuer, redirectUri, replaced } = plan
    if (replaced !== undefined || client.own !== undefined) return undefined
    const next = await clients.replacement(issuer, redirectUri, client.clientId, scope)
    if (next) log.warn('oauth:client-replaced', { issuer })
    if (!next) return undefined
    const made = next.was === 'made' ? ({ made: true } as const) : {}
    return {
      client: next.client,
      replaced: client.clientId,
      redirectUri: next.client.redirectUri ?? redirectUri,
      ...made,
    }
  }

  const withoutAdditions = (additions: readonly Addition[]): Change => {
    const { issuer, scope, resource, leftOut = [] } = plan
    log.info('oauth:left-out', { issuer, message: additions.join(' ') })
    return { ...leaveOut({ scope, resource, nonce: plan.nonce }, additions), leftOut: [...leftOut, ...additions] }
  }

  return async (thrown: unknown): Promise<{ again: string }> => {
    if (!(thrown instanceof BridgeError)) throw thrown
    const change = await differently(thrown)
    if (!change) throw withOwnHint(thrown, configured, plan)
    const state = randomState()
    const codeVerifier = randomVerifier()
    const { callback: _used, ...kept } = plan
    const { scope, resource, nonce, ...others } = { ...kept, ...change, codeVerifier }
    const next = { ...others, ...present({ scope, resource, nonce }) }
    const authorizationUrl = addressOf(plan, next, { state, code_challenge: await pkceChallenge(codeVerifier) })
    await attempts.planAgain(attemptId, state, { ...next, authorizationUrl })
    return { again: authorizationUrl }
  }
}

/** The same request as before, except for what is different. */
function addressOf(
  before: AttemptPlan,
  next: Omit<AttemptPlan, 'authorizationUrl'>,
  fresh: Readonly<Record<string, string>>,
): string {
  const url = new URL(before.authorizationUrl)
  const { scope, resource, nonce } = next
  const { prompt, login_hint, audience } = leaveOut(Object.fromEntries(url.searchParams), next.leftOut ?? [])
  const own = { scope, resource, nonce, prompt, login_hint, audience }
  const ours = { ...own, ...fresh, client_id: next.client.clientId, redirect_uri: next.redirectUri }
  for (const [name, value] of Object.entries(ours)) {
    if (value === undefined) url.searchParams.delete(name)
    else if (url.searchParams.get(name) !== value) url.searchParams.set(name, value)
  }
  return url.href
}

/** What a person configured, only they can leave out. */
function withOwnHint(error: BridgeError, { scopes, parameters }: Configured, plan: AttemptPlan): BridgeError {
  const { code, message, details } = error
  const { about } = details
  const words = code === 'login_failed' ? message.split(/[^\w-]+/) : []
  const parameter = parameters.find((name) => name === about || words.includes(name))
  const hint =
    parameter !== undefined
      ? `Leave it out or change it: --authorize-param ${parameter}, or ${parameter} in authorize_params of its provider in config.yaml.`
      : about === 'scope' && scopes
        ? 'Check the scopes that you configured: mcp-oauth-bridge login --force --scope "…", or scopes of its provider in config.yaml.'
        : about === 'resource'
          ? ERRORS.invalid_target.hint
          : code === 'redirect_uri_mismatch' && error.hint === ERRORS.redirect_uri_mismatch.hint
            ? redirectHint(plan)
            : undefined
  return hint === undefined ? error : reworded(error, { hint })
}

const redirectHint = ({ client, redirectUri }: AttemptPlan) =>
  client.own === undefined
    ? `Register the client again: mcp-oauth-bridge login --force. If that is refused too, tell the server’s owner that the redirect URI is ${redirectUri}`
    : `Register exactly this redirect URI (callback_url) with the provider, without a trailing slash: ${redirectUri}`

/** A server that lets a client ask only for scopes that it was registered with says so in words alone (the SDK of MCP for Python). */
const wantsRegisteredScope = ({ message, details }: BridgeError) =>
  details.error === 'invalid_scope' && /\bnot registered\b/i.test(message)
