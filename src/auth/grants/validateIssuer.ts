// Compares `iss` of an authorization response with the issuer recorded with the attempt (RFC 9207 section 2.4).
import { BridgeError } from '../../errors.ts'
import type { AttemptPlan } from '../../records.ts'
import { quote } from '../../redaction/text.ts'

/**
 * By the table of MCP 2026-07-28, "Authorization Response Validation": if present, it must match exactly; if absent, it is
 * an error only if the metadata promised it. undefined: the response may be used.
 */
export function validateIssuer({ metadata }: AttemptPlan, query: URLSearchParams): BridgeError | undefined {
  const given = query.getAll('iss')
  const expected = String(metadata.issuer)
  if (given.length === 0 && metadata.authorization_response_iss_parameter_supported !== true) return undefined
  if (given.length === 1 && given[0] === expected) return undefined
  const names = given.length === 0 ? 'no issuer' : `the issuer ${quote(given.join(' '))}`
  return new BridgeError('issuer_mismatch', {
    message: `The authorization response names ${names}; ${quote(expected)} was expected.`,
  })
}
