// Deletes what is over from the gateway's tables, once a minute, in whichever process holds the lease
import { setImmediate as nextTurn } from 'node:timers/promises'
import { asBridgeError } from '../errors.ts'
import type { Clock, Leases, Logger } from '../ports.ts'
import { tidyClients } from './authorization/registration.ts'
import type { ClientRegistry, PersonStore, RecordStore } from './ports.ts'

const EVERY_MS = 60_000
const LEASE_MS = 30_000
/** Rows of each table in one statement: short enough that nobody waits for it. */
const BATCH = 1_000
const HOUR = 60 * 60_000
/** A person without a grant is forgotten this long after their last sign-in: grants live 90 days, and are kept 30 more. */
const UNSEEN_MS = 120 * 24 * HOUR
/** Persons have no index for it. */
const PERSONS_EVERY_MS = HOUR

export interface TidiedStorage {
  readonly records: Pick<RecordStore, 'purge'>
  readonly clients: ClientRegistry
  readonly persons: Pick<PersonStore, 'forget'>
  readonly leases: Leases
  readonly clock: Clock
  /** Before the tables, also in a process that does not hold the lease. */
  flush(): void
}

export interface Tidying {
  /** Resolves when nothing more is deleted. */
  stop(): Promise<void>
}

/** Never throws: what could not be deleted is deleted a minute later. */
export function tidyGateway(storage: TidiedStorage, log: Logger, everyMs = EVERY_MS): Tidying {
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let personsAt = Number.NEGATIVE_INFINITY

  const tidy = async ({ records, clients, persons, leases, clock, flush }: TidiedStorage): Promise<void> => {
    flush()
    const lease = await leases.take('purge', LEASE_MS)
    if (!lease) return
    const batches = async (remove: () => Promise<number>) => {
      let deleted = BATCH
      while (deleted >= BATCH && !lease.lost.aborted && !stopping.signal.aborted) {
        deleted = await remove()
        // SQLite answers within the turn: requests come between two batches.
        await nextTurn()
      }
    }
    try {
      await batches(() => records.purge(BATCH))
      const now = clock.now()
      await tidyClients(clients, now)
      if (now - personsAt < PERSONS_EVERY_MS) return
      await batches(() => persons.forget(now - UNSEEN_MS, BATCH))
      personsAt = now
    } finally {
      await lease.release()
    }
  }
  const timer = setInterval(() => {
    running ??= tidy(storage)
      .catch((thrown) => log.warn('store:tidy', { message: asBridgeError(thrown).message }))
      .finally(() => {
        running = undefined
      })
  }, everyMs)
  timer.unref()
  return {
    async stop() {
      stopping.abort()
      clearInterval(timer)
      await running
    },
  }
}
