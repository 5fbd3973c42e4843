// What a refresh that failed leaves behind: only one that may have reached the server, and has no answer, counts as interrupted.
import { expect, test } from 'vitest'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { BARE, KEY } from '../../../fakes/storeKit.ts'
import { codeOf } from '../../../fakes/thrown.ts'

/** Why the sign-in ended, where a refresh failed with each of `errors`, and was refused then. */
async function endAfter(...errors: BridgeError[]): Promise<string | undefined> {
  const store = createFakeTokenStore()
  store.put(KEY, { ...BARE, refreshToken: 'refresh-1', obtainedAt: NOON - 2, expiresAt: NOON - 1 })
  const clock = createFakeClock()
  const tokens = createTokens({
    ...{ key: KEY, store, clock, leases: createFakeLeases(), log: createFakeLogger(), strategy: 'auto', mode: 'never' },
    refresh: async () => async () => {
      const error = errors.shift()
      if (error) throw error
      return 'rejected'
    },
    requestSignIn: async () => undefined,
  })
  for (const { code } of [...errors]) expect(await codeOf(tokens.refreshNow())).toBe(code)
  await tokens.refreshNow()
  return store.removals[0]?.reason
}

const unreachable = (details: object) =>
  new BridgeError('authorization_server_unreachable', { details: { ...details } })
const unsent = () => unreachable({ reason: 'ENOTFOUND', sent: false })
const broken = () => unreachable({ reason: 'ECONNRESET', sent: true })

test.each([
  ['did not reach the server', unsent()],
  ['was answered with a status', new BridgeError('authorization_server_error', { details: { status: 503 } })],
])('a refresh that %s was not interrupted: what ends the sign-in is the refusal', async (_, error) => {
  expect(await endAfter(error)).toBe('The authorization server refused the refresh token.')
})

test.each([
  ['broke off', broken()],
  ['got no answer in time', unreachable({})],
  ['got an answer that cannot be read', new BridgeError('malformed_token')],
])('a refresh that %s was interrupted', async (_, error) => {
  expect(await endAfter(error)).toContain('An earlier refresh was interrupted')
})

test('an interrupted refresh stays so through others that do not reach the server', async () => {
  expect(await endAfter(broken(), unsent(), unsent())).toContain('An earlier refresh was interrupted')
})
