// Responses in an older or looser form, converted to what RFC 6749 section 5, RFC 8628 section 3.2 and RFC 7591 section 3.2 require.
import { deviceCodeLife, pollInterval, tokenLife } from '../../bounds.ts'
import { isObject, type JsonObject, jsonObject, withoutMark } from '../discovery/body.ts'
import { isDeep } from '../discovery/fetchJson.ts'
import { name, one, text } from '../discovery/members.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** 'unread': nothing that an ID token says is used, as after a refresh, so that an invalid one does no harm. */
export type IdToken = 'read' | 'unread'

export interface Reading {
  readonly idToken: IdToken
  /** What a token type other than Bearer and DPoP counts as; 'refused': the answer is not used (RFC 6749 section 7.1). */
  readonly otherType: 'bearer' | 'dpop' | 'refused'
}

/**
 * A JSON object or a form counts whatever its content type and its status of success say, and an error that was sent with 200 becomes
 * 400: GitHub and others send all of them
 * (https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting-oauth-app-access-token-request-errors). A web page is
 * neither. Of a response with tokens or a device code, only known members are kept, and an optional member with an unusable value
 * is ignored: a refresh token was used for it, and must not be lost because of the format of a number.
 */
export function normalized(
  answer: Answer,
  { idToken, otherType }: Reading = { idToken: 'read', otherType: 'bearer' },
): Answer {
  const good = answer.status >= 200 && answer.status < 300
  const status = good ? 200 : answer.status
  const json = jsonObject(answer.body)
  const members = json ?? formOf(answer)
  if (members === undefined) return status === answer.status ? answer : { ...answer, status }
  const tokens = good ? withTokens(members) : undefined
  if (tokens) return asJson(200, tokensOf(tokens, { idToken, otherType }))
  if (good && name(members.device_code) !== undefined) return asJson(200, deviceCodeOf(members))
  const error = errorOf(members)
  if (error) return asJson(good ? 400 : status, error)
  return json ? asItCame(status, answer) : asJson(status, members)
}

/** A document that is fetched, such as userinfo or keys: JSON counts whatever its content type says. A subject may be a number. */
export function normalizedDocument(answer: Answer): Answer {
  const json = /^application\/jwt\b/i.test(answer.contentType) ? undefined : jsonObject(answer.body)
  if (json === undefined || answer.status < 200 || answer.status > 299) return answer
  if (typeof json.sub !== 'number' || isDeep(json)) return asItCame(200, answer)
  return asJson(200, { ...json, sub: name(json.sub) })
}

const asJson = (status: number, members: JsonObject): Answer => ({
  status,
  contentType: JSON_TYPE,
  body: JSON.stringify(members),
})

/** Any other JSON object is passed on as it is; it may be too deep to be written again. */
const asItCame = (status: number, { body }: Answer): Answer => ({
  status,
  contentType: JSON_TYPE,
  body: withoutMark(body),
})

const JSON_TYPE = 'application/json'

/** RFC 6749 section 5.1. JSON leaves out what is undefined. */
const tokensOf = (json: JsonObject, { idToken, otherType }: Reading): JsonObject => ({
  access_token: text(json.access_token),
  token_type: typeOf(json.token_type, otherType),
  expires_in: tokenLife(one(json.expires_in)),
  refresh_token: text(json.refresh_token),
  scope: scopeOf(json.scope),
  id_token: idToken === 'read' && isCompact(json.id_token) ? one(json.id_token) : undefined,
})

/** Left out, and so bearer: many servers say nothing, and some another word, such as Slack's "user". */
function typeOf(value: unknown, otherType: Reading['otherType']): string {
  const word = text(value)?.trim().toLowerCase() ?? 'bearer'
  return word === 'bearer' || word === 'dpop' || otherType === 'refused' ? word : otherType
}

/** RFC 8628 section 3.2; without a lifetime, the code lives as long as the sign-in. */
const deviceCodeOf = (json: JsonObject): JsonObject => ({
  device_code: name(json.device_code),
  user_code: name(json.user_code),
  verification_uri: text(json.verification_uri) ?? text(json.verification_url),
  verification_uri_complete: addressOf(json.verification_uri_complete ?? json.verification_url_complete),
  expires_in: deviceCodeLife(one(json.expires_in)) ?? deviceCodeLife(Number.MAX_VALUE),
  interval: pollInterval(one(json.interval)),
})

const addressOf = (value: unknown) => {
  const address = text(value)
  return address !== undefined && URL.canParse(address) ? address : undefined
}

/** Some servers send a list instead of a space-separated string; a separator of their own is the provider's rule. */
function scopeOf(value: unknown): string | undefined {
  const list = Array.isArray(value) ? value.filter((item) => typeof item === 'string').join(' ') : value
  return text(list)?.trim()
}

/** A JWT (RFC 7519 section 3), valid or not; anything else is ignored. */
const isCompact = (value: unknown) => /^[\w-]+(\.[\w-]*){2,4}$/.test(text(value) ?? '')

/**
 * RFC 6749 section 5.2. Some servers put code and text into an object (`{"error":{"code":…,"message":…}}`) or a list. undefined: no
 * member says which error it is.
 */
function errorOf(json: JsonObject): JsonObject | undefined {
  const inner = isObject(json.error) ? json.error : {}
  const error = [json.error, inner.code, inner.error, inner.type, inner.status].map(text).find((word) => word)
  if (error === undefined) return undefined
  const told = [json.error_description, inner.error_description, inner.message, inner.description]
  return {
    error: error.trim(),
    error_description: told.map(words).find((description) => description),
    error_codes: Array.isArray(json.error_codes) && !isDeep(json.error_codes, 1) ? json.error_codes : undefined,
  }
}

const words = (value: unknown) =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? text(value.join(' ')) : text(value)

/** Slack, TikTok and others put the tokens one level deeper: used if there is only one such place, and nothing says that it failed. */
function withTokens(json: JsonObject): JsonObject | undefined {
  if (text(json.access_token) !== undefined) return json
  if (text(json.error) !== undefined || json.ok === false) return undefined
  const places = Object.entries(json).filter(([, value]) => isObject(value) && text(value.access_token) !== undefined)
  const [[where = '', tokens] = []] = places
  // What is wrong with a member is told under its name.
  return places.length === 1 && !/^errors?$/i.test(where) ? { ...json, ...(tokens as JsonObject) } : undefined
}

function formOf({ contentType, body }: Answer): JsonObject | undefined {
  if (!isForm(contentType) && !isWholeForm(body)) return undefined
  return Object.fromEntries(new URLSearchParams(body.trim()))
}

const isForm = (contentType: string) => /^application\/x-www-form-urlencoded\b/i.test(contentType)

/** A form under another content type, or none: pairs only, one of which says what it is. */
function isWholeForm(body: string): boolean {
  const pairs = body.trim().split('&')
  return (
    pairs.every((pair) => /^[\w.-]+=[^\s<>"{}]*$/.test(pair)) &&
    pairs.some((pair) => /^(access_token|device_code|error)=./.test(pair))
  )
}
