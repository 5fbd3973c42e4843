// Who we are at the authorization server, and whether it takes our redirect URI: asked without a person (prompt=none).
import { createHash, randomBytes } from 'node:crypto'
import { BridgeError, quote } from '../errors.ts'
import { fail, type Outcome, pass, skip, warn } from './finding.ts'
import type { Check, Facts, Patient } from './patient.ts'

export const registration: Check = {
  name: 'registration',
  about: 'server',
  async look(patient, facts) {
    const { metadata } = facts
    if (!metadata) return skip('There is no metadata.')
    const { clientId } = patient.server ?? {}
    if (clientId !== undefined) return pass(`The configured client ${quote(clientId)} is used.`)
    const known = await knownClient(patient, facts)
    if (known) return pass(`This program is registered as ${quote(known.clientId)}.`)
    if (metadata.registration_endpoint !== undefined) return pass('It registers clients by itself (RFC 7591).')
    if (metadata.client_id_metadata_document_supported === true) return pass('It takes a client metadata document.')
    return fail('registration_failed', 'It registers no clients by itself, and no client_id is configured.')
  },
}

export const redirectUri: Check = {
  name: 'redirect_uri',
  about: 'server',
  async look(patient, facts, signal) {
    const [redirect = ''] = patient.config.callbackUrls
    const { metadata } = facts
    if (!metadata) return skip('There is no metadata.')
    const { clientId, allowHttp = false } = patient.server ?? {}
    const known = clientId ?? (await knownClient(patient, facts))?.clientId
    if (known === undefined) return pass(`${redirect} will be registered at the first sign-in.`)
    const url = new URL(metadata.authorization_endpoint)
    if (url.protocol !== 'https:' && !allowHttp && !/^(localhost|127\.|\[::1\])/.test(url.hostname))
      return skip('The authorization endpoint is not https.')
    const challenge = createHash('sha256').update(randomBytes(32)).digest('base64url')
    const query = {
      ...{ response_type: 'code', client_id: known, redirect_uri: redirect, scope: 'openid', prompt: 'none' },
      ...{ state: randomBytes(16).toString('base64url'), code_challenge: challenge, code_challenge_method: 'S256' },
    }
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return await preflight(patient, url, redirect, signal)
  },
}

/** A server that takes the redirect URI sends its answer there, whatever the answer is (RFC 6749 section 4.1.2.1). */
async function preflight({ http }: Patient, url: URL, redirect: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const request = { method: 'GET', url, headers: { accept: 'text/html' }, idleMs: 10_000, signal } as const
    const response = await http.request(request)
    const text = await startOf(response.body)
    return judge(response.status, text, redirect)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError) || thrown.code !== 'redirect_refused') throw thrown
    if (thrown.details.target === new URL(redirect).origin) return pass(`The authorization server takes ${redirect}.`)
    return pass(`${redirect} is configured; the authorization server leads a person to its own pages.`)
  }
}

function judge(status: number, text: string, redirect: string): Outcome {
  if (
    /redirect[ _]?ur[il]|reply url|callback url/i.test(text) &&
    (status >= 400 || /mismatch|not (match|registered|allowed)/i.test(text))
  ) {
    const mistakes = 'Same scheme, host, port and path, and no trailing slash.'
    return fail(
      'redirect_uri_mismatch',
      `OAuth redirect URI mismatch: the authorization server does not take ${redirect}.`,
      `Register exactly ${redirect} with the provider, or set callback_url to what is registered. ${mistakes}`,
    )
  }
  if (status >= 400 && /client/i.test(text))
    return fail('invalid_client', 'The authorization server does not know this client.')
  if (status >= 400)
    return warn(
      `The authorization server answers ${status} to a sign-in with ${redirect}.`,
      'Start a sign-in and read the page in the browser.',
      'login_failed',
    )
  return pass(`${redirect} is configured; the authorization server shows a page for it.`)
}

async function startOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.byteLength
    if (size > 256 * 1024) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The client that an earlier sign-in registered. */
async function knownClient({ config }: Patient, { metadata, look }: Facts) {
  const [redirect = ''] = config.callbackUrls
  return metadata && (await look?.clients.load(metadata.issuer, redirect))
}
