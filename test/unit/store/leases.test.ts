// One holder at a time, also across processes; a dead one is succeeded.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Lease, Leases } from '../../../src/ports.ts'
import { createLeases } from '../../../src/store/leases.ts'
import type { Database } from '../../../src/store/sqlite/database.ts'
import { createFakeClock, createHurryingClock } from '../../fakes/fakeClock.ts'
import { createGate, settled } from '../../fakes/gate.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
/** Long enough for no heartbeat to come while a test runs. */
const LONG = 3_600_000

function setUp(clock = createFakeClock()) {
  const path = folder.fresh('oauth.db')
  const process = () => createLeases(folder.database(path), clock)
  return { path, clock, process }
}

const held = async (leases: Leases, name: string, ttlMs = LONG): Promise<Lease> => {
  const lease = await leases.take(name, ttlMs)
  if (!lease) throw new Error('somebody else holds it')
  return lease
}

describe('a lease', () => {
  test('is given once, and again after its release', async () => {
    const { process } = setUp()
    const [one, two] = [process(), process()]
    const lease = await held(one, 'a')
    expect([await two.take('a', LONG), await two.isHeld('a')]).toEqual([undefined, true])
    lease.release()
    expect(await two.isHeld('a')).toBe(false)
    ;(await held(two, 'a')).release()
  })

  test('is given once to 20 processes', async () => {
    const { process } = setUp()
    const leases = await Promise.all(Array.from({ length: 20 }, () => process().take('a', LONG)))
    const given = leases.filter((lease) => lease !== undefined)
    expect(given).toHaveLength(1)
    given[0]?.release()
  })

  test('does not stand in the way of another name', async () => {
    const { process } = setUp()
    const leases = process()
    const [a, b] = [await held(leases, 'a'), await held(leases, 'b')]
    expect([await leases.isHeld('a'), await leases.isHeld('b'), await leases.isHeld('c')]).toEqual([true, true, false])
    a.release()
    b.release()
  })

  test('of a holder that died is taken over after the ttl, not before', async () => {
    const { process, clock } = setUp()
    const [dead, heir] = [process(), process()]
    const lease = await held(dead, 'a')
    clock.advance(LONG - 1)
    expect(await heir.take('a', LONG)).toBeUndefined()
    clock.advance(1)
    const next = await held(heir, 'a')
    lease.release()
    expect(await heir.isHeld('a')).toBe(true)
    next.release()
  })

  test('is renewed while it is held', async () => {
    const { path, process, clock } = setUp()
    const lease = await held(process(), 'a', 40)
    clock.advance(30)
    const ends = () => folder.database(path).get('SELECT expires_at FROM leases')?.expires_at
    const before = ends()
    while (ends() === before) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(30)
    expect(await process().isHeld('a')).toBe(true)
    lease.release()
  })

  test('that was taken over tells its former holder', async () => {
    const { process, clock } = setUp()
    const slept = await held(process(), 'a', 40)
    clock.advance(41)
    const next = await held(process(), 'a')
    await new Promise((resolve) => slept.lost.addEventListener('abort', resolve))
    expect([slept.lost.aborted, next.lost.aborted]).toEqual([true, false])
    slept.release()
    expect(await process().isHeld('a')).toBe(true)
    next.release()
  })
})

describe('work under a lease', () => {
  test('gives its result and frees the lease', async () => {
    const leases = setUp().process()
    expect(await leases.run('a', LONG, async () => 7)).toBe(7)
    expect(await leases.isHeld('a')).toBe(false)
  })

  test('that fails frees the lease', async () => {
    const leases = setUp().process()
    const failure = new Error('no')
    await expect(leases.run('a', LONG, () => Promise.reject(failure))).rejects.toBe(failure)
    expect(await leases.isHeld('a')).toBe(false)
  })

  test('never runs twice at the same time, in 20 processes', async () => {
    const path = folder.fresh('oauth.db')
    let running = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++running)
      await settled()
      running--
    }
    await Promise.all(
      Array.from({ length: 20 }, () => createLeases(folder.database(path), createHurryingClock()).run('a', LONG, work)),
    )
    expect(most).toBe(1)
  })

  test('waits for its turn', async () => {
    const { process, clock } = setUp()
    const gate = createGate()
    const order: string[] = []
    const first = process().run('a', LONG, async () => {
      await gate.passed
      order.push('first')
    })
    const second = process().run('a', LONG, async () => void order.push('second'))
    await clock.whenSleeping(1)
    clock.advance(100)
    await clock.whenSleeping(1)
    expect(order).toEqual([])
    gate.open()
    await first
    clock.advance(100)
    await second
    expect(order).toEqual(['first', 'second'])
  })

  test('is told when its lease was lost', async () => {
    const { process, clock } = setUp()
    const gate = createGate()
    const told = process().run('a', 40, async (lost) => {
      clock.advance(41)
      gate.open()
      await new Promise((resolve) => lost.addEventListener('abort', resolve))
      return lost.aborted
    })
    await gate.passed
    const heir = await held(process(), 'a')
    expect(await told).toBe(true)
    heir.release()
  })

  test('keeps its result when the database is locked at the moment of release', async () => {
    const database = folder.database()
    const locked: Database = {
      ...database,
      run(sql, ...values) {
        if (sql.startsWith('DELETE FROM leases')) throw new BridgeError('database_locked')
        return database.run(sql, ...values)
      },
    }
    expect(await createLeases(locked, createFakeClock()).run('a', LONG, async () => 'refreshed')).toBe('refreshed')
  })
})
