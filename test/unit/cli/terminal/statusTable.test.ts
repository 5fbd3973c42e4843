// The table for a terminal: what it says, and that it fits.
import { describe, expect, test } from 'vitest'
import type { Account, StatusReport } from '../../../../src/cli/commands/status.ts'
import { keyPlace, table } from '../../../../src/cli/terminal/statusTable.ts'
import { createStyle } from '../../../../src/cli/terminal/style.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const ACCOUNT: Account = {
  server: 'https://mcp.example.com/a/rather/long/path/to/the/endpoint/of/the/server/mcp',
  profile: 'work',
  issuer: 'https://auth.example.com',
  subject: '42',
  email: 'ada@example.com',
  scope: 'openid email profile offline_access mcp:tools mcp:resources mcp:prompts files:read files:write calendar',
  expires_at: '2026-01-01T00:59:00.000Z',
  refreshable: true,
  state: 'signed_in',
  last_error: null,
  protocols: ['2026', '2025'],
  provider: null,
  login_due_at: null,
}

function shown(accounts: Account[], columns: number, exceptions: StatusReport['exceptions'] = []): string[] {
  const kept = {
    secret_store: 'keychain',
    secret_store_reason: null,
    database: '/home/ada/oauth.db',
    driver: 'better-sqlite3',
  }
  const report = { ...kept, exceptions, accounts }
  return table(report, NOW, createStyle({ isTTY: true, columns }, { NO_COLOR: '1' }))
}

describe('the table', () => {
  test.each([40, 80, 200])('fits %i columns', (columns) => {
    const failed = { ...ACCOUNT, state: 'signed_out', last_error: 'The server refused. '.repeat(12) } as const
    const lines = shown([ACCOUNT, failed], columns)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  })

  test.each([80, 200])('at %i columns shows account, server, expiry in words, refreshable and storage', (columns) => {
    const text = shown([ACCOUNT], columns).join('\n').replace(/\s+/g, ' ')
    for (const part of [
      'mcp.example.com',
      '(profile work)',
      'ada@example.com',
      'https://auth.example.com',
      'automatic',
    ])
      expect(text).toContain(part)
    for (const part of ['in 59 minutes', 'calendar', '/home/ada/oauth.db (better-sqlite3)', 'keychain'])
      expect(text).toContain(part)
  })

  test.each([
    ['2026-01-01T00:00:30.000Z', 'in 1 minute'],
    ['2026-01-01T05:00:00.000Z', 'in 5 hours'],
    ['2026-01-09T00:00:00.000Z', 'in 8 days'],
    ['2025-12-31T00:00:00.000Z', 'now; it will be refreshed'],
    [null, 'unknown'],
  ])('shows an expiry at %s as "%s"', (expires_at, words) => {
    expect(shown([{ ...ACCOUNT, expires_at }], 80).join('\n')).toContain(words)
  })

  test('shows what is pending and the last error', () => {
    expect(shown([{ ...ACCOUNT, state: 'signing_in' }], 80).join('\n')).toContain('finish in the browser')
    expect(shown([{ ...ACCOUNT, state: 'signed_out', last_error: 'refused' }], 80).join('\n')).toMatch(
      /last error +refused/,
    )
  })

  test('without an account says what to do next', () => {
    expect(shown([], 80).join('\n')).toContain('mcp-oauth-bridge login')
  })

  test('shows no terminal control characters from a server', () => {
    const text = shown([{ ...ACCOUNT, email: 'a\u001b[2Jb', last_error: '\u202ex' }], 80).join('\n')
    expect([text.includes('\u001b'), text.includes('\u202e')]).toEqual([false, false])
  })

  test.each([80, 200])('at %i columns names the exceptions, also if nobody is signed in', (columns) => {
    const trusted_issuers = [{ expected: 'https://auth.example.com', named: 'https://auth.example.com/' }]
    const lines = shown([], columns, [{ server: 'https://old.example.com/mcp', allow_http: true, trusted_issuers }])
    const text = lines.join('\n').replace(/\s+/g, ' ')
    expect(text).toContain('exceptions https://old.example.com/mcp: plain http')
    expect(text).toContain('issuer "https://auth.example.com/" at "https://auth.example.com"')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  })
})

test('why the sealing key is in a file is said where it is known', () => {
  expect(keyPlace({ secret_store: 'file', secret_store_reason: null })).toBe('file')
  expect(keyPlace({ secret_store: 'file', secret_store_reason: 'a part is missing' })).toBe(
    'file, because the keychain cannot be used: a part is missing',
  )
})
