// The word that was meant.
import { expect, test } from 'vitest'
import { nearest } from '../../../../src/config/file/nearest.ts'

const WORDS = ['login', 'logout', 'status', 'refresh', 'session_timeout']

test.each([
  ['login', 'login'],
  ['LOGIN', 'login'],
  ['logn', 'login'],
  ['lgoin', 'login'],
  ['logut', 'logout'],
  ['stauts', 'status'],
  ['refrsh', 'refresh'],
  ['session-time-out', 'session_timeout'],
  ['xyz', undefined],
  ['', undefined],
  ['a very long word that is none of them', undefined],
])('%j means %j', (word, meant) => {
  expect(nearest(word, WORDS)).toBe(meant)
})

test('nothing is near if nothing is known', () => {
  expect(nearest('login', [])).toBeUndefined()
})
