// What is removed from quoted texts, and what a person needs to read in them.
import { expect, test } from 'vitest'
import { quote, withoutSecrets } from '../../../src/redaction/text.ts'

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
])('what may be a secret does not: %s', (text, secret) => {
  expect(withoutSecrets(text)).not.toContain(secret)
  expect(quote(text)).not.toContain(secret)
})
