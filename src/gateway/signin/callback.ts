// The provider's redirect: taken only in the browser that went there, then whoever signed in is asked for by the access rules and kept
import { asBridgeError, BridgeError } from '../../errors.ts'
import { sha256 } from '../../sha256.ts'
import type { Handler } from '../ports.ts'
import { isSame } from './cookies.ts'
import { consentPath, LOGIN_PATH, type SignInDeps } from './deps.ts'
import { failureOf, logFailed, type Outcome } from './outcome.ts'
import { isAhead } from './ownForm.ts'
import { failedPage, redirect, sendPage } from './page.ts'
import { flowCookie } from './upstream.ts'

const INVALID =
  'This address does not match a pending sign-in: it was used before, has expired, or was not started here.'

/** GET /auth/callback, and /auth/callback/<provider> */
export function createCallback(deps: SignInDeps): Handler {
  const { signIn, persons, tokens, checkAccess, settings, cookies, outcomes, log } = deps

  const complete = async (redirected: URL): Promise<Outcome> => {
    const { provider, user, tokens: fresh, binding } = await signIn.answer(redirected)
    const server = settings.servers.find(({ path }) => path === binding.server)
    if (!server && binding.server !== '')
      throw new BridgeError('access_not_granted', { message: 'The server of this sign-in is no longer offered.' })
    // Nothing is kept of somebody who may not come in.
    checkAccess(user, server)
    const person = await persons.seen(user)
    if (person.blockedAt !== undefined)
      throw new BridgeError('access_not_granted', { message: 'The operator has blocked this person.' })
    await tokens.keep(provider, person.id, fresh)
    log.info('gateway:signed-in', { outcome: 'signed in', issuer: user.issuer })
    return { kind: 'person', personId: person.id, account: person.email }
  }

  return async (request, response, { url }) => {
    const state = url.searchParams.get('state') ?? ''
    const binding = state === '' ? undefined : await signIn.binding(url)
    const invalid = () => {
      log.warn('gateway:callback', { code: 'invalid_state' })
      if (/\btext\/html\b/.test(request.headers.accept ?? ''))
        return sendPage(response, 400, failedPage('Invalid state', INVALID, 'Start again from your application.'))
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
      response.writeHead(400, headers).end(`Invalid state: ${INVALID}\n`)
    }
    if (!binding) return invalid()
    // Whoever opens somebody else's address uses nothing up.
    const secret = cookies.read(request, flowCookie(state))
    if (secret === undefined || !isSame(sha256(secret), binding.browser ?? '') || isAhead(request)) {
      log.warn('gateway:callback', { outcome: 'refused', reason: 'another browser' })
      return sendPage(
        response,
        403,
        failedPage('Another browser', ANOTHER, 'Go back to the browser in which you started.'),
      )
    }
    const outcome = await complete(url).catch((thrown: unknown) => asBridgeError(thrown))
    if (outcome instanceof BridgeError) {
      if (outcome.code === 'invalid_state' && outcome.details.state === undefined) return invalid()
      logFailed(log, 'gateway:sign-in-failed', outcome)
    }
    cookies.set(response, { name: flowCookie(state), value: '', seconds: 0 })
    const { flow = '' } = binding
    const path = flow === '' ? LOGIN_PATH : consentPath(flow)
    outcomes.give(response, path, outcome instanceof BridgeError ? failureOf(outcome) : outcome)
    redirect(response, flow === '' ? `${LOGIN_PATH}?done` : `${path}/back`)
  }
}

const ANOTHER = 'This sign-in was started in another browser, so it is not completed here. It is still open there.'
