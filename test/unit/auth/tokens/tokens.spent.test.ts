// A refresh token is sent by one process: also where that one hung for so long that another has its lease, and where one of them ends.
import { describe, expect, test } from 'vitest'
import { tokenLease } from '../../../../src/auth/tokens/coordinatedRefresh.ts'
import type { MayAsk } from '../../../../src/auth/tokens/refresh.ts'
import { createTokens } from '../../../../src/auth/tokens/tokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { TokenSet } from '../../../../src/records.ts'
import { createFakeClock, NOON } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeTokenStore } from '../../../fakes/fakeTokenStore.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { KEY } from '../../../fakes/storeKit.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const ONE: TokenSet = {
  ...{ issuer: 'https://as.example', clientId: 'client', redirectUri: 'http://localhost:8080/auth/callback' },
  ...{ accessToken: 'one', refreshToken: 'refresh-1', obtainedAt: NOON - 2, expiresAt: NOON - 1 },
}
const TWO: TokenSet = { ...ONE, accessToken: 'two', refreshToken: 'refresh-2', expiresAt: NOON + 3_600_000 }

/** `ask`: what each process does with the refresh token, before it is answered with the next one. */
function setUp(ask: (mayAsk: MayAsk) => Promise<TokenSet | 'overtaken'> = async () => TWO) {
  const clock = createFakeClock()
  const store = createFakeTokenStore(clock.now)
  store.put(KEY, ONE)
  const leases = createFakeLeases(undefined, clock.now)
  const sent: string[] = []
  const open = () =>
    createTokens({
      ...{ key: KEY, store, leases, clock, log: createFakeLogger(), mode: 'never', strategy: 'auto' },
      async refresh() {
        return async ({ refreshToken }, _keep, mayAsk) => {
          sent.push(refreshToken)
          return await ask(mayAsk)
        }
      },
      requestSignIn: async () => undefined,
    })
  const current = async () => (await open().current())?.accessToken
  return { clock, store, leases, sent, current, open }
}

describe('the heir of a process that hung', () => {
  /** The first one has marked and sent the refresh token, and hangs: its lease expires. */
  const hung = async () => {
    const gate = createGate<TokenSet>()
    const world = setUp(() => gate.passed)
    const first = world.current()
    await settled()
    world.clock.advance(4_000)
    const second = world.current()
    await settled()
    return { ...world, first, second, gate }
  }

  test('waits for what the first one stores, and uses that', async () => {
    const { clock, sent, first, second, gate } = await hung()
    clock.advance(250)
    await settled()
    gate.open(TWO)
    expect(await first).toBe('two')
    clock.advance(250)
    expect(await second).toBe('two')
    expect(sent).toEqual(['refresh-1'])
  })

  test('goes on at once where the first one ends', async () => {
    const { clock, leases, sent, second, gate } = await hung()
    leases.endFormer()
    clock.advance(250)
    await settled()
    expect(sent).toEqual(['refresh-1', 'refresh-1'])
    gate.open(TWO)
    expect(await second).toBe('two')
  })

  test('does not wait for ever', async () => {
    const { clock, sent } = await hung()
    for (let looks = 0; looks < 139; looks++) {
      clock.advance(250)
      await settled()
    }
    expect(sent).toEqual(['refresh-1'])
    clock.advance(250)
    await settled()
    expect(sent).toEqual(['refresh-1', 'refresh-1'])
  })

  test('does not ask where the refresh token was refused to the first one', async () => {
    const { clock, store, sent, second } = await hung()
    await store.unrenewable(KEY, 1, 'refused', 'refresh_token_missing')
    clock.advance(250)
    await second
    expect(sent).toEqual(['refresh-1'])
  })

  test('asks where the first one has not sent it', async () => {
    const { clock, store, sent } = await hung()
    await store.unspend(KEY, 1)
    clock.advance(250)
    await settled()
    expect(sent).toEqual(['refresh-1', 'refresh-1'])
  })
})

test('a process that was overtaken before it asked does not ask, and uses what the other one has stored', async () => {
  const gate = createGate()
  const { store, leases, current } = setUp(async (mayAsk) => {
    await gate.passed
    return (await mayAsk()) ? { ...TWO, accessToken: 'spent twice' } : 'overtaken'
  })
  const first = current()
  await settled()
  const other = leases.steal(tokenLease(KEY))
  store.put(KEY, TWO)
  gate.open()
  expect(await first).toBe('two')
  await other.release()
})

test('a refresh token whose successor is stored already is not sent', async () => {
  const { store, sent, current } = setUp()
  const { spend } = store
  store.spend = async (...of) => {
    store.put(KEY, TWO)
    return spend(...of)
  }
  expect([await current(), sent]).toEqual(['two', []])
})

describe('a process that ends', () => {
  test('waits for the refresh in the background, and what it brought is stored', async () => {
    const gate = createGate<TokenSet>()
    const { clock, store, open } = setUp(() => gate.passed)
    store.put(KEY, { ...ONE, obtainedAt: NOON, expiresAt: NOON + 100_000 })
    clock.advance(90_000)
    const tokens = open()
    expect((await tokens.current())?.accessToken).toBe('one')
    await settled()
    const ended = tokens.idle(1_000)
    await settled()
    gate.open(TWO)
    await ended
    expect((await store.load(KEY)).tokens?.refreshToken).toBe('refresh-2')
  })

  test('does not wait for a refresh that failed, nor where none runs', async () => {
    const { clock, open } = setUp(() => Promise.reject(new BridgeError('authorization_server_error')))
    const tokens = open()
    await tokens.idle(1_000)
    await tokens.refreshNow().catch(() => undefined)
    await tokens.idle(1_000)
    expect(clock.sleeps).toEqual([])
  })

  test('does not ask any more, also where it has waited for its turn, and leaves the refresh token unspent', async () => {
    const gate = createGate()
    const { clock, store, leases, sent, open } = setUp(async (mayAsk) => {
      await gate.passed
      await mayAsk()
      return TWO
    })
    const [asking, waiting] = [open(), open()]
    const told = [codeOf(asking.refreshNow()), codeOf(waiting.refreshNow())]
    await settled()
    const ended = [asking.idle(1_000), waiting.idle(1_000)]
    gate.open()
    expect(await Promise.all(told)).toEqual(['cancelled', 'cancelled'])
    await Promise.all(ended)
    expect([sent, clock.sleeps.length, await leases.isHeld(tokenLease(KEY))]).toEqual([['refresh-1'], 1, false])
    expect((await store.load(KEY)).generation).toBe(1)
  })

  test('goes after its time where the answer does not come', async () => {
    const { clock, open } = setUp(() => new Promise(() => undefined))
    const tokens = open()
    void tokens.current()
    await settled()
    const ended = tokens.idle(1_000)
    await clock.whenSleeping(1)
    clock.advance(1_000)
    await ended
  })
})
