// The consent of a person to one authorization request of one client: asked each time, answered by a form of ours in the browser that began it
import type { IncomingMessage, ServerResponse } from 'node:http'
import { asBridgeError } from '../../errors.ts'
import type { AuthorizationOutcome, Handler, PendingAuthorization } from '../ports.ts'
import { consentPage, labelOf, placeOf } from './consentPage.ts'
import { consentPath, providersFor, type SignInDeps } from './deps.ts'
import { errorFor, logFailed, toldOf } from './outcome.ts'
import { isFromOurPage, readForm } from './ownForm.ts'
import { backPage, failedPage, goOnPage, overPage, redirect, sendPage } from './page.ts'
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
  const { authorization, persons, settings, signIn, outcomes, log } = deps
  const { isOurs, isOurToken, tokenFor } = createBinding(deps)

  /** Nothing waits here: for the browser that began it, because it is over. */
  const notOpen = (request: IncomingMessage, response: ServerResponse, flow: string): void =>
    isOurs(request, flow) ? sendPage(response, 410, overPage) : notYours(response)

  /** The person's part is over; `goOn` leads the browser on. */
  const finish = async (
    request: IncomingMessage,
    response: ServerResponse,
    pending: PendingAuthorization,
    outcome: AuthorizationOutcome,
    goOn: GoOn = goBack,
  ): Promise<void> => {
    const { flow, clientId, server } = pending
    const ended = 'person' in outcome ? 'granted' : outcome.error
    log.info('gateway:consent', { outcome: ended, server: server.path, message: `client ${clientId}` })
    const next = await authorization.finish(request, response, flow, outcome)
    if (next === undefined) notOpen(request, response, flow)
    else goOn(response, pending, next)
  }

  /** A browser that comes back after its answer, by a reload or a second load, goes the same way on. undefined: it has been answered. */
  const waiting = async (request: IncomingMessage, response: ServerResponse, flow: string, goOn: GoOn) => {
    const pending = await authorization.pending(request, response, flow)
    if (pending && pending.next === undefined) return pending
    if (pending?.next === undefined) notOpen(request, response, flow)
    else goOn(response, pending, pending.next)
    return undefined
  }

  return {
    async page(request, response, { parameters: { flow = '' } }) {
      const pending = await waiting(request, response, flow, goBack)
      if (!pending) return
      const names = providersFor(pending.server, settings)
      if (names.length === 0)
        return finish(request, response, pending, errorFor({ code: 'config_invalid', message: NO_PROVIDER }))
      const providers = await Promise.all(
        // One that cannot be used says why when it is chosen.
        names.map(async (name) => ({ name, scopes: await signIn.scopes(name).catch(() => []) })),
      )
      sendPage(response, 200, consentPage({ pending, providers, formToken: tokenFor(request, response, flow) }))
    },

    async answer(request, response, { parameters: { flow = '' } }) {
      if (!isFromOurPage(request, settings.publicUrl)) return foreign(response)
      const form = await readForm(request)
      const pending = await waiting(request, response, flow, leave)
      if (!pending) return
      if (!form || !isOurToken(request, flow, form.get('token') ?? '')) return foreign(response)
      const answer = form.get('answer') ?? ''
      const provider = providersFor(pending.server, settings).find((name) => answer === `yes:${name}`)
      if (answer !== 'no' && provider === undefined) return unclear(response, flow)
      if (provider === undefined) {
        const outcome = { error: 'access_denied', description: 'The person did not allow the access.' } as const
        return finish(request, response, pending, outcome, leave)
      }
      try {
        const url = await beginUpstream(deps, response, { provider, flow, server: pending.server.path })
        sendPage(response, 200, goOnPage(url.href, labelOf(provider)))
      } catch (thrown) {
        const error = asBridgeError(thrown)
        logFailed(log, 'gateway:sign-in-failed', error)
        await finish(request, response, pending, errorFor(toldOf(error)), leave)
      }
    },

    async back(request, response, { parameters: { flow = '' } }) {
      const pending = await waiting(request, response, flow, goBack)
      if (!pending) return
      const outcome = outcomes.take(request, response, consentPath(flow))
      if (!outcome) return redirect(response, consentPath(flow))
      if (outcome.kind === 'failed') return finish(request, response, pending, errorFor(outcome))
      const person = await persons.byId(outcome.personId)
      const isWelcome = person !== undefined && person.blockedAt === undefined
      const blocked = { code: 'access_not_granted', message: 'This person is blocked.' }
      await finish(request, response, pending, isWelcome ? { person } : errorFor(blocked))
    },
  }
}

/** What binds a flow to the browser that began it: a cookie, and the token of each form. */
function createBinding({ seal, settings, cookies }: Pick<SignInDeps, 'seal' | 'settings' | 'cookies'>) {
  const cookieIn = (request: IncomingMessage, flow: string): string | undefined => {
    const known = cookies.read(request, COOKIE, { path: consentPath(flow) })
    return known !== undefined && seal.isMac(known, COOKIE_PURPOSE, flow) ? known : undefined
  }

  /**
   * The same for any number of pages of one flow: a reload, or a second tab, does not make the first page useless. Only the browser that
   * began the flow gets it.
   */
  const cookieOf = (request: IncomingMessage, response: ServerResponse, flow: string): string => {
    const known = cookieIn(request, flow)
    if (known !== undefined) return known
    const value = seal.mac(COOKIE_PURPOSE, flow)
    const seconds = Math.ceil(settings.sessionTimeoutMs / 1_000)
    cookies.set(response, { name: COOKIE, value, seconds }, { path: consentPath(flow) })
    return value
  }

  return {
    isOurs: (request: IncomingMessage, flow: string): boolean => cookieIn(request, flow) !== undefined,
    isOurToken(request: IncomingMessage, flow: string, token: string): boolean {
      const cookie = cookieIn(request, flow)
      return cookie !== undefined && seal.isMac(token, FORM_PURPOSE, `${flow} ${cookie}`)
    },
    tokenFor: (request: IncomingMessage, response: ServerResponse, flow: string): string =>
      seal.mac(FORM_PURPOSE, `${flow} ${cookieOf(request, response, flow)}`),
  }
}

const NO_PROVIDER = 'No provider to sign in with is configured.'

/** Leads the browser to the client. */
type GoOn = (response: ServerResponse, pending: PendingAuthorization, next: string) => void

/** After a form. A tab that a private scheme leaves behind says that it may be closed. */
const leave: GoOn = (response, { redirectUri, clientName }, next) =>
  sendPage(
    response,
    200,
    placeOf(redirectUri) === 'private' ? backPage(next, clientName) : goOnPage(next, clientName ?? 'the application'),
  )

const goBack: GoOn = (response, pending, next) =>
  placeOf(pending.redirectUri) === 'private' ? leave(response, pending, next) : redirect(response, next)

const notYours = (response: ServerResponse) =>
  sendPage(
    response,
    403,
    failedPage(
      'This sign-in is not open here',
      'It was started in another browser, was completed before, or has expired.',
      'Start again from your application.',
    ),
  )

const foreign = (response: ServerResponse) =>
  sendPage(
    response,
    403,
    failedPage(
      'This answer was not accepted',
      'It did not come from the consent page in this browser.',
      'Go back to that page, reload it, and answer there.',
    ),
  )

const unclear = (response: ServerResponse, flow: string) =>
  sendPage(response, 400, {
    ...failedPage('Please choose', 'The answer was neither yes nor no.', ''),
    next: consentPath(flow),
  })
