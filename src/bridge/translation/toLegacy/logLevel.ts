// Log messages: 2025 has one level for a session, 2026 one for each request (MCP 2026-07-28, "Logging").
import { asBridgeError } from '../../../errors.ts'
import type { Cause, Logger } from '../../../ports.ts'
import type { Message } from '../../message/message.ts'
import { LEVELS } from '../levels.ts'
import type { Call } from './call/call.ts'
import type { Ride } from './call/ride.ts'

/** How severe a level is, from 0 on; undefined: it is none. `json`: its JSON text. */
export function severityOf(json: string | undefined): number | undefined {
  const at = json === undefined ? -1 : LEVELS.indexOf(JSON.parse(json))
  return at < 0 ? undefined : at
}

/** The same of a log message. One without a known level goes to whoever wants any. */
export function severityIn(level: string | undefined): number {
  const at = LEVELS.indexOf(level)
  return at < 0 ? LEVELS.length : at
}

export interface LevelOptions {
  /** Whether the server has log messages. */
  readonly isOffered: boolean
  readonly calls: ReadonlyMap<unknown, Call>
  readonly ask: (method: string, params: string, cause: Cause) => Promise<Message | undefined>
  readonly log: Logger
}

export interface Level {
  readonly isOffered: boolean
  /** Resolves when the server sends what this request wants, and all that are open. Never throws. */
  raise(ride: Ride, cause: Cause): Promise<void>
}

export function createLevel({ isOffered, calls, ask, log }: LevelOptions): Level {
  /** What the server was told last. */
  let level: number | undefined
  let telling: Promise<void> = Promise.resolve()

  const tell = async (wanted: number, cause: Cause) => {
    try {
      await ask('logging/setLevel', JSON.stringify({ level: LEVELS[wanted] }), cause)
    } catch (thrown) {
      if (level === wanted) level = undefined
      log.debug('proxy:log-level', { code: asBridgeError(thrown).code })
    }
  }

  return {
    isOffered,
    async raise({ severity }, cause) {
      if (!isOffered || severity === undefined) return
      const open = [...calls.values()].map(({ ride }) => ride?.severity ?? severity)
      const wanted = Math.min(severity, ...open)
      if (wanted !== level) {
        level = wanted
        telling = telling.then(() => tell(wanted, cause))
      }
      await telling
    },
  }
}
