// Leases of every kind: one holder a name, and another when that has let go or died.
import { describe, expect, test } from 'vitest'
import type { Clock, Lease, Leases } from '../../src/ports.ts'
import { createLeases } from '../../src/store/leases.ts'
import { createFakeClock, createHurryingClock } from '../fakes/fakeClock.ts'
import { createFakeLeases } from '../fakes/fakeLeases.ts'
import { settled } from '../fakes/gate.ts'
import { createHangingDatabase } from '../fakes/hangingDatabase.ts'
import { sqlOf } from '../fakes/sqlOf.ts'
import { ENGINES } from '../fakes/storeKit.ts'
import { tempFolder } from '../fakes/tempFolder.ts'

const folder = tempFolder()
const LONG = 3_600_000

/** What a process opens the same leases with; one that hangs renews none until it goes on. */
interface Opening {
  (): Leases
  hanging(): { readonly leases: Leases; goOn(): void }
}

const LEASES: readonly { readonly name: string; make(clock: Clock): Opening }[] = [
  ...ENGINES.map((engine) => ({
    name: `the leases in ${engine.name}`,
    make(clock: Clock) {
      const open = engine.create(folder)
      return Object.assign(() => createLeases(open(), clock), {
        hanging() {
          const { database, goOn } = createHangingDatabase(open())
          return { leases: createLeases(database, clock), goOn }
        },
      })
    },
  })),
  {
    name: 'the fake in memory',
    make(clock) {
      const leases = createFakeLeases(undefined, clock.now)
      return Object.assign(() => leases, { hanging: () => ({ leases, goOn: () => undefined }) })
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
    const clock = createHurryingClock()
    const open = make(clock)
    const heir = open()
    const lease = await held(open.hanging().leases, 'a')
    clock.advance(LONG - 1)
    expect(await heir.take('a', LONG)).toBeUndefined()
    clock.advance(1)
    expect(await heir.isHeld('a')).toBe(false)
    const next = await held(heir, 'a')
    await lease.release()
    expect(await heir.isHeld('a')).toBe(true)
    await next.release()
  })

  test('tell the heir of a holder that may go on, and that holder that they are lost', async () => {
    const clock = createHurryingClock()
    const open = make(clock)
    const { leases, goOn } = open.hanging()
    const lease = await held(leases, 'a')
    expect([lease.former, await lease.renew()]).toEqual([undefined, true])
    clock.advance(LONG)
    const next = await held(open(), 'a')
    expect(next.former?.isGone()).toBe(false)
    goOn()
    expect([await lease.renew(), lease.lost.aborted, await next.renew()]).toEqual([false, true, true])
    await next.release()
    expect((await held(open(), 'a')).former).toBeUndefined()
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

describe.each(ENGINES)('when the machine slept, or its clock was set forward, in $name', (engine) => {
  const asleep = async () => {
    const clock = createFakeClock()
    const open = engine.create(folder)
    const { database, goOn } = createHangingDatabase(open())
    const lease = await held(createLeases(database, clock), 'a')
    clock.doze(LONG)
    return { clock, lease, goOn, waiter: createLeases(open(), clock) }
  }

  test('a holder that renews its lease within two seconds keeps it, also if others woke before it', async () => {
    const { clock, lease, goOn, waiter } = await asleep()
    const others = [waiter.take('a', LONG), waiter.isHeld('a')]
    await clock.whenSleeping(2)
    goOn()
    expect(await lease.renew()).toBe(true)
    clock.advance(100)
    expect(await Promise.all(others)).toEqual([undefined, true])
    expect(lease.lost.aborted).toBe(false)
    await lease.release()
  })

  test('others count how often they looked, not the time, because they may sleep in between themselves', async () => {
    const { clock, lease, goOn, waiter } = await asleep()
    const taken = waiter.take('a', LONG)
    await clock.whenSleeping(1)
    clock.doze(LONG)
    await clock.whenSleeping(1)
    goOn()
    await lease.renew()
    clock.advance(100)
    expect(await taken).toBeUndefined()
    await lease.release()
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

  test('is succeeded at once also when its lease has expired, and leaves nobody who may go on', async () => {
    const file = folder.fresh('oauth.db')
    const clock = createFakeClock()
    await held(createLeases(createHangingDatabase(sqlOf(folder.database(file))).database, clock, as('dead 2')), 'a')
    clock.advance(LONG)
    gone.add('dead 2')
    const heir = await held(createLeases(sqlOf(folder.database(file)), clock, as('heir')), 'a')
    expect([heir.former, clock.sleeps]).toEqual([undefined, []])
    await heir.release()
  })

  test('is known as such by its heir, if it ends after it was succeeded', async () => {
    const file = folder.fresh('oauth.db')
    const clock = createHurryingClock()
    await held(createLeases(createHangingDatabase(sqlOf(folder.database(file))).database, clock, as('hung')), 'a')
    clock.advance(LONG)
    const heir = await held(createLeases(sqlOf(folder.database(file)), clock, as('heir')), 'a')
    expect(heir.former?.isGone()).toBe(false)
    gone.add('hung')
    expect(heir.former?.isGone()).toBe(true)
    await heir.release()
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
