// Who answers the redirect: one login process, and the next one when it ends.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../../src/errors.ts'
import { answerOneOf, redirectCandidates } from '../../../../src/signin/attempt/callbackPort.ts'
import { createFakeCallbackListener } from '../../../fakes/fakeCallbackListener.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeLeases } from '../../../fakes/fakeLeases.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const ONE = 'http://localhost:8080/auth/callback'
const TWO = 'http://localhost:8081/auth/callback'

function setUp(taken: readonly string[] = []) {
  const listener = createFakeCallbackListener(taken)
  const clock = createFakeClock()
  const leases = createFakeLeases(undefined, clock.now)
  const onCallback = async () => ({ kind: 'invalid_state' }) as const
  const answer = (...uris: string[]) => answerOneOf({ listener, leases, clock, onCallback }, uris, 'nothing')
  const later = async () => {
    await clock.whenSleeping(1)
    clock.advance(200)
    await settled()
  }
  return { answer, later, listener, leases, clock }
}

describe('the callback port', () => {
  test('is the first that is free, and is free again after the end', async () => {
    const { answer, listener } = setUp()
    const port = await answer(ONE, TWO)
    expect(port.redirectUri).toBe(ONE)
    expect([...listener.open]).toEqual([ONE])
    await port.close()
    expect([...listener.open]).toEqual([])
  })

  test('is the next where another program holds the first', async () => {
    const { answer, leases } = setUp([ONE])
    expect((await answer(ONE, TWO)).redirectUri).toBe(TWO)
    expect(await leases.isHeld(`callback:${ONE}`)).toBe(false)
  })

  test('is none where other programs hold all', async () => {
    const { answer } = setUp([ONE, TWO])
    expect(await codeOf(answer(ONE, TWO))).toBe('port_in_use')
  })

  test('is the one a login process before us answers, without listening twice', async () => {
    const { answer, listener } = setUp()
    const first = await answer(ONE)
    const second = await answer(ONE, TWO)
    expect(second.redirectUri).toBe(ONE)
    expect(listener.listened).toEqual([ONE])
    await second.close()
    await first.close()
  })

  test('is taken over when the process before us ends', async () => {
    const { answer, later, listener } = setUp()
    const first = await answer(ONE)
    const second = await answer(ONE)
    await later()
    expect(listener.listened).toEqual([ONE])
    await first.close()
    await later()
    expect([...listener.open]).toEqual([ONE])
    await second.close()
    expect([...listener.open]).toEqual([])
  })

  test('that another program took in between is lost', async () => {
    const { answer, later, listener } = setUp()
    const first = await answer(ONE)
    const second = await answer(ONE)
    const lost = codeOf(second.lost)
    await first.close()
    listener.taken.add(ONE)
    await later()
    expect(await lost).toBe('port_in_use')
  })

  test('is not kept by a process that ends while it takes it over', async () => {
    const gate = createGate()
    const { answer, later, listener, leases } = setUp()
    const first = await answer(ONE)
    const second = await answer(ONE)
    await first.close()
    listener.hold(gate.passed)
    await later()
    const closing = second.close()
    gate.open()
    await closing
    await settled()
    expect([...listener.open]).toEqual([])
    expect(await leases.isHeld(`callback:${ONE}`)).toBe(false)
  })

  test('fails at once for what is not a question of ports', async () => {
    const { answer, listener } = setUp()
    listener.hold(Promise.reject(new BridgeError('internal')))
    expect(await codeOf(answer(ONE, TWO))).toBe('internal')
  })
})

