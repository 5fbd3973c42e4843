// Secrets that take each other's place: the newest are cut out of every text, the old ones are forgotten.
import { expect, test } from 'vitest'
import { registerSecret } from '../../src/redaction/register.ts'
import { quote } from '../../src/redaction/text.ts'

const token = (number: number) => `rotating-secret-${String(number).padStart(6, '0')}`

test('attack low: registered secrets are forgotten when they are old, however many there were', () => {
  for (let number = 0; number < 10_000; number++) registerSecret([token(number)], 'token')
  expect(quote(`said ${token(9_999)} and ${token(9_990)}`)).not.toContain('rotating')
  expect(quote(`said ${token(1)}`)).toContain(token(1))
})

test('many of one kind blind nothing of another', () => {
  registerSecret(['the-access-token-that-counts'], 'token')
  for (let number = 0; number < 1_000; number++) registerSecret([token(number), undefined, 'short'], 'flow')
  expect(quote('said the-access-token-that-counts')).not.toContain('counts')
})

test('one that is given again counts as new', () => {
  registerSecret(['used-over-and-over'], 'session')
  for (let number = 0; number < 19; number++) registerSecret([token(number)], 'session')
  registerSecret(['used-over-and-over'], 'session')
  for (let number = 19; number < 38; number++) registerSecret([token(number)], 'session')
  expect(quote('said used-over-and-over')).not.toContain('over-and')
})
