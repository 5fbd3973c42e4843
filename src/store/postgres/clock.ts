// The database's time: processes with wrong clocks agree about leases, codes and ends
import type { Clock, Logger } from '../../ports.ts'
import type { Database } from '../sql.ts'

export interface DatabaseClock extends Clock {
  stop(): void
}

const EVERY_MS = 60_000
/** A difference that an operator should know of, in ms. */
const NOTABLE_MS = 30_000
/** The answer may have been on its way for as long as it took: beyond this, in ms, it counts only where it corrects more than that. */
const LONGEST_LOOK_MS = 1_000
/** More than this between the machine's two clocks is a step of one, or a sleep that the other does not count, in ms. */
const STEP_MS = 1_000

/** The database's time at a moment of the machine's two clocks, in ms. */
interface Look {
  readonly database: number
  readonly wall: number
  readonly awake: number
  readonly tookMs: number
}

/**
 * Looks at once, and again each minute; in between it goes by the clock that no administrator and no time server sets. Where that
 * one and the wall clock come apart, it looks again.
 * @throws BridgeError database_unreachable when it cannot look the first time
 */
export async function createDatabaseClock(database: Database, clock: Clock, log: Logger): Promise<DatabaseClock> {
  let last = await look(database, clock)
  let isLooking = false
  const warn = () => {
    const behindMs = last.database - last.wall
    if (Math.abs(behindMs) > NOTABLE_MS)
      log.warn('store:clock', {
        message: `The clock of this machine is ${Math.round(Math.abs(behindMs) / 1000)} s ${behindMs > 0 ? 'behind' : 'ahead of'} that of the database.`,
      })
  }
  warn()
  const lookAgain = () => {
    if (isLooking) return
    isLooking = true
    look(database, clock)
      .then(
        (found) => {
          const corrects = Math.abs(found.database - last.database - (found.awake - last.awake))
          if (found.tookMs > LONGEST_LOOK_MS && found.tookMs > corrects) return
          last = found
          warn()
        },
        () => undefined,
      )
      .finally(() => {
        isLooking = false
      })
  }
  const timer = setInterval(lookAgain, EVERY_MS)
  timer.unref()
  return {
    ...clock,
    now() {
      const passed = clock.awake() - last.awake
      if (Math.abs(clock.now() - last.wall - passed) > STEP_MS) lookAgain()
      return Math.round(last.database + passed)
    },
    stop: () => clearInterval(timer),
  }
}

/** Half of the way there and back counts as the way there. */
async function look(database: Database, clock: Clock): Promise<Look> {
  const before = { wall: clock.now(), awake: clock.awake() }
  const row = await database.get('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms')
  const tookMs = clock.awake() - before.awake
  return {
    database: Number(row?.ms),
    wall: before.wall + tookMs / 2,
    awake: before.awake + tookMs / 2,
    tookMs,
  }
}
