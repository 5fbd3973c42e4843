// Leases in SQLite: renewed while they are held, and told when they are lost. What all Leases do is in test/contract.
import { describe, expect, test } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Lease, Leases } from '../../../src/ports.ts'
import { createLeases } from '../../../src/store/leases.ts'
import type { Database } from '../../../src/store/sql.ts'
import { createFakeClock, createHurryingClock } from '../../fakes/fakeClock.ts'
import { createGate } from '../../fakes/gate.ts'
import { createHangingDatabase } from '../../fakes/hangingDatabase.ts'
import { sqlOf } from '../../fakes/sqlOf.ts'
import { tempFolder } from '../../fakes/tempFolder.ts'

const folder = tempFolder()
/** Long enough for no heartbeat to come while a test runs. */
const LONG = 3_600_000

function setUp(clock = createFakeClock()) {
  const path = folder.fresh('oauth.db')
  const process = () => createLeases(sqlOf(folder.database(path)), clock)
  const hanging = () => {
    const { database, goOn } = createHangingDatabase(sqlOf(folder.database(path)))
    return { leases: createLeases(database, clock), goOn }
  }
  return { path, clock, process, hanging }
}

const held = async (leases: Leases, name: string, ttlMs = LONG): Promise<Lease> => {
  const lease = await leases.take(name, ttlMs)
  if (!lease) throw new Error('somebody else holds it')
  return lease
}

describe('a lease', () => {
  test('is renewed while it is held', async () => {
    const { path, process, clock } = setUp()
    const lease = await held(process(), 'a', 40)
    clock.advance(30)
    const ends = () => folder.database(path).get('SELECT expires_at FROM leases')?.expires_at
    const before = ends()
    while (ends() === before) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(30)
    expect(await process().isHeld('a')).toBe(true)
    await lease.release()
  })

  test('that was taken over is reported to its former holder at its next heartbeat', async () => {
    const { process, hanging, clock } = setUp(createHurryingClock())
    const { leases, goOn } = hanging()
    const slept = await held(leases, 'a', 40)
    clock.advance(41)
    const next = await held(process(), 'a')
    goOn()
    await new Promise((resolve) => slept.lost.addEventListener('abort', resolve))
    expect([slept.lost.aborted, next.lost.aborted]).toEqual([true, false])
    await slept.release()
    expect(await process().isHeld('a')).toBe(true)
    await next.release()
  })
})

describe('where the database is locked', () => {
  /** Counts the renewals that fail, until `unlock`. */
  function lockable(clock = createFakeClock()) {
    const database = sqlOf(folder.database())
    let isLocked = false
    let failures = 0
    const told = createGate()
    const locking: Database = {
      ...database,
      async runUnsynced(sql, ...values) {
        if (!isLocked || !sql.startsWith('UPDATE leases')) return database.runUnsynced(sql, ...values)
        if (++failures === 2) told.open()
        throw new BridgeError('database_locked')
      },
    }
    return {
      leases: createLeases(locking, clock),
      clock,
      lock: () => {
        isLocked = true
      },
      /** Resolves when two renewals have failed. */
      twice: told.passed,
    }
  }

  test('each heartbeat tries to renew the lease', async () => {
    const { leases, lock, twice } = lockable()
    const lease = await held(leases, 'a', 40)
    lock()
    await twice
    expect(lease.lost.aborted).toBe(false)
    await lease.release()
  })

  test('a lease is still its holder’s until it expires, and after that nobody knows', async () => {
    const { leases, lock, clock } = lockable()
    const lease = await held(leases, 'a')
    lock()
    clock.advance(LONG - 1)
    expect(await lease.renew()).toBe(true)
    clock.advance(1)
    await expect(lease.renew()).rejects.toMatchObject({ code: 'database_locked' })
    await lease.release()
  })
})

describe('work under a lease', () => {
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

  test('is notified when its lease was lost', async () => {
    const { process, hanging, clock } = setUp(createHurryingClock())
    const { leases, goOn } = hanging()
    const gate = createGate()
    const told = leases.run('a', 40, async ({ lost }) => {
      clock.advance(41)
      gate.open()
      await new Promise((resolve) => lost.addEventListener('abort', resolve))
      return lost.aborted
    })
    await gate.passed
    const heir = await held(process(), 'a')
    goOn()
    expect(await told).toBe(true)
    await heir.release()
  })

  test('keeps its result when the database is locked at the moment of release', async () => {
    const database = sqlOf(folder.database())
    const locked: Database = {
      ...database,
      async runUnsynced(sql, ...values) {
        if (sql.startsWith('DELETE FROM leases')) throw new BridgeError('database_locked')
        return database.runUnsynced(sql, ...values)
      },
    }
    expect(await createLeases(locked, createFakeClock()).run('a', LONG, async () => 'refreshed')).toBe('refreshed')
  })
})
