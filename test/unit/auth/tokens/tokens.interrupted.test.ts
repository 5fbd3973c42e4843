// What a refresh that failed leaves behind: only one that may have reached the server, and has no answer, counts as interrupted.
import { describe, expect, test } from 'vitest'
import type { OAuthClient } from '../../../../src/auth/oauth/client.ts'
import { createRefresh } from '../../../../src/auth/tokens/refresh.ts'
import type { TokenResponse } from '../../../../src/auth/tokens/tokenSet.ts'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import { createHurryingClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { BARE, KEY } from '../../../fakes/storeKit.ts'

type Answer = TokenResponse | BridgeError | 'rejected'

/** Why the sign-in ended, where the tries of each refresh got these answers, the last again and again, and one more refresh was refused. */
async function endAfter(...refreshes: readonly (readonly Answer[])[]): Promise<string | undefined> {
  const store = createFakeTokenStore()
  store.put(KEY, { ...BARE, refreshToken: 'refresh-1', obtainedAt: NOON - 2, expiresAt: NOON - 1 })
  const clock = createHurryingClock()
  const log = createFakeLogger()
  const left: Answer[][] = [...refreshes.map((tries) => [...tries]), ['rejected']]
  const oauth: Pick<OAuthClient, 'refresh'> = {
    async refresh() {
      const tries = left[0] ?? []
      const answer = (tries.length > 1 ? tries.shift() : tries[0]) ?? 'rejected'
      if (answer instanceof BridgeError) throw answer
      return answer
    },
  }
  const refresh = createRefresh({
    ...{ clock, log, rules: () => ({}), bearer: 'id_token' },
    clients: {
      ofTokens: async () => ({ clientId: 'client', authMethod: 'none' }),
      connect: async () => oauth as OAuthClient,
      replacement: async () => undefined,
      restore: async () => undefined,
    },
  })
  const tokens = createTokens({
    ...{ key: KEY, store, clock, leases: createFakeLeases(), log, strategy: 'auto', mode: 'never' },
    refresh: async () => refresh,
    requestSignIn: async () => undefined,
  })
  for (; left.length > 0; left.shift()) await tokens.refreshNow().catch(() => undefined)
  return store.removals[0]?.reason
}

const unreachable = (details: object) =>
  new BridgeError('authorization_server_unreachable', { details: { ...details } })
const unsent = () => unreachable({ reason: 'ENOTFOUND', sent: false })
const broken = () => unreachable({ reason: 'ECONNRESET', sent: true })
const answered = (status: number) => new BridgeError('authorization_server_error', { details: { status } })
const INTERRUPTED = 'An earlier refresh was interrupted'
const REFUSED = 'The authorization server refused the refresh token.'

test.each([
  ['did not reach the server', unsent()],
  ['was answered with a status', answered(503)],
])('a refresh that %s was not interrupted: what ends the sign-in is the refusal', async (_, error) => {
  expect(await endAfter([error])).toBe(REFUSED)
})

test.each<[string, ...BridgeError[]]>([
  ['broke off', broken()],
  ['got no answer in time', unreachable({})],
  ['broke off, and then did not reach the server', broken(), unsent()],
  ['broke off, and then was answered with a status', broken(), answered(503)],
  ['got no answer through what stands in front of the server', answered(502)],
  ['got no answer in time through what stands in front of the server', answered(504), answered(503)],
  ['got an answer that cannot be read', new BridgeError('malformed_token')],
])('a refresh that %s was interrupted', async (_, ...tries) => {
  expect(await endAfter(tries)).toContain(INTERRUPTED)
})

test('an interrupted refresh stays so through others that do not reach the server', async () => {
  expect(await endAfter([broken()], [unsent()], [unsent()])).toContain(INTERRUPTED)
})

test('a refresh that broke off is why its own second try is refused', async () => {
  expect(await endAfter([broken(), 'rejected'])).toContain(INTERRUPTED)
})

describe('once the next refresh token is stored, without a bearer', () => {
  const withheld: TokenResponse = {
    ...{ accessToken: 'a', refreshToken: 'refresh-2' },
    idTokenProblem: { outcome: 'refused', reason: 'no keys', error: new BridgeError('authorization_server_error') },
  }

  test.each<[string, Answer[]]>([
    ['the refresh was answered', [withheld]],
    ['the next try does not reach the server', [withheld, unsent()]],
    ['what broke off was sent with the one before', [broken(), withheld]],
  ])('nothing was interrupted where %s', async (_, tries) => {
    expect(await endAfter(tries)).toBe(REFUSED)
  })

  test('a next try that breaks off was interrupted', async () => {
    expect(await endAfter([withheld, broken()])).toContain(INTERRUPTED)
  })

  test('an interrupted refresh of before has got its answer', async () => {
    expect(await endAfter([broken()], [withheld])).toBe(REFUSED)
  })
})
