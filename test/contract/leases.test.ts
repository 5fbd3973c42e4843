// Leases of every kind: one holder a name, and another when that has let go or died.
import { describe, expect, test } from 'vitest'
import type { Clock, Lease, Leases } from '../../src/ports.ts'
import { createLeases } from '../../src/store/leases.ts'
import { createFakeClock, createHurryingClock } from '../fakes/fakeClock.ts'
import { createFakeLeases } from '../fakes/fakeLeases.ts'
import { settled } from '../fakes/gate.ts'
import { sqlOf } from '../fakes/sqlOf.ts'
import { ENGINES } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
/** Long enough for no heartbeat to come while a test runs. */
const LONG = 3_600_000

/** Gives a way for every process to open the same leases. */
const LEASES: readonly { readonly name: string; make(clock: Clock): () => Leases }[] = [
  ...ENGINES.map((engine) => ({
    name: `the leases in ${engine.name}`,
    make(clock: Clock) {
      const open = engine.create(folder)
      return () => createLeases(open(), clock)
    },
  })),
  {
    name: 'the fake in memory',
    make(clock) {
      const leases = createFakeLeases(undefined, clock.now)
      return () => leases
    },
  },
]

const held = async (leases: Leases, name: string): Promise<Lease> => {
  const lease = await leases.take(name, LONG)
  if (!lease) throw new Error('somebody else holds it')
  return lease
}

describe.each(LEASES)('$name', ({ make }) => {
  test('are given to one holder, and again after their release', async () => {
    const open = make(createFakeClock())
    const [one, two] = [open(), open()]
    const lease = await held(one, 'a')
    expect([await two.take('a', LONG), await two.isHeld('a')]).toEqual([undefined, true])
    await lease.release()
    expect(await two.isHeld('a')).toBe(false)
    await (await held(two, 'a')).release()
  })

  test('are given to one of 20 processes', async () => {
    const open = make(createFakeClock())
    const leases = await Promise.all(Array.from({ length: 20 }, () => open().take('a', LONG)))
    const given = leases.filter((lease) => lease !== undefined)
    expect(given).toHaveLength(1)
    await given[0]?.release()
  })

  test('do not block another name', async () => {
    const leases = make(createFakeClock())()
    const [a, b] = [await held(leases, 'a'), await held(leases, 'b')]
    expect([await leases.isHeld('a'), await leases.isHeld('b'), await leases.isHeld('c')]).toEqual([true, true, false])
    await a.release()
    await b.release()
  })

  test('of a holder that died are taken over after the ttl, not before, and cannot be released by that holder', async () => {
    const clock = createFakeClock()
    const open = make(clock)
    const [dead, heir] = [open(), open()]
    const lease = await held(dead, 'a')
    clock.advance(LONG - 1)
    expect(await heir.take('a', LONG)).toBeUndefined()
    clock.advance(1)
    expect(await heir.isHeld('a')).toBe(false)
    const next = await held(heir, 'a')
    await lease.release()
    expect(await heir.isHeld('a')).toBe(true)
    await next.release()
  })

  test('return the result of the work, and are free after it', async () => {
    const leases = make(createFakeClock())()
    expect(await leases.run('a', LONG, async () => 7)).toBe(7)
    expect(await leases.isHeld('a')).toBe(false)
  })

  test('are free after work that fails', async () => {
    const leases = make(createFakeClock())()
    const failure = new Error('no')
    await expect(leases.run('a', LONG, () => Promise.reject(failure))).rejects.toBe(failure)
    expect(await leases.isHeld('a')).toBe(false)
  })

  test('never let work of 20 processes run twice at the same time', async () => {
    const open = make(createHurryingClock())
    let running = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++running)
      await settled()
      running--
    }
    await Promise.all(Array.from({ length: 20 }, () => open().run('a', LONG, work)))
    expect(most).toBe(1)
  })
})

describe('a holder that has certainly ended', () => {
  const gone = new Set<string>()
  const as = (name: string) => ({ self: () => name, isGone: (holder: string) => gone.has(holder) })

  test('is succeeded at once, by one of 20 processes, and takes nothing back', async () => {
    const file = folder.fresh('oauth.db')
    const clock = createFakeClock()
    const open = (name: string) => createLeases(sqlOf(folder.database(file)), clock, as(name))
    const lease = await held(open('dead 1'), 'a')
    expect(await open('heir').take('a', LONG)).toBeUndefined()
    gone.add('dead 1')
    expect(await open('heir').isHeld('a')).toBe(false)
    const heirs = await Promise.all(Array.from({ length: 20 }, () => open('heir').take('a', LONG)))
    const given = heirs.filter((one) => one !== undefined)
    expect(given).toHaveLength(1)
    await lease.release()
    expect(await open('heir').isHeld('a')).toBe(true)
    await given[0]?.release()
  })

  test('of a version that did not name itself is succeeded after the ttl', async () => {
    const file = folder.fresh('oauth.db')
    const clock = createFakeClock()
    const lease = await held(createLeases(sqlOf(folder.database(file)), clock), 'a')
    const heir = createLeases(sqlOf(folder.database(file)), clock, { self: () => 'heir', isGone: () => true })
    expect(await heir.take('a', LONG)).toBeUndefined()
    await lease.release()
  })
})
