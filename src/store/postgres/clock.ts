// The database's time: processes with wrong clocks agree about leases, codes and ends
import type { Clock, Logger } from '../../ports.ts'
import type { Database } from '../sql.ts'

export interface DatabaseClock extends Clock {
  /** How far this machine's clock was behind the database's at the last look, in ms. */
  readonly behindMs: number
  stop(): void
}

const EVERY_MS = 60_000
/** A difference that an operator should know of, in ms. */
const NOTABLE_MS = 30_000

/** Looks at once, and again each minute. @throws BridgeError database_unreachable when it cannot look the first time */
export async function createDatabaseClock(database: Database, clock: Clock, log: Logger): Promise<DatabaseClock> {
  let behindMs = await difference(database, clock)
  const warn = () => {
    if (Math.abs(behindMs) > NOTABLE_MS)
      log.warn('store:clock', {
        message: `The clock of this machine is ${Math.round(Math.abs(behindMs) / 1000)} s ${behindMs > 0 ? 'behind' : 'ahead of'} that of the database.`,
      })
  }
  warn()
  const timer = setInterval(() => {
    difference(database, clock).then(
      (found) => {
        behindMs = found
        warn()
      },
      () => undefined,
    )
  }, EVERY_MS)
  timer.unref()
  return {
    ...clock,
    get behindMs() {
      return behindMs
    },
    now: () => clock.now() + behindMs,
    stop: () => clearInterval(timer),
  }
}

/** Half of the way there and back counts as the way there. */
async function difference(database: Database, clock: Clock): Promise<number> {
  const before = clock.now()
  const row = await database.get('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms')
  const after = clock.now()
  return Math.round(Number(row?.ms) - (before + after) / 2)
}
