// Secrets that take each other's place: the newest are cut out of every text, the old ones are forgotten.
import { expect, test } from 'vitest'
import { neverQuoteNewest, quote } from '../../src/errors.ts'

const token = (number: number) => `rotating-secret-${String(number).padStart(6, '0')}`

test('attack low: registered secrets are forgotten when they are old, however many there were', () => {
  for (let number = 0; number < 10_000; number++) neverQuoteNewest('refresh_token', [token(number)])
  expect(quote(`said ${token(9_999)} and ${token(9_990)}`)).not.toContain('rotating')
  expect(quote(`said ${token(1)}`)).toContain(token(1))
})

test('many of one kind blind nothing of another', () => {
  neverQuoteNewest('access_token', ['the-access-token-that-counts'])
  for (let number = 0; number < 1_000; number++) neverQuoteNewest('sign-in', [token(number), undefined, 'short'])
  expect(quote('said the-access-token-that-counts')).not.toContain('counts')
})

test('one that is given again counts as new', () => {
  neverQuoteNewest('again', ['used-over-and-over'])
  for (let number = 0; number < 19; number++) neverQuoteNewest('again', [token(number)])
  neverQuoteNewest('again', ['used-over-and-over'])
  for (let number = 19; number < 38; number++) neverQuoteNewest('again', [token(number)])
  expect(quote('said used-over-and-over')).not.toContain('over-and')
})
