// The address that a QR code leads to.
import { expect, test } from 'vitest'
import { addressOfCode } from '../../../../src/signin/methods/device.ts'

const PRINTED = 'https://as.example/device'

test.each([
  ['https://as.example/device?code=A', 'https://as.example/device?code=A'],
  ['https://as.example/other', 'https://as.example/other'],
  ['https://evil.example/device?code=A', PRINTED],
  ['https://as.example.evil.example/device', PRINTED],
  ['http://as.example/device', PRINTED],
  ['https://as.example:8443/device', PRINTED],
  ['https://as.example@evil.example/device', PRINTED],
  [undefined, PRINTED],
])('of a complete address %s it is %s', (complete, expected) => {
  expect(addressOfCode(PRINTED, complete)).toBe(expected)
})
