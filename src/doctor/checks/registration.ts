// Checks our client at the authorization server, and whether it accepts our redirect URI: without a person (prompt=none).
import { createHash, randomBytes } from 'node:crypto'
import { isConfirmedIssuer } from '../../auth/client/issuerCheck.ts'
import { isUnknownClient } from '../../auth/client/probe.ts'
import { registeredFor } from '../../auth/client/registrations.ts'
import { textStart } from '../../auth/discovery/body.ts'
import { chooseAuthMethod } from '../../auth/oauth/authentication.ts'
import { isIssuerOf, presetOf } from '../../config/providerPresets.ts'
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { present } from '../../present.ts'
import type { RegisteredClient } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, type Outcome, pass, skip, warn } from '../report/finding.ts'

/** Of a page that is looked at for an error. */
const LIMIT_BYTES = 256 * 1024

export const registration: Check = {
  name: 'registration',
  about: 'server',
  async run(context, findings) {
    const { metadata } = findings
    if (!metadata) return skip('No metadata was found.')
    const { clientId, clientSecret, clientKey, clientMetadataUrl } = context.server ?? {}
    const client = (await clientOf(context, findings))?.clientId
    if (client !== undefined && client === clientId) {
      const alone = await unbound(context, findings)
      if (alone) return alone
      const given = present({ clientSecret: clientSecret || undefined, privateKey: clientKey || undefined })
      return pass(`The configured client ${quote(client)} is used, with ${chooseAuthMethod(metadata, given)}.`)
    }
    if (client !== undefined && client === clientMetadataUrl) {
      const method = chooseAuthMethod(metadata, present({ privateKey: clientKey }))
      return pass(`The client ID metadata document ${quote(client)} is used, with ${method}.`)
    }
    const passedOver =
      clientMetadataUrl === undefined ? '' : ' The authorization server does not support client ID metadata documents.'
    if (client !== undefined) return pass(`This program is registered as ${quote(client)}.${passedOver}`)
    if (metadata.registration_endpoint !== undefined)
      return pass(`The authorization server supports dynamic client registration (RFC 7591).${passedOver}`)
    if (metadata.client_id_metadata_document_supported === true)
      return fail(
        'registration_failed',
        'The authorization server does not support dynamic client registration, and neither a client ID metadata document nor a client_id is configured.',
        'The authorization server supports client ID metadata documents. Pass the URL of yours as --client-metadata-url, or register a client and pass --client-id.',
      )
    return fail(
      'registration_failed',
      `The authorization server does not support dynamic client registration, and no client_id is configured.${passedOver}`,
    )
  },
}

/** The same check as before each use of the client, without storing its result. */
async function unbound({ server }: CheckContext, { issuer, look, keyless }: Findings): Promise<Outcome | undefined> {
  const { clientId, clientSecret, clientKey, provider } = server ?? {}
  const proves = clientSecret !== undefined || clientKey !== undefined
  if (!proves || clientId === undefined || issuer === undefined || server?.issuer !== undefined) return undefined
  const preset = presetOf({ name: provider })
  if (preset?.issuer !== undefined)
    return isIssuerOf(preset, issuer)
      ? undefined
      : fail(
          'client_issuer_changed',
          `The client ${quote(clientId)} belongs to ${preset.name}, not to ${quote(issuer)}.`,
        )
  if (keyless) return skip('The sealing key cannot be read.')
  if (look && (await isConfirmedIssuer(look.clients, issuer, clientId))) return undefined
  return fail(
    'client_issuer_missing',
    `The configuration does not say that the client ${quote(clientId)} belongs to ${quote(issuer)}.`,
  )
}

