// Which answers say that this session is unknown, and which only have the word in them.
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { isSessionLost, isSessionRefused, namesLostSession } from '../../../../src/bridge/session/lost.ts'

const invalidRequest = (message: unknown, code = -32600) =>
  parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message } }))) as Message
const bodies = (text: string) => [
  text,
  JSON.stringify({ error: text }),
  JSON.stringify({ error: 'Bad Request', message: text }),
  JSON.stringify({ detail: text }),
  JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32000, message: text } }),
]

describe('a session is lost', () => {
  test.each([
    'Session not found',
    'session not found',
    'Session ID not found',
    'Session expired',
    'Session has expired.',
    'Session terminated',
    'Session has been terminated',
    'Not Found: Session has been terminated',
    'Bad Request: No valid session ID provided',
    'Bad Request: No valid session ID or not an initialize request',
    'Bad Request: No valid session. Send an initialize request first.',
    'Bad Request: Missing session ID',
    'Bad Request: Mcp-Session-Id header is required',
    'Invalid session ID',
    'Invalid session',
    'Invalid or missing session ID',
    'Unknown Mcp-Session-Id header',
    'unknown session',
    'Unknown session: 4f1c2d3e-0000-4000-8000-123456789abc',
    'Session 4f1c2d3e00004000 not found',
    'Session "abc123def" does not exist',
    'Could not find session',
    'Session doesn’t exist',
    'No session found',
    'No active session',
    'no such session',
    'No transport found for sessionId',
    'session_not_found',
    'SESSION_NOT_FOUND',
    'invalid_session',
    'Session is no longer valid',
    'The session is unknown',
    'Service Unavailable: MCP session is unknown on this API instance. If you run multiple replicas, enable sticky sessions.',
    'MCP session is unknown or expired on this API instance. The client should re-initialize.',
  ])('by 400 or 503 with: %s', (text) => {
    for (const body of bodies(text)) {
      expect(isSessionLost(400, Buffer.from(body))).toBe(true)
      expect(isSessionLost(503, Buffer.from(body))).toBe(true)
    }
    expect(namesLostSession(invalidRequest(text))).toBe(true)
  })

  test('by 404, whatever it says', () => {
    for (const body of ['', 'anything', '{}']) expect(isSessionLost(404, Buffer.from(body))).toBe(true)
  })
})

describe('a session is not lost', () => {
  test.each([
    'your session with the bank failed',
    'Session quota exceeded',
    'Too many sessions',
    'No sessions available',
    'invalid session cookie for upstream',
    'The upstream session expired',
    'Bank session not found',
    'Database session closed',
    'Session locked by another request',
    'Payment session expired',
    'Session failed',
    'session',
    'Session token invalid',
    'Session not found in checkout',
    'Invalid checkout session id',
    'Your session has expired. Please log in again.',
    'Session expired. Please log in again.',
    'Session expired, sign in again',
    'The transfer was done, then the session was lost',
    'Transfer done; session not found',
    'Browser session terminated while the page was saved',
    'Session created',
    'a valid session is active',
    'obsession not found',
    '<html><title>Session expired</title></html>',
    '会话 session not found 不存在 xx',
    `Session not found ${'and more '.repeat(100)}`,
  ])('by: %s', (text) => {
    for (const body of bodies(text))
      for (const status of [400, 503]) expect(isSessionLost(status, Buffer.from(body)), body).toBe(false)
    expect(namesLostSession(invalidRequest(text))).toBe(false)
  })

  test.each([200, 202, 401, 409, 410, 429, 500, 502])('by status %i', (status) => {
    expect(isSessionLost(status, Buffer.from('Session not found'))).toBe(false)
  })

  test.each([null, 1, [], {}, ['Session not found'], { session: 'not found' }])(
    'by a message that is %j',
    (message) => {
      expect(namesLostSession(invalidRequest(message))).toBe(false)
    },
  )

  test('by another JSON-RPC error, a result, or an error of any shape', () => {
    for (const code of [-32602, -32000, 1, 400])
      expect(namesLostSession(invalidRequest('Session not found', code))).toBe(false)
    for (const text of [
      '"error":null',
      '"error":7',
      '"error":[]',
      '"result":{"code":-32600,"message":"Session not found"}',
    ])
      expect(namesLostSession(parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,${text}}`)) as Message)).toBe(false)
    for (const body of ['null', '7', '[]', '{}', '{"error":null}', '{"message":{"session":"not found"}}', ''])
      expect(isSessionLost(400, Buffer.from(body))).toBe(false)
  })
})

describe('a session is refused', () => {
  test.each([
    'Session belongs to another user',
    'Session does not belong to this user',
    'Session was created by a different user',
    'Session was created with a different access token',
    'Session is bound to another token',
    'Session user mismatch',
    'session_user_mismatch',
    'The session does not match the authenticated user',
    'Forbidden: session is owned by another account',
    'Unauthorized: invalid session',
    'Access to this session is denied',
    'Session established under another identity',
    'Not authorized to use this session',
  ])('with 400, 401 or 403 that says: %s', (text) => {
    for (const body of bodies(text)) {
      expect(isSessionRefused(Buffer.from(body))).toBe(true)
      for (const status of [400, 403]) expect(isSessionLost(status, Buffer.from(body))).toBe(true)
    }
    expect(isSessionRefused(Buffer.alloc(0), text)).toBe(true)
    // A result, or an error with 200, is for the host.
    expect(namesLostSession(invalidRequest(text))).toBe(/invalid session/.test(text))
  })

  test.each([
    '',
    'Forbidden',
    'Access denied',
    'Token expired',
    'Your session has expired, please log in',
    'Login session expired',
    'The session token in your cookie does not match',
    'The bank session belongs to another customer',
    'You are not allowed to read another user’s sessions report',
    'Maximum number of sessions reached for this user',
    'Session quota exceeded',
    'The user does not own this document',
  ])('not with: %s', (text) => {
    for (const body of bodies(text)) expect(isSessionRefused(Buffer.from(body))).toBe(false)
  })
})
