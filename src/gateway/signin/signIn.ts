// Everything that a browser sees of a sign-in at the gateway, as handlers for the table of routes
import { asBridgeError } from '../../errors.ts'
import type { Handler } from '../ports.ts'
import { createCallback } from './callback.ts'
import { createConsent } from './consent.ts'
import { createCookies } from './cookies.ts'
import type { SignInOptions } from './deps.ts'
import { createLogin } from './login.ts'
import { createOutcomes, statusOf, toldOf } from './outcome.ts'
import { failedPage, sendPage } from './page.ts'
import { createRefreshEndpoint } from './refresh.ts'

/** Those of them that the table of routes has. */
export interface GatewaySignInHandlers {
  /** GET and POST /auth/consent/<flow>; `flow` is in the parameters of the route, as for the next one. */
  readonly consent: Handler
  /** GET /auth/consent/<flow>/back */
  readonly back: Handler
  /** GET /auth/login */
  readonly login: Handler
  /** GET /auth/callback, and /auth/callback/<provider> */
  readonly callback: Handler
  /** POST /auth/refresh */
  readonly refresh: Handler
}

export function createGatewaySignIn(options: SignInOptions): GatewaySignInHandlers {
  const cookies = createCookies(options.settings.publicUrl)
  const deps = { ...options, cookies, outcomes: createOutcomes({ ...options, cookies }) }
  const consent = createConsent(deps)

  /** What fails in a page ends as a page. */
  const asPage =
    (handler: Handler): Handler =>
    async (request, response, context) => {
      try {
        await handler(request, response, context)
      } catch (thrown) {
        const { code, message } = asBridgeError(thrown)
        // The browser has gone before its form was there.
        if (code === 'cancelled') return void response.destroy()
        options.log.error('gateway:sign-in-failed', { code, message })
        if (response.headersSent) return void response.destroy()
        // The authorization request was over before its person's part was.
        const told = toldOf(thrown)
        const status = code === 'invalid_state' ? 403 : statusOf(told)
        sendPage(response, status, failedPage('Sign-in failed', `${told.message} (${code})`, told.hint))
      }
    }

  return {
    consent: asPage((request, ...rest) =>
      request.method === 'POST' ? consent.answer(request, ...rest) : consent.page(request, ...rest),
    ),
    back: asPage(consent.back),
    login: asPage(createLogin(deps)),
    callback: asPage(createCallback(deps)),
    refresh: createRefreshEndpoint(options),
  }
}
