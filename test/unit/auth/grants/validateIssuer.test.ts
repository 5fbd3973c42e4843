// Who answered: the table of MCP 2026-07-28, "Authorization Response Validation".
import { describe, expect, test } from 'vitest'
import { validateIssuer } from '../../../../src/auth/grants/validateIssuer.ts'
import type { AttemptPlan } from '../../../../src/records.ts'

const ISSUER = 'https://as.example'
const doubt = (promised: unknown, query: string) => {
  const metadata = { issuer: ISSUER, authorization_response_iss_parameter_supported: promised }
  return validateIssuer({ metadata } as unknown as AttemptPlan, new URLSearchParams(query))
}
const SAME = `iss=${encodeURIComponent(ISSUER)}`

describe('iss', () => {
  test.each([
    ['promised and the same', true, SAME],
    ['not promised, and the same', false, SAME],
    ['not mentioned, and the same', undefined, SAME],
    ['not promised and not there', false, ''],
    ['not mentioned and not there', undefined, ''],
  ])('%s: the answer is accepted', (_, promised, query) => {
    expect(doubt(promised, query)).toBeUndefined()
  })

  test.each([
    ['promised and not there', true, ''],
    ['promised and another', true, 'iss=https://evil.example'],
    ['not promised and another', false, 'iss=https://evil.example'],
    ['with a slash more', undefined, `${SAME}/`],
    ['with a port that is the default', undefined, 'iss=https://as.example:443'],
    ['in capitals', undefined, 'iss=https://AS.example'],
    ['empty', undefined, 'iss='],
    ['twice', undefined, `${SAME}&${SAME}`],
  ])('%s: the answer is refused', (_, promised, query) => {
    expect(doubt(promised, query)?.code).toBe('issuer_mismatch')
  })
})