describe('when a login process hangs that listens', () => {
  const NAME = 'callback:http://127.0.0.1:8080/auth/callback'
  /** The lease of the owner expires, and another login process wants the port. */
  const hung = async () => {
    const world = setUp()
    const owner = await world.answer(ONE)
    world.clock.advance(3_000)
    return { ...world, owner }
  }
  /** One that has waited for the port takes the lease. */
  const inherited = async () => {
    const world = setUp()
    const owner = await world.answer(ONE)
    const heir = await world.answer(ONE)
    const lost = heir.lost.catch(({ code }: BridgeError) => code)
    await world.clock.whenSleeping(1)
    world.clock.advance(3_000)
    await settled()
    return { ...world, owner, heir, lost }
  }

  test('another one does not take its port for that of another program, and has it when the first one ends', async () => {
    const { owner, heir, listener, later, clock } = await inherited()
    await later()
    expect(listener.listened).toEqual([ONE])
    await owner.close()
    clock.advance(1_000)
    await settled()
    expect(listener.listened).toEqual([ONE, ONE])
    await heir.close()
    expect([...listener.open]).toEqual([])
  })

  test('it takes its lease again when it goes on and the other one has ended', async () => {
    const { owner, heir, answer, listener, leases, later } = await inherited()
    await heir.close()
    await later()
    expect(await leases.isHeld(NAME)).toBe(true)
    expect((await answer(ONE, TWO)).redirectUri).toBe(ONE)
    expect(listener.listened).toEqual([ONE])
    await owner.close()
    expect([...listener.open]).toEqual([])
  })

  test('and ends, and another program takes the port, it is lost', async () => {
    const { lost, listener, leases, clock } = await inherited()
    leases.endFormer()
    clock.advance(1_000)
    expect(await lost).toBe('port_in_use')
    expect([...listener.open]).toEqual([ONE])
  })

  test('a sign-in that may use another port does', async () => {
    const { answer } = await hung()
    expect((await answer(ONE, TWO)).redirectUri).toBe(TWO)
  })

  test('a sign-in that may not waits for it', async () => {
    const { answer, owner, later, clock, listener } = await hung()
    const waiting = await answer(ONE)
    await later()
    await owner.close()
    clock.advance(1_000)
    await settled()
    expect(listener.listened).toEqual([ONE, ONE])
    await waiting.close()
  })
})

describe('where the system keeps the ports for itself', () => {
  const reserved = () => new BridgeError('port_in_use', { message: 'reserved', details: { system: 'EACCES' } })
  const free = (port: number) => `http://localhost:${port}/auth/callback`
  const from = (taken: readonly string[], failure: () => BridgeError, otherwise: 'any free port' | 'nothing') => {
    const listener = createFakeCallbackListener(taken, failure)
    const onCallback = async () => ({ kind: 'invalid_state' }) as const
    const options = { listener, leases: createFakeLeases(), clock: createFakeClock(), onCallback }
    return answerOneOf(options, [ONE, TWO], otherwise)
  }

  test('a client that is registered on the way gets any free port', async () => {
    expect((await from([ONE, TWO], reserved, 'any free port')).redirectUri).toBe(free(50_000))
    expect((await from([ONE, TWO, free(50_000)], reserved, 'any free port')).redirectUri).toBe(free(50_001))
  })

  test('a port that is free is taken first', async () => {
    expect((await from([ONE], reserved, 'any free port')).redirectUri).toBe(TWO)
  })

  test('a client that was registered by hand gets none', async () => {
    expect(await codeOf(from([ONE, TWO], reserved, 'nothing'))).toBe('port_in_use')
  })

  test('ports that other programs use are an error as before', async () => {
    expect(await codeOf(from([ONE, TWO], () => new BridgeError('port_in_use'), 'any free port'))).toBe('port_in_use')
  })

  test('it ends where no port is free for long', async () => {
    const all = [ONE, TWO, ...[0, 1, 2, 3, 4].map((more) => free(50_000 + more))]
    expect(await codeOf(from(all, reserved, 'any free port'))).toBe('port_in_use')
  })
})

describe('the redirect URIs to try', () => {
  test('are only those that were registered by hand', () => {
    expect(redirectCandidates([ONE, TWO], true)).toEqual([ONE, TWO])
  })

  test('are also the nine neighbours for a client that is registered on the way', () => {
    const candidates = redirectCandidates([ONE], false)
    expect(candidates).toHaveLength(10)
    expect(candidates.slice(0, 2)).toEqual([ONE, TWO])
    expect(new Set(candidates).size).toBe(10)
  })

  test('keep path and query', () => {
    expect(redirectCandidates(['http://127.0.0.1:3000/cb?x=1'], false)[1]).toBe('http://127.0.0.1:3001/cb?x=1')
  })

  test('are ports that exist, also near the last one', () => {
    for (const uri of redirectCandidates(['http://localhost:65533/cb'], false)) expect(URL.canParse(uri)).toBe(true)
    expect(new Set(redirectCandidates(['http://localhost:65533/cb'], false)).size).toBe(
      redirectCandidates(['http://localhost:65533/cb'], false).length,
    )
  })
})
