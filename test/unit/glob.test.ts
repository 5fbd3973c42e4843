// Patterns with stars.
import { expect, test } from 'vitest'
import { glob } from '../../src/glob.ts'

test.each([
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['oauth', 'oauth', true],
  ['oauth', 'oauth:refresh', false],
  ['oauth:*', 'oauth:refresh', true],
  ['oauth:*', 'oauth:', true],
  ['*:refresh', 'oauth:refresh', true],
  ['a*b*c', 'a1b2c', true],
  ['a*b*c', 'acb', false],
  ['a*a', 'a', false],
  ['ab*ba', 'aba', false],
  ['a.c', 'abc', false],
  ['[x]*$', '[x](1)$', true],
  ['**', 'anything', true],
  ['a*', 'A1', false],
  ['a*b', 'a\nb', true],
])('%j and %j: %s', (pattern, text, matches) => {
  expect(glob(pattern)(text)).toBe(matches)
})

test('a pattern of many stars takes no longer than any other', () => {
  const started = performance.now()
  expect(glob(`${'*a'.repeat(40)}b`)('a'.repeat(50_000))).toBe(false)
  expect(performance.now() - started).toBeLessThan(1_000)
})
