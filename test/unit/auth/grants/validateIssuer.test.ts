// Who answered: the table of MCP 2026-07-28, "Authorization Response Validation".
import { describe, expect, test } from 'vitest'
import { asNamed, namesTrusted, validateIssuer } from '../../../../src/auth/grants/validateIssuer.ts'
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

describe('an issuer with another name that a person trusts', () => {
  const OTHER = 'https://login.example/tenant'
  const promised = { issuer: ISSUER, authorization_response_iss_parameter_supported: true }
  const judge = (alsoNamed: readonly string[] | undefined, query: string) =>
    validateIssuer({ metadata: promised, alsoNamed } as unknown as AttemptPlan, new URLSearchParams(query))
  const iss = (name: string) => `code=c&iss=${encodeURIComponent(name)}`

  test('may answer under that name, as its metadata may have it', () => {
    expect(judge([OTHER], iss(OTHER))).toBeUndefined()
    expect(judge([OTHER], iss(ISSUER))).toBeUndefined()
  })

  test.each([
    ['another name', iss('https://evil.example')],
    ['a part of it', iss('https://login.example/')],
    ['it with a slash', iss(`${OTHER}/`)],
    ['no name though that is promised', 'code=c'],
    ['two names', `${iss(OTHER)}&iss=${encodeURIComponent(ISSUER)}`],
  ])('may not answer under %s', (_, query) => {
    expect(judge([OTHER], query)?.code).toBe('issuer_mismatch')
  })

  test('is trusted for its own pair only', () => {
    const trustedIssuers = [
      { expected: ISSUER, named: OTHER },
      { expected: 'https://third.example', named: 'https://fourth.example' },
    ]
    const options = { allowHttp: false, trustedIssuers }
    expect(namesTrusted(ISSUER, ISSUER, options)).toEqual([OTHER])
    expect(namesTrusted(ISSUER, OTHER, options)).toEqual([ISSUER])
    expect(namesTrusted('https://else.example', 'https://else.example', options)).toEqual([])
    expect(namesTrusted(ISSUER, ISSUER, { allowHttp: false })).toEqual([])
  })

  test('is compared once more under its own name, and any other query is left as it is', () => {
    const plan = { metadata: promised } as unknown as AttemptPlan
    expect(new URLSearchParams(asNamed(plan, new URLSearchParams(iss(OTHER)))).get('iss')).toBe(ISSUER)
    expect(asNamed(plan, new URLSearchParams('code=c&state=s'))).toBe('code=c&state=s')
  })

  test('is hinted at only where the setting helps', () => {
    expect(judge(undefined, iss(OTHER))?.message).toContain(
      `trusted_issuers: [{ expected: "${ISSUER}", named: "${OTHER}" }]`,
    )
    for (const query of ['code=c', `${iss(OTHER)}&${iss(OTHER)}`]) {
      const error = judge(undefined, query)
      expect(`${error?.message} ${error?.hint}`).not.toContain('trusted_issuers')
    }
  })
})
