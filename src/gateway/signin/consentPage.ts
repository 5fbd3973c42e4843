// The page that asks a person whether an application may use an MCP server in their name: who asks, where the answer goes, and where to sign in
import { isLoopback } from '../../secureUrl.ts'
import type { PendingAuthorization } from '../ports.ts'
import type { ServedServer } from '../settings.ts'
import type { Page } from './page.ts'
import { escapeHtml, shown, shownUri } from './shown.ts'

interface Offered {
  readonly name: string
  readonly scopes: readonly string[]
}

export interface ConsentQuestion {
  readonly pending: PendingAuthorization
  /** Those to choose from, with what each of them will be asked for. */
  readonly providers: readonly Offered[]
  readonly formToken: string
}

export function consentPage({ pending, providers, formToken }: ConsentQuestion): Page {
  const { clientName, documentHost, redirectUri, resource, server, flow } = pending
  const named = clientName !== undefined && clientName.trim() !== ''
  const client = named ? `“<bdi>${shown(clientName.trim())}</bdi>”` : 'An application without a name'
  const serverName = server.name ?? new URL(resource).host
  const told =
    documentHost === undefined ? NOBODY_CHECKED : `<p>Its metadata is at <code>${shown(documentHost)}</code>.</p>`
  return {
    title: 'Allow access?',
    body: `<h1>${client} asks for access to ${shown(serverName)}</h1>
<p class="soft">${named ? 'This is what the application calls itself.' : 'The application did not give a name.'}</p>
${told}
<dl>
<dt>MCP server</dt>
<dd><code>${shownUri(resource)}</code></dd>
<dt>The access goes to</dt>
<dd><code dir="ltr">${shownUri(redirectUri)}</code></dd>
</dl>
${warningFor(redirectUri)}
<form method="post" action="/auth/consent/${escapeHtml(encodeURIComponent(flow))}">
<input type="hidden" name="token" value="${escapeHtml(formToken)}">
<p>If you did not start this yourself just now, choose No.</p>
<div class="acts">
${providers.map((provider) => providerButton(provider, server)).join('\n')}
<button class="no" name="answer" value="no">No</button>
</div>
</form>`,
  }
}

const NOBODY_CHECKED =
  '<p>Its identity is not verified: any application can register here under any name. Check where the access goes.</p>'

const providerButton = ({ name, scopes }: Offered, { bearer }: ServedServer) => {
  const label = shown(labelOf(name))
  const asked = scopes.length === 0 ? 'no scopes' : `the scopes <code>${shown(scopes.join(' '), MOST_OF_SCOPES)}</code>`
  const token =
    bearer === 'user_token'
      ? `<p class="soft note">The MCP server gets your own access token of ${label}, and can use it as you.</p>\n`
      : ''
  return `<div>
<button name="answer" value="${escapeHtml(`yes:${name}`)}">Allow, and sign in with ${label}</button>
${token}<p class="soft scopes">${label} is asked for ${asked}.</p>
</div>`
}

/** Of all names together: they are from the configuration, and none of them is left out. */
const MOST_OF_SCOPES = 10_000

/** As people write it. */
export const labelOf = (provider: string): string => LABELS[provider] ?? provider

const LABELS: Readonly<Record<string, string>> = { google: 'Google', microsoft: 'Microsoft', github: 'GitHub' }

/** Nobody owns a loopback port or a private scheme (RFC 8252 sections 8.1 and 8.3), so nothing shows which program is behind it. */
function warningFor(redirectUri: string): string {
  const where = placeOf(redirectUri)
  if (where === 'web') return ''
  const what = where === 'loopback' ? 'a program on this computer' : 'a program that handles this kind of address'
  return `<div class="warning" role="note"><strong>Caution.</strong> The access goes to ${what}. Any program can use such an address, under any name, so allow it only if you started this sign-in in a program that you trust.</div>`
}

/** Who is at a redirect URI: a program on this computer, a program with a scheme of its own, or a host. */
export function placeOf(redirectUri: string): 'loopback' | 'private' | 'web' {
  if (!URL.canParse(redirectUri)) return 'private'
  const { protocol, hostname } = new URL(redirectUri)
  if (protocol !== 'https:' && protocol !== 'http:') return 'private'
  return isLoopback(hostname) || hostname.endsWith('.localhost') ? 'loopback' : 'web'
}
