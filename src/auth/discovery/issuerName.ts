// Compares the issuer that metadata names with the expected one, and says what differs.
import { BridgeError } from '../../errors.ts'
import type { ProviderRules } from '../../providerRules.ts'
import { quote } from '../../redaction/text.ts'
import { isTrustedPair, type SecurityOverrides, trustedIssuersLine } from './overrides.ts'

/** Entra names `{tenantid}` for its shared endpoints, and the tenant's id for a domain or `consumers`. */
export const isTenantForm = (named: unknown, issuer: string): boolean =>
  typeof named === 'string' &&
  new URL(issuer).pathname.split('/').length === 3 &&
  named.startsWith(`${new URL(issuer).origin}/`) &&
  /^\/(\{tenantid\}|%7Btenantid%7D|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\/v2\.0$/i.test(new URL(named).pathname)

/**
 * Whether both are one issuer, without an exception. Simple string comparison (RFC 3986 section 6.2.1): no case folding, no slash is added
 * or removed, except for a provider of which we know that both spellings are one server.
 */
export const isIssuer = (named: unknown, expected: string, { issuerForm }: ProviderRules): boolean =>
  named === expected ||
  (typeof named === 'string' && issuerForm === 'slash' && withoutSlash(named) === withoutSlash(expected))

/** @throws BridgeError issuer_mismatch, unless {@link isIssuer} or an exception allows it */
export function requireIssuer(
  named: unknown,
  expected: string,
  place: string,
  rules: ProviderRules,
  overrides: SecurityOverrides,
): void {
  if (isIssuer(named, expected, rules)) return
  const text = typeof named === 'string' ? named : undefined
  if (text === undefined || text === '')
    throw new BridgeError('issuer_mismatch', {
      message: `The metadata at ${quote(place)} has no issuer string; ${quote(expected)} was expected.`,
      details: { incomplete: true },
      hint: 'Tell the owner of the authorization server. If you trust it, set authorization_endpoint and token_endpoint of its provider in config.yaml: its metadata is then not needed.',
    })
  const pair = { expected, named: text }
  if (isTrustedPair(pair, overrides)) return
  throw new BridgeError('issuer_mismatch', {
    details: { named: text },
    message: `The metadata at ${quote(place)} names the issuer ${quote(text)}; ${quote(expected)} was expected.${differenceOf(text, expected)} To trust exactly this pair, set for the server in config.yaml: ${trustedIssuersLine(pair)}.`,
  })
}

export const withoutSlash = (text: string) => text.replace(/\/$/, '')
const withoutScheme = (text: string) => text.replace(/^https?:/i, '')

/** What a person may not see at once. '' where two texts differ in more than one way. */
function differenceOf(one: string, other: string): string {
  if (withoutSlash(one) === withoutSlash(other)) return ' They differ in the trailing slash.'
  if (withoutScheme(one) === withoutScheme(other)) return ' They differ in the scheme: http and https.'
  return one.toLowerCase() === other.toLowerCase() ? ' They differ in upper and lower case.' : ''
}
