// The consent of a person to one authorization request of one client: asked each time, answered by a form of ours in the browser that began it
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asBridgeError } from '../../errors.ts'
import type { AuthorizationOutcome, Handler, PendingAuthorization } from '../ports.ts'
import { consentPage, labelOf, placeOf } from './consentPage.ts'
import { consentPath, providersFor, type SignInDeps } from './deps.ts'
import { errorFor, logFailed, toldOf } from './outcome.ts'
import { isFromOurPage, readForm } from './ownForm.ts'
import { backPage, failedPage, goOnPage, type Page, redirect, sendPage } from './page.ts'
import { beginUpstream } from './upstream.ts'

export interface Consent {
  /** GET /auth/consent/<flow> */
  readonly page: Handler
  /** POST /auth/consent/<flow> */
  readonly answer: Handler
  /** GET /auth/consent/<flow>/back, after the provider. */
  readonly back: Handler
}

const COOKIE = 'consent'
const COOKIE_PURPOSE = 'consent-cookie'
const FORM_PURPOSE = 'consent-form'

export function createConsent(deps: SignInDeps): Consent {
  const { authorization, persons, seal, settings, cookies, outcomes, log } = deps

  /**
   * The same for any number of pages of one flow: a reload, or a second tab, does not make the first page useless. Only the browser that
   * began the flow gets it.
   */
  const cookieOf = (request: IncomingMessage, response: ServerResponse, flow: string): string => {
    const known = cookies.read(request, COOKIE, { path: consentPath(flow) })
    if (known !== undefined && seal.isMac(known, COOKIE_PURPOSE, flow)) return known
    const value = seal.mac(COOKIE_PURPOSE, flow)
    const seconds = Math.ceil(settings.sessionTimeoutMs / 1_000)
    cookies.set(response, { name: COOKIE, value, seconds }, { path: consentPath(flow) })
    return value
  }

  const isOurToken = (request: IncomingMessage, flow: string, token: string): boolean => {
    const cookie = cookies.read(request, COOKIE, { path: consentPath(flow) })
    if (cookie === undefined || !seal.isMac(cookie, COOKIE_PURPOSE, flow)) return false
    return seal.isMac(token, FORM_PURPOSE, `${flow} ${cookie}`)
  }

  /** Where the browser goes when this person’s part is over. */
  const finish = (
    request: IncomingMessage,
    response: ServerResponse,
    { flow, clientId, server }: PendingAuthorization,
    outcome: AuthorizationOutcome,
  ): Promise<string> => {
    const ended = 'person' in outcome ? 'granted' : outcome.error
    log.info('gateway:consent', { outcome: ended, server: server.path, message: `client ${clientId}` })
    return authorization.finish(request, response, flow, outcome)
  }

  return {
    async page(request, response, { parameters: { flow = '' } }) {
      const pending = await authorization.pending(request, response, flow)
      if (!pending) return notYours(response)
      const providers = providersFor(pending.server, settings)
      if (providers.length === 0) {
        const outcome = errorFor({ code: 'config_invalid', message: 'No provider to sign in with is configured.' })
        return redirect(response, await finish(request, response, pending, outcome))
      }
      const cookie = cookieOf(request, response, flow)
      sendPage(
        response,
        200,
        consentPage({ pending, providers, formToken: seal.mac(FORM_PURPOSE, `${flow} ${cookie}`) }),
      )
    },

    async answer(request, response, { parameters: { flow = '' } }) {
      if (!isFromOurPage(request, settings.publicUrl)) return foreign(response)
      const form = await readForm(request)
      const pending = await authorization.pending(request, response, flow)
      if (!pending) return notYours(response)
      if (!form || !isOurToken(request, flow, form.get('token') ?? '')) return foreign(response)
      const answer = form.get('answer') ?? ''
      const provider = providersFor(pending.server, settings).find((name) => answer === `yes:${name}`)
      if (answer !== 'no' && provider === undefined) return unclear(response, flow)
      if (provider === undefined) {
        const outcome = { error: 'access_denied', description: 'The person did not allow the access.' } as const
        return sendPage(response, 200, leave(pending, await finish(request, response, pending, outcome)))
      }
      try {
        const url = await beginUpstream(deps, response, { provider, flow, server: pending.server.path })
        sendPage(response, 200, goOnPage(url.href, labelOf(provider)))
      } catch (thrown) {
        const error = asBridgeError(thrown)
        logFailed(log, 'gateway:sign-in-failed', error)
        sendPage(response, 200, leave(pending, await finish(request, response, pending, errorFor(toldOf(error)))))
      }
    },

    async back(request, response, { parameters: { flow = '' } }) {
      const pending = await authorization.pending(request, response, flow)
      if (!pending) return notYours(response)
      const outcome = outcomes.take(request, response, consentPath(flow))
      if (!outcome) return redirect(response, consentPath(flow))
      if (outcome.kind === 'failed')
        return goBack(response, pending, await finish(request, response, pending, errorFor(outcome)))
      const person = await persons.byId(outcome.personId)
      const isWelcome = person !== undefined && person.blockedAt === undefined
      const result = isWelcome
        ? { person }
        : errorFor({ code: 'access_not_granted', message: 'This person is blocked.' })
      goBack(response, pending, await finish(request, response, pending, result))
    },
  }
}

/** To the client, after a form: a tab that a private scheme leaves behind says that it may be closed. */
const leave = ({ redirectUri, clientName }: PendingAuthorization, next: string): Page =>
  placeOf(redirectUri) === 'private' ? backPage(next, clientName) : goOnPage(next, clientName ?? 'the application')

const goBack = (response: ServerResponse, pending: PendingAuthorization, next: string): void =>
  placeOf(pending.redirectUri) === 'private' ? sendPage(response, 200, leave(pending, next)) : redirect(response, next)

const notYours = (response: ServerResponse) =>
  sendPage(
    response,
    403,
    failedPage(
      'This sign-in is not open here',
      'It was begun in another browser, was completed before, or has expired.',
      'Start again from your application.',
    ),
  )

const foreign = (response: ServerResponse) =>
  sendPage(
    response,
    403,
    failedPage(
      'This answer was not taken',
      'It did not come from our own page in this browser.',
      'Go back to the page that asked, load it again, and answer there.',
    ),
  )

const unclear = (response: ServerResponse, flow: string) =>
  sendPage(response, 400, {
    ...failedPage('Please choose', 'The answer was neither yes nor no.', ''),
    next: consentPath(flow),
  })
