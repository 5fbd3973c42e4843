// A report for a helper: whose it is cannot be read from it.
import { expect, test } from 'vitest'
import { anonymous } from '../../../../src/cli/terminal/anonymous.ts'
import { registerAccounts } from '../../../../src/redaction/register.ts'

test('no account, home folder or query is in any text of a report', () => {
  registerAccounts(['subject-0815', 'Ann Example'])
  const report = {
    text: 'The sign-in was for "ann@example.test", not subject-0815.',
    list: [{ 'ann@example.test': 'by Ann Example', file: '/home/ann/.local/share/x', number: 7, nothing: null }],
    line: '{"message":"see /home/ann and /home/annex, /home/ann/x","server":"https://mcp.example.test/?login_hint=ann"}',
  }
  expect(anonymous(report, '/home/ann')).toEqual({
    text: 'The sign-in was for "[account]", not [account].',
    list: [{ '[account]': 'by [account]', file: '~/.local/share/x', number: 7, nothing: null }],
    line: '{"message":"see ~ and /home/annex, ~/x","server":"https://mcp.example.test/?…"}',
  })
})

test.each(['C:\\Users\\ann\\x', 'C:/Users/ann/x', '{"file":"C:\\\\Users\\\\ann\\\\x"}'])(
  '%j loses a Windows home folder',
  (text) => {
    expect(anonymous(text, 'C:\\Users\\ann')).not.toContain('ann')
  },
)

test('a root as home folder removes nothing', () => {
  expect(anonymous('/etc/x', '/')).toBe('/etc/x')
})
