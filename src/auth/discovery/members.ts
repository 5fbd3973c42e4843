// The members of a document that may be left out: what has another type than the RFC gives it is read for what it means, or counts as left out.
import type { JsonObject } from './body.ts'

/**
 * A list of words: also one text of them, separated by blanks or commas. What is not a text in the list is ignored. undefined: there is
 * none; an empty list counts as left out (RFC 8414 section 3.2).
 */
export function strings(value: unknown): string[] | undefined {
  const words = typeof value === 'string' ? value.split(value.includes('://') ? BETWEEN_URLS : BETWEEN_WORDS) : value
  const texts = Array.isArray(words) ? words.filter((item) => typeof item === 'string') : []
  const known = texts.flatMap((item) => item.split(/\s+/)).filter((word) => word !== '')
  return known.length === 0 ? undefined : known
}

const BETWEEN_WORDS = /[\s,]+/
/** A comma may be part of an address. */
const BETWEEN_URLS = /\s+|,(?=https?:|\s)/

/** Those that a request may contain (RFC 6749 section 3.3). */
const scopes = (value: unknown) => strings(value)?.filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))

/** What a list of just one contains; anything else as it is. */
export const one = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 ? value[0] : value)

/** One text: also a list of just one. undefined: it is something else, or empty. */
export function text(value: unknown): string | undefined {
  const item = one(value)
  return typeof item === 'string' && item.trim() !== '' ? item : undefined
}

/** A name, which may also be a whole number; one that JSON cannot hold exactly is not known. */
export function name(value: unknown): string | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : text(value)
}

/** Also as a text. undefined: it is neither true nor false. */
function truth(value: unknown): boolean | undefined {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (word === true || word === 'true') return true
  return word === false || word === 'false' ? false : undefined
}

function address(value: unknown): string | undefined {
  const url = text(value)?.trim()
  return url !== undefined && URL.canParse(url) ? url : undefined
}

type Reader = (value: unknown) => unknown

/** RFC 8414 section 2, RFC 9207, RFC 9449, RFC 8628, OpenID Connect Discovery and the client ID metadata document. The rest is not used. */
const AUTHORIZATION_SERVER: Readonly<Record<string, Reader>> = {
  authorization_endpoint: address,
  token_endpoint: address,
  registration_endpoint: address,
  revocation_endpoint: address,
  userinfo_endpoint: address,
  jwks_uri: address,
  device_authorization_endpoint: address,
  scopes_supported: scopes,
  grant_types_supported: strings,
  response_types_supported: strings,
  response_modes_supported: strings,
  prompt_values_supported: strings,
  code_challenge_methods_supported: strings,
  token_endpoint_auth_methods_supported: strings,
  token_endpoint_auth_signing_alg_values_supported: strings,
  revocation_endpoint_auth_methods_supported: strings,
  dpop_signing_alg_values_supported: strings,
  id_token_signing_alg_values_supported: strings,
  userinfo_signing_alg_values_supported: strings,
  authorization_response_iss_parameter_supported: truth,
  client_id_metadata_document_supported: truth,
}

/** RFC 9728 section 2 */
const PROTECTED_RESOURCE: Readonly<Record<string, Reader>> = {
  resource: text,
  authorization_servers: strings,
  scopes_supported: scopes,
  dpop_signing_alg_values_supported: strings,
  dpop_bound_access_tokens_required: truth,
}

const reading =
  (readers: Readonly<Record<string, Reader>>) =>
  (document: JsonObject): JsonObject => {
    const read = (member: string, value: unknown) => (Object.hasOwn(readers, member) ? readers[member]?.(value) : value)
    const members = Object.entries(document).map(([member, value]) => [member, read(member, value)] as const)
    return Object.fromEntries(members.filter(([, value]) => value !== undefined))
  }

/** Authorization server metadata. Its issuer stays as it is: it must be one text, and the right one. */
export const authorizationServerMembers = reading(AUTHORIZATION_SERVER)
/** Protected resource metadata. */
export const protectedResourceMembers = reading(PROTECTED_RESOURCE)
