// X-User-* headers: safe whatever the claims hold.
import { describe, expect, test } from 'vitest'
import { matchesAny, userHeaders } from '../../../src/auth/userHeaders.ts'
import type { User } from '../../../src/records.ts'

const user = (claims: User['claims']): User => ({ issuer: 'https://as.example', subject: 'subject-1', claims })
const header = (value: unknown) => userHeaders(user({ x: value }), { 'X-User-X': 'x' })['X-User-X']

describe('a user header', () => {
  test('is created for each claim that is named', () => {
    const claims = { email: 'ada@example.com', name: 'Ada', other: 'no' }
    expect(userHeaders(user(claims), { 'X-User-Id': 'sub', 'X-User-Email': 'email' })).toEqual({
      'X-User-Id': 'subject-1',
      'X-User-Email': 'ada@example.com',
    })
  })

  test('is never created without a user', () => {
    expect(userHeaders(undefined, { 'X-User-Id': 'sub' })).toEqual({})
  })

  test('takes sub from the validated subject, whatever the claims say', () => {
    expect(userHeaders(user({ sub: 'forged' }), { 'X-User-Id': 'sub' })).toEqual({ 'X-User-Id': 'subject-1' })
  })

  test.each([
    [7, '7'],
    [0, '0'],
    [true, 'true'],
    [false, 'false'],
  ])('of %j is %s', (value, text) => {
    expect(header(value)).toBe(text)
  })

  test.each([[undefined], [null], [{}], [['a']], [''], ['   ']])('of %j is left out', (value) => {
    expect(header(value)).toBeUndefined()
  })

  test.each([
    'Zoë Müller',
    '日本語',
    '😀',
    '100 %',
    '%0d%0a',
    'a\r\nX-Evil: 1',
    'a\u0000b',
    '\u007f',
    'a\tb',
    'ünï"quoted"',
  ])('of %j is safe in a header and decodes to the claim', (value) => {
    const text = header(value) ?? ''
    expect(text).toMatch(/^[\x20-\x7e]+$/)
    expect(decodeURIComponent(text)).toBe(value)
  })

  test.each(['a\r\nX-Evil: 1', 'a\rb', 'a\nb', '\u2028', '\u0085'])('of %j has no line break', (value) => {
    expect(header(value)).not.toMatch(/[\r\n\u0085\u2028]/)
  })

  test('of a lone surrogate is still a valid header', () => {
    expect(header('a\ud800b')).toBe('a%EF%BF%BDb')
  })

  test('has no spaces at its start or end', () => {
    expect(header('  Ada ')).toBe('Ada')
  })

  test('keeps the spaces of a subject, encoded: with and without them it names two persons', () => {
    const idOf = (subject: string) => userHeaders({ ...user({}), subject }, { 'X-User-Id': 'sub' })['X-User-Id']
    expect([idOf('ada'), idOf('ada '), idOf(' ada'), idOf('a da'), idOf(' ')]).toEqual([
      ...['ada', 'ada%20', '%20ada', 'a da', '%20'],
    ])
  })

  test('is left out if it is longer than 1024 characters, counted as sent', () => {
    expect(header('a'.repeat(1024))).toHaveLength(1024)
    expect(header('a'.repeat(1025))).toBeUndefined()
    expect(header('€'.repeat(113))).toHaveLength(1017)
    expect(header('€'.repeat(114))).toBeUndefined()
  })

  test.each(['__proto__', 'constructor', 'toString'])('of the claim %s, which nobody set, is left out', (claim) => {
    expect(userHeaders(user({}), { 'X-User-X': claim })).toEqual({})
  })
})

describe('a pattern', () => {
  test.each([
    ['Authorization', ['authorization'], true],
    ['authorization', ['AUTHORIZATION'], true],
    ['X-User-Id', ['X-User-*'], true],
    ['x-user-', ['X-User-*'], true],
    ['X-Users', ['X-User-*'], false],
    ['Not-X-User-Id', ['X-User-*'], false],
    ['anything', ['*'], true],
    ['X-A-B-C', ['X-*-C'], true],
    ['X-A-B-D', ['X-*-C'], false],
    ['XaUser', ['X.User'], false],
    ['X-User-Id', [], false],
    ['X-User-Id', ['a', 'b', '*-id'], true],
    ['a+b', ['a+b'], true],
    ['aab', ['a+b'], false],
  ])('%s against %j: %s', (name, patterns, expected) => {
    expect(matchesAny(name, patterns)).toBe(expected)
  })
})