export const redirectUri: Check = {
  name: 'redirect_uri',
  about: 'server',
  async run(context, findings, signal) {
    const { metadata } = findings
    if (!metadata) return skip('No metadata was found.')
    if (findings.keyless && context.server?.clientId === undefined) return skip('The sealing key cannot be read.')
    const known = await clientOf(context, findings)
    if (known === undefined)
      return metadata.registration_endpoint === undefined
        ? skip('There is no client yet.')
        : pass(`${context.config.callbackUrls[0]} will be registered at the first sign-in.`)
    const { clientId: client, redirectUri: redirect = context.config.callbackUrls[0] ?? '' } = known
    const url = new URL(metadata.authorization_endpoint)
    if (!isSecure(url, context.server?.allowHttp ?? false)) return skip('The authorization endpoint is not https.')
    const http = await context.guarded()
    const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url')
    const query = {
      response_type: 'code',
      client_id: client,
      redirect_uri: redirect,
      scope: 'openid',
      prompt: 'none',
      state: randomBytes(16).toString('base64url'),
      code_challenge: challenge,
      code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const outcome = await preflight(http, url, redirect, signal)
    if (outcome.code === 'redirect_uri_mismatch') return outcome
    // The same judge as before a sign-in.
    const isUnknown = await isUnknownClient(http, { metadata, clientId: client, redirectUri: redirect, parameters: {} })
    return isUnknown ? unknown(client, context) : outcome
  },
}

function unknown(client: string, { server }: CheckContext): Outcome {
  const said = `The authorization server does not recognize the client ${quote(client)}.`
  if (client === server?.clientId) return fail('invalid_client', said, 'Check client_id and client_secret.')
  return fail('invalid_client', said, 'Sign in again, which registers a new client: mcp-oauth-bridge login --force.')
}

/** A server that accepts the redirect URI redirects to it, whatever the result (RFC 6749 section 4.1.2.1). */
async function preflight(http: HttpClient, url: URL, redirect: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const request = { method: 'GET', url, headers: { accept: 'text/html' }, idleMs: 10_000, signal } as const
    const response = await http.request(request)
    const text = await textStart(response.body, LIMIT_BYTES)
    return judge(response.status, text, redirect)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code !== 'redirect_refused') throw thrown
    if (thrown.details.target === new URL(redirect).origin) return pass(`The authorization server accepts ${redirect}.`)
    return pass(`${redirect} is configured; the authorization server redirects to its own pages.`)
  }
}

/** A server that does not take the redirect URI shows a page of its own (RFC 6749 section 4.1.2.1): its words are all there is to read. */
function judge(status: number, text: string, redirect: string): Outcome {
  if (
    /redirect[ _]?ur[il]|reply url|callback url/i.test(text) &&
    (status >= 400 || /mismatch|not (match|registered|allowed)/i.test(text))
  ) {
    const mistakes = 'Scheme, host, port and path must be the same, without a trailing slash.'
    return fail(
      'redirect_uri_mismatch',
      `OAuth redirect URI mismatch: the authorization server does not accept ${redirect}.`,
      `Register exactly ${redirect} with the provider, or set callback_url to what is registered. ${mistakes}`,
    )
  }
  if (status >= 400)
    return warn(
      `The authorization server answers ${status} to a sign-in with ${redirect}.`,
      'Start a sign-in and read the page in the browser.',
      'login_failed',
    )
  return pass(`${redirect} is configured; the authorization server shows a page for it.`)
}

/** The client of the next sign-in, in the order of auth/client/clients.ts; undefined: there is none yet. */
async function clientOf(
  { server, config }: CheckContext,
  { metadata, issuer, look }: Findings,
): Promise<Pick<RegisteredClient, 'clientId' | 'redirectUri'> | undefined> {
  if (server?.clientId !== undefined) return { clientId: server.clientId }
  const document = server?.clientMetadataUrl
  if (document !== undefined && metadata?.client_id_metadata_document_supported === true) return { clientId: document }
  const [redirect = ''] = config.callbackUrls
  return look && issuer !== undefined ? registeredFor(look.clients, { issuer, redirectUri: redirect }) : undefined
}
