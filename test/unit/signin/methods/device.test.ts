// The device code beside other ways to sign in: the address of its QR code, and what ends the others.
import { expect, test } from 'vitest'
import type { DeviceSignIn } from '../../../../src/auth/grants/deviceCode.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Attempt } from '../../../../src/records.ts'
import { addressOfCode, byDevice } from '../../../../src/signin/methods/device.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { codeOf } from '../../../fakes/thrown.ts'

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

test.each([
  ['that nobody has approved leaves the other ways open', {}, undefined],
  [
    'that a person has approved, and that brought nothing, ends the sign-in',
    { grantSpent: true },
    'authorization_server_error',
  ],
] as const)('a code %s', async (_, details, code) => {
  const fails: DeviceSignIn = {
    ...{ userCode: 'ABCD', verificationUri: PRINTED, verificationUriComplete: undefined, expiresAt: 0 },
    complete: () => Promise.reject(new BridgeError('authorization_server_error', { details })),
  }
  const method = byDevice(
    { deviceCode: async () => ({ start: async () => fails }), log: createFakeLogger() },
    { say: () => undefined, shown: Promise.resolve(), terminal: { qrCode: async () => '' } },
  )
  const outcome = method({ id: 'a' } as Attempt, new AbortController().signal)
  if (code === undefined) await outcome
  else expect(await codeOf(outcome)).toBe(code)
})
