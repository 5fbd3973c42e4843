// Which URLs may carry a token.
import { describe, expect, test } from 'vitest'
import { isLoopback, isSecure } from '../../src/secureUrl.ts'

describe('a URL', () => {
  test.each([
    'https://mcp.example/',
    'https://1.2.3.4/',
    'http://localhost:1/',
    'http://127.0.0.1/',
    'http://127.255.0.1/',
    'http://[::1]:8080/',
    'http://2130706433/',
    'http://0x7f.1/',
  ])('like %s is secure', (url) => {
    expect(isSecure(new URL(url), false)).toBe(true)
  })

  test.each([
    'http://mcp.example/',
    'http://localhost.example/',
    'http://127.0.0.1.example/',
    'http://0.0.0.0/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://10.0.0.1/',
    'ws://localhost/',
    'ftp://localhost/',
    'file:///x',
    'javascript:x',
    'https://user@mcp.example/',
    'https://:pass@mcp.example/',
    'http://user@localhost/',
  ])('like %s is not secure', (url) => {
    expect(isSecure(new URL(url), false)).toBe(false)
  })

  test('over http elsewhere is secure if the person allows it; no other scheme is', () => {
    expect(isSecure(new URL('http://mcp.internal/'), true)).toBe(true)
    expect(isSecure(new URL('http://user:pass@mcp.internal/'), true)).toBe(false)
    expect(isSecure(new URL('ftp://mcp.internal/'), true)).toBe(false)
    expect(isSecure(new URL('file:///x'), true)).toBe(false)
  })
})

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['[::1]', true],
  ['::1', false],
  ['localhost.', false],
  ['127.0.0.1.example', false],
  ['128.0.0.1', false],
])('the host name %s is loopback: %s', (name, expected) => {
  expect(isLoopback(name)).toBe(expected)
})
