// "Only one process at a time": a row with an owner and an expiry, renewed while it is held, taken over when its holder has died.
import { randomUUID } from 'node:crypto'
import type { Clock, Holders, Lease, Leases } from '../ports.ts'
import { textOf } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'

const POLL_MS = 40

/** Without `holders` a holder that died is succeeded when its lease expires. */
export function createLeases(database: Database, clock: Clock, holders?: Holders): Leases {
  const sqlNow = () => toSqlTime(clock.now())
  const sqlEnd = (ttlMs: number) => toSqlTime(clock.now() + ttlMs)

  /** The owner of a lease that has not expired. */
  const ownerOf = (name: string): string | undefined => {
    const row = database.get('SELECT owner FROM leases WHERE name = :name AND expires_at > :now', {
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
  const isHeld = (name: string) => {
    const owner = ownerOf(name)
    return owner !== undefined && !isGone(owner)
  }

  /** Reads before it writes, so that the many who wait do not queue for the write lock. */
  const write = (name: string, owner: string, ttlMs: number): boolean => {
    const before = ownerOf(name)
    if (before !== undefined && !isGone(before)) return false
    return (
      database.run(
        `INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :end)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
         WHERE expires_at <= :now OR owner = :before`,
        { name, owner, end: sqlEnd(ttlMs), now: sqlNow(), before: before ?? '' },
      ) === 1
    )
  }

  const renew = (name: string, owner: string, ttlMs: number): boolean =>
    database.run('UPDATE leases SET expires_at = :end WHERE name = :name AND owner = :owner', {
      name,
      owner,
      end: sqlEnd(ttlMs),
    }) === 1

  const take = (name: string, ttlMs: number): Lease | undefined => {
    const owner = holders ? `${randomUUID()} ${holders.self()}` : randomUUID()
    if (!write(name, owner, ttlMs)) return undefined
    const lost = new AbortController()
    const heartbeat = setInterval(() => {
      try {
        if (!renew(name, owner, ttlMs)) lost.abort()
      } catch {
        // The database is locked: the next renewal tries again, and the compare-and-swap still guards the result.
      }
    }, ttlMs / 4)
    return {
      lost: lost.signal,
      release() {
        clearInterval(heartbeat)
        try {
          database.run('DELETE FROM leases WHERE name = :name AND owner = :owner', { name, owner })
        } catch {
          // The database is locked: the lease expires, and the work that was done under it remains valid.
        }
      },
    }
  }

  return {
    isHeld: async (name) => isHeld(name),
    take: async (name, ttlMs) => take(name, ttlMs),
    async run(name, ttlMs, work) {
      let lease = take(name, ttlMs)
      for (; !lease; lease = take(name, ttlMs)) await clock.sleep(POLL_MS)
      try {
        return await work(lease.lost)
      } finally {
        lease.release()
      }
    },
  }
}
