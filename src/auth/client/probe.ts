// Finds out whether an authorization server has forgotten a client, before a person sees its error page; the one judge of that, also for doctor.
import { randomBytes } from 'node:crypto'
import type { HttpClient } from '../../ports.ts'
import { textOfPage } from '../../redaction/pageText.ts'
import type { AuthorizationServerMetadata } from '../discovery/authorizationServer.ts'
import { textStart } from '../discovery/body.ts'
import { withinTime } from '../discovery/deadline.ts'

const TIMEOUT_MS = 5_000
const LIMIT_BYTES = 64 * 1024
/** What browsers send: some servers tell a program less, or answer it with 200. */
const ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
/** Statuses of a proxy in front of the server, or of one that is busy: their words are not about our client. */
const PASSING = [408, 425, 429, 502, 503, 504]
const CLIENT = String.raw`(?:client|application|app)(?![ _-]?(?:certificate|cert|version|secret|hints?|ip)\b)`
const UNKNOWN = new RegExp(
  [
    String.raw`\b(?:invalid|unauthorized)_client\b`,
    String.raw`\b(?:invalid|unknown|unregistered|unrecogni[sz]ed|non-?existent|no such|not a (?:valid|known|registered))[ _-](?:oauth ?2?(?:\.0)? )?${CLIENT}(?:[ _-]?id)?\b`,
    String.raw`\b${CLIENT}\b[^.;<>{}]{0,80}\b(?:(?:not|never)(?: be| been)? (?:found|registered|known|recogni[sz]ed|valid)|unknown|is invalid|(?:does not|doesn['’]t) exist|no longer exists?|(?:has been|was) (?:deleted|removed))\b`,
    String.raw`\bclient[ _-]?(?:id[ _-])?(?:not[ _-](?:found|registered)|unknown|invalid)\b`,
    String.raw`\b(?:could not|couldn['’]t|cannot|can['’]t|unable to) (?:find|recogni[sz]e) (?:the |a |this |your )?(?:oauth )?${CLIENT}\b`,
  ].join('|'),
  'i',
)
/** Members of an answer and parameters of a redirect that say what went wrong. */
const TELLING = /^(?:error|error_?code|error_?description|error_?message|err|message|reason|detail|description|title)$/i
/** A page that says nothing else; one with a form is for a person. */
const LONGEST_PLAIN_PAGE = 1_000

export interface Probe {
  readonly metadata: AuthorizationServerMetadata
  readonly clientId: string
  readonly redirectUri: string
  /** Scope and resource of the sign-in. */
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Asks the authorization endpoint as a browser without cookies would, with state and challenge of its own, follows nothing, and
 * accepts only an answer that says that the client is unknown. In all other cases, the client counts as known. Never throws.
 */
export async function isUnknownClient(http: HttpClient, probe: Probe): Promise<boolean> {
  const url = authorizationUrl(probe)
  const headers = { accept: ACCEPT }
  const request = async (signal: AbortSignal) => {
    const asked = {
      method: 'GET',
      url,
      headers,
      signal,
      idleMs: TIMEOUT_MS,
      redirect: 'manual',
      cookies: 'none',
    } as const
    const { status, headers: received, body, discard } = await http.request(asked)
    if (PASSING.includes(status) || (status >= 300 && status < 400)) {
      discard()
      return saysSoInRedirect(received.location, url)
    }
    const text = await textStart(body, LIMIT_BYTES)
    return status < 300 ? saysNothingElse(text) : UNKNOWN.test(text)
  }
  try {
    return await withinTime(TIMEOUT_MS, () => new Error('too late'), request)
  } catch {
    return false
  }
}

function authorizationUrl({ metadata, clientId, redirectUri, parameters }: Probe): URL {
  const url = new URL(metadata.authorization_endpoint)
  const ours = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge_method: 'S256',
    code_challenge: randomBytes(32).toString('base64url'),
    state: randomBytes(32).toString('base64url'),
  }
  for (const [name, value] of Object.entries({ ...parameters, ...ours })) url.searchParams.set(name, value)
  return url
}

/** To the redirect URI, or to an error page of the server's own. */
function saysSoInRedirect(location: string | string[] | undefined, from: URL): boolean {
  if (typeof location !== 'string' || !URL.canParse(location, from.href)) return false
  const { searchParams, hash } = new URL(location, from.href)
  return [...searchParams, ...new URLSearchParams(hash.slice(1))].some(
    ([name, value]) => TELLING.test(name) && UNKNOWN.test(value),
  )
}

/** With a good status: a JSON error, or a short page without anything to fill in. A page of a login may contain any words. */
function saysNothingElse(text: string): boolean {
  const json = asObject(text)
  if (json) return Object.entries(json).some(([name, value]) => TELLING.test(name) && UNKNOWN.test(String(value)))
  if (/<(?:form|input|button|select|textarea|iframe)\b/i.test(text)) return false
  const words = textOfPage(text)
  return words.length <= LONGEST_PLAIN_PAGE && UNKNOWN.test(words)
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
