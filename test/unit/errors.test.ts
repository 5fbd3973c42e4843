// The table of errors, and foreign text made safe.
import { describe, expect, test } from 'vitest'
import { asBridgeError, asErrorCode, BridgeError, ERRORS, type ErrorCode, reworded } from '../../src/errors.ts'
import { registerRotatingSecret, registerSecret } from '../../src/redaction/register.ts'
import { quote, withoutQueries } from '../../src/redaction/text.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

describe('the table', () => {
  test('gives each code its own JSON-RPC number', () => {
    expect(new Set(CODES.map((code) => ERRORS[code].rpc)).size).toBe(CODES.length)
  })

  test.each(CODES)('says for %s what happened and what to do, in sentences', (code) => {
    const { message, hint, exit, rpc } = ERRORS[code]
    expect(message).toMatch(/^[A-Z].*\.$/)
    expect(hint).toMatch(/^[A-Z].*\S$/)
    // 11xx internal is 1000; 12xx usage and Ctrl-C, 13xx sign-in, 14xx network, 15xx storage.
    expect(Math.floor(rpc / 100) - 10).toBe(exit === 1 ? 0 : exit === 130 ? 2 : exit)
  })
})

test.each([
  'access_denied',
  'login_timed_out',
  'login_failed',
  'invalid_state',
  'consent_required',
  'account_mismatch',
  'pkce_failed',
  'invalid_client',
  'sign_in_pending',
  'unauthorized',
  'invalid_signature',
  'malformed_token',
  'issuer_mismatch',
  'server_error',
] as const)('the hint of %s has a step for who has no terminal', (code) => {
  expect(ERRORS[code].hint).toMatch(/repeat the call|[Tt]ry again|the tool sign_in|server’s owner|the sign-in again/)
})

describe('an error', () => {
  test('has the message and hint of its code unless it has its own', () => {
    const error = new BridgeError('server_timeout')
    expect([error.message, error.hint, error.details]).toEqual([
      ERRORS.server_timeout.message,
      ERRORS.server_timeout.hint,
      {},
    ])
    expect(error).not.toHaveProperty('cause')
  })

  test('keeps its own message and hint', () => {
    const cause = new Error('x')
    const error = new BridgeError('server_timeout', { message: 'm', hint: 'h', cause, details: { status: 1 } })
    expect([error.message, error.hint, error.cause, error.details]).toEqual(['m', 'h', cause, { status: 1 }])
  })

  test('reworded keeps what is not given, its lines included', () => {
    const cause = new Error('x')
    const first = new BridgeError('server_timeout', {
      message: ['m', 'n'],
      hint: ['h', 'i'],
      cause,
      details: { status: 1 },
    })
    expect(reworded(first, { details: { more: 2 } })).toEqual(
      new BridgeError('server_timeout', {
        message: ['m', 'n'],
        hint: ['h', 'i'],
        cause,
        details: { status: 1, more: 2 },
      }),
    )
    expect(reworded(first, { message: 'o' })).toMatchObject({
      code: 'server_timeout',
      message: 'o',
      hint: 'h\ni',
      cause,
    })
    const alone = new BridgeError('server_timeout')
    expect(reworded(alone, { hint: 'h' })).toMatchObject({ message: alone.message, hint: 'h', cause: alone })
  })

  test('of ours stays the same, any other value becomes internal', () => {
    const ours = new BridgeError('server_timeout')
    expect(asBridgeError(ours)).toBe(ours)
    for (const thrown of [new TypeError('x\u001b[31m'), 'text', undefined, null, 7, {}]) {
      const error = asBridgeError(thrown)
      expect(error.code).toBe('internal')
      expect(error.message).not.toContain('\u001b')
    }
  })
})

describe('foreign text', () => {
  test.each([
    ['plain', '"plain"'],
    ['say "hi" \\', '"say \\"hi\\" \\\\"'],
    ['a\r\n\tb', '"a b"'],
    ['\u001b[31mred\u001b[0m', '" [31mred [0m"'],
    ['a\u202eb\u2066c\u200fd', '"a b c d"'],
    ['\u0000\u007f\u0085', '" "'],
    ['ü😀', '"ü😀"'],
    ['', '""'],
  ])('%j is quoted as %s', (text, quoted) => {
    expect(quote(text)).toBe(quoted)
  })

  test('loses every secret that this process has sent, in whatever form', () => {
    registerSecret(['needle-of-our-own', 'short', undefined])
    expect(quote('it was needle-of-our-own, short')).toBe('"it was [hidden], short"')
  })

  test('loses rotating secrets, always including the newest', () => {
    for (let at = 0; at <= 200; at++) registerRotatingSecret(`cookie-number-${at}.`)
    expect(quote('cookie-number-0. cookie-number-1. cookie-number-200.')).toBe('"cookie-number-0. [hidden] [hidden]"')
  })

  test.each([
    ['see https://a.example/b?key=needle#c and more', 'see https://a.example/b?… and more'],
    ['"http://127.0.0.1:1/?needle"', '"http://127.0.0.1:1/?…"'],
    ['what? https://a.example/b', 'what? https://a.example/b'],
    ['http://http://a.example/b?c http://d#e?f', 'http://http://a.example/b?… http://d#e?f'],
  ])('%j loses URL queries', (text, expected) => {
    expect(withoutQueries(text)).toBe(expected)
  })

  // A pattern that goes back over what it has read needs minutes for this, and the test times out.
  test.each(['http://', 'eyJ-', 'bearer ', 'code', 'code=', '"', ' ', '?http://x'])(
    'of a megabyte that repeats %j, designed to slow down patterns, is read to its end',
    (part) => {
      expect(quote(part.repeat(1_000_000 / part.length)).length).toBeGreaterThan(1)
    },
  )

  test('is cut to a length', () => {
    expect(quote('x'.repeat(201))).toBe(`"${'x'.repeat(200)}…"`)
    expect(quote('abcdef', 3)).toBe('"abc…"')
  })
})

test.each([
  ['access_denied', 'access_denied'],
  ['unknown_code', 'login_failed'],
  ['constructor', 'login_failed'],
  [undefined, 'login_failed'],
])('the stored code %s is read as %s', (stored, code) => {
  expect(asErrorCode(stored)).toBe(code)
})
