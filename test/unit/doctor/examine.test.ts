// How findings become a report.
import { describe, expect, test } from 'vitest'
import { reportOf } from '../../../src/doctor/examine.ts'
import { CHECKS } from '../../../src/doctor/list.ts'
import { type Finding, fail, pass, skip, warn } from '../../../src/doctor/report/finding.ts'

const named = (name: string, outcome: Omit<Finding, 'name'>): Finding => ({ name, ...outcome })

describe('a report', () => {
  test('is good if nothing failed, warnings or not', () => {
    const report = reportOf([named('a', pass('fine')), named('b', warn('hm', 'do')), named('c', skip('not'))])
    expect(report).toMatchObject({ ok: true, likely_cause: null, causes: [] })
  })

  test('names the first failure as the most likely cause, and all in their order', () => {
    const checks = [
      named('a', pass('fine')),
      named('b', fail('tls_failed', 'x')),
      named('c', fail('unauthorized', 'y')),
    ]
    expect(reportOf(checks)).toMatchObject({ ok: false, likely_cause: { name: 'b' }, causes: ['b', 'c'] })
  })

  test('a failure has the remedy of its code unless it has a better one', () => {
    expect(fail('tls_failed', 'x').remedy).toContain('ca_file')
    expect(fail('tls_failed', 'x', 'y').remedy).toBe('y')
  })
})

test('checks are listed in the order of cause and effect, without duplicates', () => {
  const names = CHECKS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  const inOrder = ['config', 'database', 'dns', 'tcp', 'tls', 'mcp_endpoint', 'authorization_server_metadata', 'token']
  const places = [...inOrder, 'headers', 'mcp_handshake'].map((name) => names.indexOf(name))
  expect(places).not.toContain(-1)
  expect(places).toEqual([...places].sort((a, b) => a - b))
})
