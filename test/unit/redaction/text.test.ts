// What is removed from quoted texts, and what a person needs to read in them.
import { expect, test } from 'vitest'
import { quote, withoutQueries, withoutSecrets } from '../../../src/redaction/text.ts'

test.each([
  '{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid Request"}}',
  '{"code": -32001, "message": "no"}',
  '{\\"code\\":-32000}',
  "{'code':-32700}",
  'MCP error code: -32602: x',
  'code:-32000',
  '{"code":1301}',
  '{"code":"session_not_found"}',
  '{"code":"SESSION_NOT_FOUND"}',
  '{"error":{"code":"Unauthorized"}}',
  'Invalid token: expired',
  'Invalid token: malformed.',
  '{"token":"missing"}',
  'state: pending',
  'Status code: 502',
  'Bearer token required',
  'Bearer authentication is required',
  'Basic authentication failed',
  'DPoP proof is missing',
  '{\\"code\\":\\"session_not_found\\"}',
  '&quot;code&quot;:&quot;expired&quot;',
  'C:\\Users\\new\\token.txt',
  'https://a.example/%F0%9F%98%80/%zz/&#9999999;',
])('what says what went wrong stays: %s', (text) => {
  expect(withoutSecrets(text)).toBe(text)
})

test.each([
  ['{"code":"aB3xZ9q1"}', 'aB3xZ9q1'],
  ['{"code":1234567}', '1234567'],
  ['code=abcdefgh&x=1', 'abcdefgh'],
  ['state=pending_things', 'pending_things'],
  ['token=expired', 'expired'],
  ['{"code":"-32600-and-more"}', '-32600-and'],
  ['{"code":"-1234567890"}', '-1234567890'],
  ['{"code":"abcdefghijklmnopqrstuvwxyz"}', 'abcdefghijklm'],
  ['{"token":"a1b2c3d4"}', 'a1b2c3d4'],
  ['{"access_token":"ordinary"}', 'ordinary'],
  ['{"client_secret":"ordinary_words"}', 'ordinary_words'],
  ['{"refresh_token":-32600}', '-32600'],
  ['Authorization: Bearer ordinary', 'ordinary'],
  ['Authorization: Bearer token-1', 'token-1'],
  ['Bearer token.of.mine', 'token.of.mine'],
  ['Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
  ['{"code":"4\\/0AXabcdefghijkl"}', '0AXabc'],
  ['{"code":"4\\u002F0AXabcdefghijkl"}', '0AXabc'],
  ['failed:\\ncode=abcdefgh', 'abcdefgh'],
  ['next=cb%3Fcode%3Dabcdefgh', 'abcdefgh'],
  ['&quot;token&quot;:&quot;a1b2c3d4&quot;', 'a1b2c3d4'],
  ['sent Bearer%20a1b2c3d4', 'a1b2c3d4'],
])('what may be a secret does not: %s', (text, secret) => {
  expect(withoutSecrets(text)).not.toContain(secret)
  expect(quote(text)).not.toContain(secret)
})

test('no query of a URL stays, however the slashes are written', () => {
  expect(withoutQueries('see https://a.example/x?key=1, {"url":"https:\\/\\/a.example\\/x?key=1"}')).toBe(
    'see https://a.example/x?… {"url":"https:\\/\\/a.example\\/x?…"}',
  )
})

test('of a text of megabytes only the start is quoted, and nothing that may be the end of a secret', () => {
  expect(quote(`${'word '.repeat(1_000_000)}`)).toBe(JSON.stringify(`${'word '.repeat(40)}…`))
  // All of the start is one secret, whose rest is cut off.
  expect(quote(`token=${'a1'.repeat(1_000_000)}`)).toBe('"…"')
})
