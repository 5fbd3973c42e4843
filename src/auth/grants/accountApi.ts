// Who signed in at a provider without OpenID Connect: its own API is asked with the new access token, and its answer becomes claims.
import { BridgeError } from '../../errors.ts'
import type { HttpClient } from '../../ports.ts'
import { present } from '../../present.ts'
import type { User } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { atPath } from '../discovery/atPath.ts'
import { isObject, type JsonObject, wholeBody } from '../discovery/body.ts'
import { withinTime } from '../discovery/deadline.ts'
import { isDeep } from '../discovery/fetchJson.ts'

export interface AccountApi {
  /** The account itself; lists of GitHub are below it. */
  readonly url: URL
  /** undefined: an address that answers as userinfo does, or with an `id`. */
  readonly kind: 'github' | undefined
  /** Whether the organisations of the account are wanted. */
  readonly organisations: 'wanted' | 'unwanted'
}

/** Longest time of one answer, in ms. */
const WHOLE_MS = 10_000
/** Pages of a list that are read, and entries on each. */
const MOST_PAGES = 10
const PAGE = 100

/** @throws BridgeError login_failed where it does not say who signed in, authorization_server_error, … */
export async function fetchAccount(
  http: HttpClient,
  { url, kind, organisations }: AccountApi,
  { issuer, accessToken }: { readonly issuer: string; readonly accessToken: string },
): Promise<User> {
  const get = (from: URL) => fetchValue(http, from, accessToken)
  const account = await get(url)
  const subject = isObject(account) ? subjectOf(account) : undefined
  if (!isObject(account) || subject === undefined) throw unknownAccount(issuer)
  if (kind === undefined) return { issuer, subject, claims: { ...flat(account), sub: subject } }
  const below = (name: string) => atPath(url, `${url.pathname.replace(/\/$/, '')}/${name}`)
  const email = verifiedEmail(await pages(get, below('emails')))
  const names = organisations === 'wanted' ? (await pages(get, below('orgs'))).map(({ login }) => login) : undefined
  const { login, name, avatar_url: picture, html_url: profile } = account
  return {
    issuer,
    subject,
    claims: present({
      sub: subject,
      preferred_username: textOf(login),
      name: textOf(name),
      picture: textOf(picture),
      profile: textOf(profile),
      email,
      email_verified: email === undefined ? undefined : true,
      organisations: names?.filter((one) => typeof one === 'string'),
    }),
  }
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** Never a name, which a person can change and another can take over. */
function subjectOf(account: JsonObject): string | undefined {
  const id = account.sub ?? account.id ?? account.user_id
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id)
  return textOf(id)
}

/** The primary address, where GitHub has verified it. The address on a profile is whatever a person wrote there. */
const verifiedEmail = (emails: readonly JsonObject[]) =>
  textOf(emails.find(({ primary, verified }) => primary === true && verified === true)?.email)

/** A list, page by page. One that the scopes of the token do not open is empty. */
async function pages(get: (url: URL) => Promise<unknown>, url: URL): Promise<JsonObject[]> {
  const found: JsonObject[] = []
  for (let page = 1; page <= MOST_PAGES; page++) {
    const one = new URL(url)
    one.searchParams.set('per_page', String(PAGE))
    one.searchParams.set('page', String(page))
    const list = await get(one)
    if (!Array.isArray(list)) break
    found.push(...list.filter(isObject))
    if (list.length < PAGE) break
  }
  return found
}

const flat = (account: JsonObject) => Object.fromEntries(Object.entries(account).filter(([, value]) => !isDeep(value)))

/** undefined: refused, or no JSON. @throws BridgeError authorization_server_error, authorization_server_unreachable */
async function fetchValue(http: HttpClient, url: URL, accessToken: string): Promise<unknown> {
  const headers = {
    authorization: `Bearer ${accessToken}`,
    accept: 'application/json',
    // GitHub refuses requests without one.
    'user-agent': 'mcp-oauth-bridge',
  }
  const asking = async (signal: AbortSignal) => {
    const { status, body } = await http.request({ method: 'GET', url, headers, signal, idleMs: WHOLE_MS })
    return { status, text: (await wholeBody(body, () => failed(url, 'sent more than 1 MB'))).toString('utf8') }
  }
  const { status, text } = await withinTime(WHOLE_MS, () => late(url), asking).catch((thrown: unknown) => {
    throw thrown instanceof BridgeError && thrown.code.startsWith('server_') ? unreachable(url, thrown) : thrown
  })
  if (status >= 500 || status === 429) throw failed(url, `answered ${status}`)
  if (status < 200 || status > 299) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const unknownAccount = (issuer: string) =>
  new BridgeError('login_failed', {
    message: `The provider ${quote(issuer)} did not say who signed in.`,
    hint: 'Check the scopes of this provider, and its userinfo_endpoint in config.yaml.',
  })

const failed = ({ origin }: URL, what: string) =>
  new BridgeError('authorization_server_error', { message: `The provider’s API at ${quote(origin)} ${what}.` })

const late = ({ origin }: URL) =>
  new BridgeError('authorization_server_unreachable', {
    message: `The provider’s API at ${quote(origin)} did not answer in time.`,
  })

const unreachable = ({ origin }: URL, cause: BridgeError) =>
  new BridgeError('authorization_server_unreachable', {
    message: `The provider’s API at ${quote(origin)} cannot be reached: ${cause.message}`,
    cause,
  })
