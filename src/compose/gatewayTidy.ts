// Deletes what is over from the gateway's tables, once a minute, in whichever process holds the lease
import { asBridgeError } from '../errors.ts'
import type { Logger } from '../ports.ts'
import type { GatewayStorage } from './gatewayStorage.ts'

const EVERY_MS = 60_000
const LEASE_MS = 30_000
/** Rows of each table in one statement: short enough that nobody waits for it. */
const BATCH = 1_000
const HOUR = 60 * 60_000
const DAY = 24 * HOUR
const MOST_REGISTRATIONS = 50_000

type Tidied = Pick<GatewayStorage, 'records' | 'clients' | 'leases' | 'clock'>

/** Never throws: what could not be deleted is deleted a minute later. */
export function tidyGateway(storage: Tidied, log: Logger): { stop(): void } {
  const timer = setInterval(() => {
    tidy(storage).catch((thrown) => log.warn('store:tidy', { message: asBridgeError(thrown).message }))
  }, EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

async function tidy({ records, clients, leases, clock }: Tidied): Promise<void> {
  const lease = await leases.take('purge', LEASE_MS)
  if (!lease) return
  try {
    let deleted = BATCH
    while (deleted >= BATCH && !lease.lost.aborted) deleted = await records.purge(BATCH)
    const now = clock.now()
    await clients.tidy({ unusedSince: now - DAY, idleSince: now - 90 * DAY, most: MOST_REGISTRATIONS })
  } finally {
    await lease.release()
  }
}
