// What a provider says beside the OAuth error code → our code and its remedy: a text decides where no code tells the cases apart.
import type { ErrorCode } from '../../errors.ts'

export interface Said {
  readonly error: string
  readonly description: string | undefined
  /** Entra's numbers (`error_codes`), if the response is JSON. */
  readonly numbers: readonly unknown[]
}

export interface Meaning {
  readonly code: ErrorCode
  readonly hint?: string
}

const REDIRECT =
  'Azure portal > App registrations > your app > Authentication: register exactly the callback_url, and check tenant_id in config.yaml.'
const CONSENT =
  'Sign in again with prompt: consent in config.yaml, or have an administrator grant consent (Azure portal > App registrations > your app > API permissions).'
const NO_RESOURCE =
  'Omit the resource: mcp-oauth-bridge login --force --resource none, or resource: none for its provider in config.yaml.'

const ASSIGN =
  'Assign the account or its group to the app (Azure portal > Enterprise applications > your app > Users and groups).'

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const AADSTS = new Map<number, Meaning>([
  [50011, { code: 'redirect_uri_mismatch', hint: REDIRECT }],
  [500112, { code: 'redirect_uri_mismatch', hint: REDIRECT }],
  [500113, { code: 'redirect_uri_mismatch', hint: REDIRECT }],
  [50194, { code: 'invalid_client', hint: 'The app is for one tenant only: set tenant_id to its id in config.yaml.' }],
  [90002, { code: 'invalid_client', hint: 'Check tenant_id in config.yaml: there is no such tenant.' }],
  [50105, { code: 'access_denied', hint: ASSIGN }],
  [65001, { code: 'consent_required', hint: CONSENT }],
  [90094, { code: 'consent_required', hint: CONSENT }],
  [901002, { code: 'invalid_target', hint: NO_RESOURCE }],
  [9010010, { code: 'invalid_target', hint: NO_RESOURCE }],
  [501481, { code: 'pkce_failed' }],
  [700016, { code: 'invalid_client' }],
  [
    7000215,
    { code: 'invalid_client', hint: 'The client secret is wrong: use its value, not its id, from the Azure portal.' },
  ],
  [
    7000218,
    { code: 'invalid_client', hint: 'Set client_secret in config.yaml, or allow public client flows for the app.' },
  ],
  [
    9002327,
    { code: 'invalid_client', hint: 'Register the callback_url for the platform Web, not Single-page application.' },
  ],
  [7000222, { code: 'invalid_client', hint: 'The client secret has expired: create a new one in the Azure portal.' }],
])

/**
 * Error codes of Google and GitHub that no RFC has
 * (https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors).
 */
const OF_PROVIDERS = new Map<string, Meaning>([
  [
    'org_internal',
    {
      code: 'access_denied',
      hint: 'The app is for one Google Workspace organization: sign in with an account of it, or set the user type External in the Google Cloud console (OAuth consent screen).',
    },
  ],
  [
    'admin_policy_enforced',
    {
      code: 'access_denied',
      hint: 'An administrator of the Google Workspace has to allow the app (Admin console > Security > API controls).',
    },
  ],
  [
    'application_suspended',
    { code: 'invalid_client', hint: 'GitHub has suspended the OAuth app: its owner can see the reason at GitHub.' },
  ],
  [
    'incorrect_client_credentials',
    {
      code: 'invalid_client',
      hint: 'Check client_id and client_secret against GitHub > Settings > Developer settings > OAuth Apps > your app.',
    },
  ],
  [
    'unverified_user_email',
    { code: 'access_denied', hint: 'Verify the primary e-mail address of the GitHub account, then sign in again.' },
  ],
])

/** Of an API of Google that is off: `accessNotConfigured`, or in words. */
const API_IS_OFF = /\baccess ?not ?configured\b|\bit is disabled\. Enable it by visiting\b/i

/** undefined: the OAuth error code is sufficient. */
export function meaningOf({ error, description = '', numbers }: Said): Meaning | undefined {
  const own = OF_PROVIDERS.get(error)
  if (own) return own
  if (API_IS_OFF.test(description)) return { code: 'access_not_configured' }
  // Entra answers all these with invalid_request, invalid_grant or invalid_client. In a redirect, where there is no
  // error_codes, its number is at the start of the description.
  const written = /^AADSTS(\d{5,7})\b/.exec(description)?.[1]
  for (const number of [...numbers, Number(written)]) {
    const meaning = typeof number === 'number' || typeof number === 'string' ? AADSTS.get(Number(number)) : undefined
    if (meaning) return meaning
  }
  // RFC 7636 sections 4.4.1 and 4.6 define no separate codes: invalid_request and invalid_grant have many other
  // meanings, and only the description distinguishes them.
  if (error === 'invalid_grant' && /code.?verifier|pkce/i.test(description)) return { code: 'pkce_failed' }
  if (error === 'invalid_request' && /code.?challenge.?method|transform algorithm/i.test(description))
    return {
      code: 'pkce_unsupported',
      hint: 'Allow S256 for this client at the provider; it is the only method that mcp-oauth-bridge uses.',
    }
  if (error === 'invalid_request' && /code.?challenge|code.?verifier|pkce/i.test(description))
    return { code: 'pkce_failed' }
  return undefined
}

/** What of a request a refusal is about: the proof of the client, one of its parameters, or, without any word, anything. */
export type RefusedPart = 'client' | 'scope' | 'resource' | 'audience' | 'prompt' | 'login_hint' | 'nonce' | 'unnamed'

/** Codes that name no parameter; invalid_resource and the last three are of Entra and of frameworks. */
const GENERAL = [
  'invalid_request',
  'invalid_grant',
  'invalid_resource',
  'invalid_parameter',
  'unsupported_parameter',
  'bad_request',
]
const RESOURCE = /\bresource(?![ _-]?(?:owner|server))(?:s|_?indicators?)?\b/i
const PARTS: readonly (readonly [RefusedPart, RegExp])[] = [
  ['client', /\bclient[ _-]?(?:id|secret|credentials?|authentication)\b|\bauthenticate the client\b/i],
  ['login_hint', /\blogin_?hint\b/i],
  ['nonce', /\bnonce\b/i],
  ['prompt', /\bprompt\b/i],
  ['scope', /\bscopes?\b|\boffline_access\b/i],
  ['audience', /\baudience\b/i],
  ['resource', RESOURCE],
]

/** undefined: it is about something else. A refused grant is only about what it names. */
export function refusedPart({ error, description = '' }: Pick<Said, 'error' | 'description'>): RefusedPart | undefined {
  if (error === 'invalid_scope') return 'scope'
  if (error === 'invalid_target') return 'resource'
  if (!GENERAL.includes(error)) return undefined
  if (error === 'invalid_grant') return RESOURCE.test(description) ? 'resource' : undefined
  const named = PARTS.find(([, words]) => words.test(description))?.[0]
  if (named !== undefined) return named
  if (error === 'invalid_resource') return 'resource'
  return description === '' && error === 'invalid_request' ? 'unnamed' : undefined
}

/** The scopes for refresh tokens and identity that a refusal names, separated by spaces. */
export const namedScopes = (description = ''): string =>
  ['offline_access', 'openid', 'email', 'profile'].filter((scope) => description.includes(scope)).join(' ')
