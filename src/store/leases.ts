// "Only one process at a time": a row with an owner and an expiry, renewed while it is held, taken over when its holder has died.
import { randomUUID } from 'node:crypto'
import type { Clock, Holders, Lease, Leases } from '../ports.ts'
import type { Database } from './sql.ts'
import { textOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

const POLL_MS = 40
/** The longest time between two renewals, in ms. */
const HEARTBEAT_MS = 1_000
/**
 * As many times an expired lease is looked at before it is taken: two heartbeats. Where the machine slept, or its clock was set forward,
 * the leases of all holders have expired at once, and each of them needs a moment to renew its own. Looks are counted, and not the time:
 * this process may sleep between two of them as well.
 */
const LOOKS = (2 * HEARTBEAT_MS) / POLL_MS

/** Of a lease that may be taken. `owner`: '' for a row that is not there. */
interface Takeable {
  readonly owner: string
  readonly former: Lease['former']
}

/** A lease is worth nothing after a failure of the power: its holder is gone. Without `holders` nobody has certainly ended. */
export function createLeases(database: Database, clock: Clock, holders?: Holders): Leases {
  const sqlNow = () => sqlTime(clock.now())
  const sqlEnd = (ttlMs: number) => sqlTime(clock.now() + ttlMs)

  const find = async (name: string) => {
    const row = await database.get(
      'SELECT owner, CASE WHEN expires_at > :now THEN 1 ELSE 0 END AS is_held FROM leases WHERE name = :name',
      { name, now: sqlNow() },
    )
    return row && { owner: textOf(row.owner), isExpired: Number(row.is_held) === 0 }
  }
  /** An owner is a random id, and the process where that is known. */
  const isGone = (owner: string) => {
    const at = owner.indexOf(' ')
    return at > 0 && holders?.isGone(owner.slice(at + 1)) === true
  }

  /** undefined: somebody holds it. Reads only, so that the many who wait do not queue for the write lock. */
  const findTakeable = async (name: string): Promise<Takeable | undefined> => {
    for (let looks = 0; ; looks++) {
      const found = await find(name)
      if (!found) return { owner: '', former: undefined }
      const { owner, isExpired } = found
      if (isGone(owner)) return { owner, former: undefined }
      if (!isExpired) return undefined
      if (looks === LOOKS) return { owner, former: { isGone: () => isGone(owner) } }
      await clock.sleep(POLL_MS)
    }
  }

  /** False: another process was faster, or the holder has renewed it. */
  const write = async (name: string, owner: string, ttlMs: number, before: Takeable): Promise<boolean> => {
    const changed = await database.runUnsynced(
      `INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :end)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
         WHERE leases.owner = :before AND (leases.expires_at <= :now OR :is_gone = 1)`,
      {
        name,
        owner,
        end: sqlEnd(ttlMs),
        now: sqlNow(),
        before: before.owner,
        is_gone: before.former ? 0 : 1,
      },
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
    const before = await findTakeable(name)
    const owner = holders ? `${randomUUID()} ${holders.self()}` : randomUUID()
    if (!before || !(await write(name, owner, ttlMs, before))) return undefined
    const heart = keepRenewing(() => renew(name, owner, ttlMs), ttlMs, clock)
    return {
      lost: heart.lost,
      former: before.former,
      renew: heart.renew,
      async release() {
        heart.stop()
        // Where the database is locked, the lease expires, and the work that was done under it remains valid.
        await database
          .runUnsynced('DELETE FROM leases WHERE name = :name AND owner = :owner', { name, owner })
          .catch(() => 0)
      },
    }
  }

  return {
    isHeld: async (name) => (await findTakeable(name)) === undefined,
    take,
    async run(name, ttlMs, work) {
      let lease = await take(name, ttlMs)
      for (; !lease; lease = await take(name, ttlMs)) await clock.sleep(POLL_MS)
      try {
        return await work(lease)
      } finally {
        await lease.release()
      }
    },
  }
}

/** `lost` aborts when `write` says that the lease is somebody else's. */
function keepRenewing(write: () => Promise<boolean>, ttlMs: number, clock: Pick<Clock, 'now'>) {
  const lost = new AbortController()
  const heartbeatMs = Math.min(ttlMs / 4, HEARTBEAT_MS)
  let expiresAt = clock.now() + ttlMs
  let isReleased = false
  let timer: NodeJS.Timeout | undefined
  const renew = async () => {
    const end = clock.now() + ttlMs
    const isOurs = await write()
    if (isOurs) expiresAt = end
    else if (!isReleased) lost.abort()
    return isOurs
  }
  const beat = () => {
    timer = setTimeout(() => {
      // Where the database is locked, the next renewal tries again, and the compare-and-swap still guards the result.
      const renewing = renew().catch(() => true)
      void renewing.then((isOurs) => !isOurs || isReleased || beat())
    }, heartbeatMs)
  }
  beat()
  return {
    lost: lost.signal,
    /** Where the database is locked, it is ours until it expires. */
    renew: () =>
      renew().catch((thrown: unknown) => {
        if (clock.now() < expiresAt) return true
        throw thrown
      }),
    stop() {
      isReleased = true
      clearTimeout(timer)
    },
  }
}
