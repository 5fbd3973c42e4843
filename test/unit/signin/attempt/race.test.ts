// Ways in side by side: the first home wins, and none outlives it.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { aborted, raceSignInMethods, type SignInMethod } from '../../../../src/signin/attempt/race.ts'
import { createFakeAttemptStore } from '../../../fakes/fakeAttemptStore.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const KEY = { server: 'https://mcp.example/mcp', profile: 'default' }
const { attempt } = await createFakeAttemptStore(() => 0).begin(KEY, { status: 401 }, 1_000)
const never = new Promise<never>(() => undefined)

/** A way that notes when it has cleaned up behind itself. */
function patient() {
  const seen = { ended: false }
  const way: SignInMethod = async (_attempt, signal) => {
    await aborted(signal)
    await new Promise((resolve) => setImmediate(resolve))
    seen.ended = true
  }
  return { way, seen }
}

describe('the ways in', () => {
  test('all end before the sign-in is done', async () => {
    const [one, two] = [patient(), patient()]
    await raceSignInMethods(Promise.resolve(), [one.way, two.way], attempt)
    expect([one.seen.ended, two.seen.ended]).toEqual([true, true])
  })

  test('that have no more to offer leave the others at it', async () => {
    const other = patient()
    let home = () => {}
    const done = raceSignInMethods(
      new Promise<void>((resolve) => {
        home = resolve
      }),
      [async () => undefined, other.way],
      attempt,
    )
    await new Promise((resolve) => setImmediate(resolve))
    expect(other.seen.ended).toBe(false)
    home()
    await done
    expect(other.seen.ended).toBe(true)
  })

  test('end with the one that fails', async () => {
    const other = patient()
    const failing: SignInMethod = () => Promise.reject(new BridgeError('port_in_use'))
    expect(await codeOf(raceSignInMethods(never, [other.way, failing], attempt))).toBe('port_in_use')
    expect(other.seen.ended).toBe(true)
  })

  test('end as the attempt does', async () => {
    const other = patient()
    const denied = Promise.reject(new BridgeError('access_denied'))
    expect(await codeOf(raceSignInMethods(denied, [other.way], attempt))).toBe('access_denied')
    expect(other.seen.ended).toBe(true)
  })
})
