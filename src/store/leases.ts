// "Only one process at a time": a row with an owner and an expiry, renewed while it is held, taken over when its holder has died.
import { randomUUID } from 'node:crypto'
import type { Clock, Holders, Lease, Leases } from '../ports.ts'
import type { Database } from './sql.ts'
import { textOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

const POLL_MS = 40

/** A lease is worth nothing after a failure of the power: its holder is gone. Without `holders` a holder that died is succeeded when its lease expires. */
export function createLeases(database: Database, clock: Clock, holders?: Holders): Leases {
  const sqlNow = () => sqlTime(clock.now())
  const sqlEnd = (ttlMs: number) => sqlTime(clock.now() + ttlMs)

  /** The owner of a lease that has not expired. */
  const ownerOf = async (name: string): Promise<string | undefined> => {
    const row = await database.get('SELECT owner FROM leases WHERE name = :name AND expires_at > :now', {
      name,
      now: sqlNow(),
    })
    return row && textOf(row.owner)
  }
  /** An owner is a random id, and the process where that is known. */
  const isGone = (owner: string) => {
    const at = owner.indexOf(' ')
    return at > 0 && holders?.isGone(owner.slice(at + 1)) === true
  }
  const isHeld = async (name: string) => {
    const owner = await ownerOf(name)
    return owner !== undefined && !isGone(owner)
  }

  /** Reads before it writes, so that the many who wait do not queue for the write lock. */
  const write = async (name: string, owner: string, ttlMs: number): Promise<boolean> => {
    const before = await ownerOf(name)
    if (before !== undefined && !isGone(before)) return false
    const changed = await database.runUnsynced(
      `INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :end)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
         WHERE leases.expires_at <= :now OR leases.owner = :before`,
      { name, owner, end: sqlEnd(ttlMs), now: sqlNow(), before: before ?? '' },
    )
    return changed === 1
  }

  const renew = async (name: string, owner: string, ttlMs: number): Promise<boolean> => {
    const row = { name, owner, end: sqlEnd(ttlMs) }
    return (
      (await database.runUnsynced('UPDATE leases SET expires_at = :end WHERE name = :name AND owner = :owner', row)) ===
      1
    )
  }

  const take = async (name: string, ttlMs: number): Promise<Lease | undefined> => {
    const owner = holders ? `${randomUUID()} ${holders.self()}` : randomUUID()
    if (!(await write(name, owner, ttlMs))) return undefined
    const lost = new AbortController()
    let isReleased = false
    const heartbeat = setInterval(() => {
      // Where the database is locked, the next renewal tries again, and the compare-and-swap still guards the result.
      const renewing = renew(name, owner, ttlMs).catch(() => true)
      void renewing.then((isOurs) => isOurs || isReleased || lost.abort())
    }, ttlMs / 4)
    return {
      lost: lost.signal,
      async release() {
        isReleased = true
        clearInterval(heartbeat)
        // Where the database is locked, the lease expires, and the work that was done under it remains valid.
        await database
          .runUnsynced('DELETE FROM leases WHERE name = :name AND owner = :owner', { name, owner })
          .catch(() => 0)
      },
    }
  }

  return {
    isHeld,
    take,
    async run(name, ttlMs, work) {
      let lease = await take(name, ttlMs)
      for (; !lease; lease = await take(name, ttlMs)) await clock.sleep(POLL_MS)
      try {
        return await work(lease.lost)
      } finally {
        await lease.release()
      }
    },
  }
}
