// Compares `iss` of an authorization response with the issuer recorded with the attempt (RFC 9207 section 2.4).
import { BridgeError } from '../../errors.ts'
import type { AttemptPlan } from '../../records.ts'
import { quote } from '../../redaction/text.ts'
import { type SecurityOverrides, trustedIssuersLine } from '../discovery/overrides.ts'

/**
 * By the table of MCP 2026-07-28, "Authorization Response Validation": if present, it must match exactly; if absent, it is
 * an error only if the metadata promised it. A name that a person trusts for this issuer is the issuer. undefined: the response may be used.
 */
export function validateIssuer(
  { metadata, alsoNamed = [] }: AttemptPlan,
  query: URLSearchParams,
): BridgeError | undefined {
  const given = query.getAll('iss')
  const expected = String(metadata.issuer)
  if (given.length === 0 && metadata.authorization_response_iss_parameter_supported !== true) return undefined
  const [named] = given
  if (given.length === 1 && named !== undefined && (named === expected || alsoNamed.includes(named))) return undefined
  if (named === undefined || given.length > 1)
    return new BridgeError('issuer_mismatch', {
      message: `The authorization response names ${named === undefined ? 'no issuer' : `the issuer ${quote(given.join(' '))}`}; ${quote(expected)} was expected.`,
      hint: 'Do not sign in. Tell the server’s owner that the response must have the parameter iss once, with the issuer of the metadata.',
    })
  return new BridgeError('issuer_mismatch', {
    message: `The authorization response names the issuer ${quote(named)}; ${quote(expected)} was expected. To trust exactly this pair, set for the server in config.yaml: ${trustedIssuersLine({ expected, named })}.`,
  })
}

/** Other names of one authorization server that a person trusts: `issuer` is the name it was found under, `named` its own. */
export function namesTrusted(issuer: string, named: string, { trustedIssuers = [] }: SecurityOverrides): string[] {
  const pairs = trustedIssuers.filter(({ expected }) => expected === issuer || expected === named)
  // Under its first name a trusted server was found, so the pair is one server.
  return [...new Set(pairs.flatMap(({ expected, named: other }) => [expected, other]))].filter((name) => name !== named)
}

/** The query as the library compares it again: a trusted name is replaced by the issuer's own. */
export function asNamed({ metadata }: AttemptPlan, query: URLSearchParams): string {
  const compared = new URLSearchParams(query)
  const own = String(metadata.issuer)
  if (compared.has('iss') && compared.get('iss') !== own) compared.set('iss', own)
  return compared.toString()
}
