// Responses in an older or looser form, converted to what RFC 6749 section 5 and RFC 8628 section 3.2 require.
import { deviceCodeLife, pollInterval, tokenLife } from '../../bounds.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** 'unread': nothing that an ID token says is used, as after a refresh, so that an invalid one does no harm. */
export type IdToken = 'read' | 'unread'

type Members = Readonly<Record<string, unknown>>

/**
 * A form-encoded answer becomes JSON, and an error that was sent with 200 becomes 400: GitHub and others do both
 * (https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors).
 * Of a response with tokens or a device code, only known members are kept, and an optional member with an unusable value
 * is ignored: a refresh token was used for it, and must not be lost because of the format of a number.
 */
export function normalized(answer: Answer, idToken: IdToken = 'read'): Answer {
  const { status, contentType, body } = answer
  const good = status >= 200 && status < 300
  const form = /^application\/x-www-form-urlencoded\b/i.test(contentType)
  const json = form ? fromForm(body) : good ? asObject(body) : undefined
  if (json === undefined) return answer
  if (good && typeof json.access_token === 'string') return asJson(200, tokensOf(json, idToken), answer)
  if (good && typeof json.device_code === 'string') return asJson(200, deviceCodeOf(json), answer)
  const failed = status === 200 && typeof json.error === 'string'
  if (!form && !failed) return answer
  return asJson(failed ? 400 : status, json, answer)
}

function asJson(status: number, members: Members, came: Answer): Answer {
  const body = JSON.stringify(members)
  const same = status === came.status && body === came.body && /^application\/json\b/i.test(came.contentType)
  return same ? came : { status, contentType: 'application/json', body }
}

/** RFC 6749 section 5.1. JSON leaves out what is undefined. */
const tokensOf = (json: Members, idToken: IdToken): Members => ({
  access_token: json.access_token,
  token_type: textOf(json.token_type)?.trim() || 'bearer',
  expires_in: tokenLife(json.expires_in),
  refresh_token: textOf(json.refresh_token) || undefined,
  scope: scopeOf(json.scope),
  id_token: idToken === 'read' && isCompact(json.id_token) ? json.id_token : undefined,
})

/** RFC 8628 section 3.2; without a lifetime, the code lives as long as the sign-in. */
const deviceCodeOf = (json: Members): Members => ({
  device_code: json.device_code,
  user_code: json.user_code,
  verification_uri: json.verification_uri ?? json.verification_url,
  verification_uri_complete: textOf(json.verification_uri_complete),
  expires_in: deviceCodeLife(json.expires_in) ?? deviceCodeLife(Number.MAX_VALUE),
  interval: pollInterval(json.interval),
})

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)

/** Some servers send a list instead of a space-separated string. */
function scopeOf(value: unknown): string | undefined {
  const list = Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(' ') : value
  return textOf(list)
}

/** A JWT (RFC 7519 section 3), valid or not; anything else is ignored. */
const isCompact = (value: unknown) => typeof value === 'string' && /^[\w-]+(\.[\w-]*){2,4}$/.test(value)

const fromForm = (body: string): Members => Object.fromEntries(new URLSearchParams(body))

function asObject(text: string): Members | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' && json !== null ? (json as Members) : undefined
  } catch {
    return undefined
  }
}
