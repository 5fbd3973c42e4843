// Sign-in without a client: a person goes to the provider by a page of ours, and ends on one that says how it ended
import type { ServerResponse } from 'node:http'
import { asBridgeError } from '../../errors.ts'
import { isLoopback } from '../../secureUrl.ts'
import type { Handler } from '../ports.ts'
import { labelOf } from './consentPage.ts'
import { LOGIN_PATH, providersFor, type SignInDeps } from './deps.ts'
import { logFailed, statusOf, toldOf } from './outcome.ts'
import { isAhead, isOwnNavigation } from './ownForm.ts'
import { failedPage, redirect, sendPage, signedInPage } from './page.ts'
import { escapeHtml, shown } from './shown.ts'
import { beginUpstream } from './upstream.ts'

/** GET /auth/login: `server` names the server it is for, `provider` where to sign in; `done` shows how it ended. */
export function createLogin(deps: SignInDeps): Handler {
  const { settings, outcomes, log } = deps

  const end: Handler = async (request, response) => {
    const outcome = outcomes.take(request, response, LOGIN_PATH)
    if (outcome?.kind === 'person') return sendPage(response, 200, signedInPage(outcome.account))
    if (!outcome) return redirect(response, LOGIN_PATH)
    sendPage(response, 403, failedPage('Sign-in failed', `${outcome.message} (${outcome.code})`, outcome.hint))
  }

  return async (request, response, context) => {
    const query = context.url.searchParams
    const elsewhere = byOtherName(request.headers.host, settings.publicUrl)
    if (elsewhere) return redirect(response, `${elsewhere}${LOGIN_PATH}${context.url.search}`)
    if (query.has('done')) return end(request, response, context)
    const wanted = query.get('server')
    const server = settings.servers.find(({ name }) => name === wanted)
    if (wanted !== null && !server)
      return sendPage(
        response,
        404,
        failedPage('Unknown server', `There is no server ${wanted}.`, 'Check the address.'),
      )
    const providers = providersFor(server, settings)
    const [first] = providers
    if (first === undefined) return sendPage(response, 404, NO_PROVIDER)
    const chosen = providers.find((name) => name === query.get('provider'))
    const provider = chosen ?? (providers.length === 1 ? first : undefined)
    // A page of others leads nobody through a sign-in at a provider that knows them already.
    if (provider === undefined || !isOwnNavigation(request) || isAhead(request))
      return choose(response, providers, wanted ?? undefined)
    try {
      redirect(response, (await beginUpstream(deps, response, { provider, flow: '', server: server?.path ?? '' })).href)
    } catch (thrown) {
      logFailed(log, 'gateway:sign-in-failed', asBridgeError(thrown))
      const told = toldOf(thrown)
      sendPage(response, statusOf(told), failedPage('Sign-in failed', `${told.message} (${told.code})`, told.hint))
    }
  }
}

/** The origin to go to from another name of this machine: cookies that are set under one are not sent to the other. */
function byOtherName(host: string | undefined, publicUrl: string): string | undefined {
  const own = new URL(publicUrl)
  const asked = `${own.protocol}//${host}`
  if (host === undefined || !URL.canParse(asked)) return undefined
  const { hostname, port } = new URL(asked)
  // At another port a proxy may ask, which would be sent back to itself.
  const isOther = isLoopback(hostname) && isLoopback(own.hostname) && hostname !== own.hostname && port === own.port
  return isOther ? own.origin : undefined
}

const NO_PROVIDER = failedPage(
  'No provider',
  'No sign-in provider is configured.',
  'Ask the operator to set providers in config.yaml.',
)

function choose(response: ServerResponse, providers: readonly string[], server: string | undefined): void {
  const linkTo = (provider: string) => {
    const query = new URLSearchParams({ ...(server === undefined ? {} : { server }), provider })
    return `<a class="button" href="${escapeHtml(`${LOGIN_PATH}?${query}`)}">Sign in with ${shown(labelOf(provider))}</a>`
  }
  sendPage(response, 200, {
    title: 'Sign in',
    body: `<h1>Sign in${server === undefined ? '' : ` for ${shown(server)}`}</h1>
<p class="soft">You sign in at the provider, and then come back here.</p>
<div class="acts">
${providers.map(linkTo).join('\n')}
</div>`,
  })
}
