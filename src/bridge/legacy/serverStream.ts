// The moment in which the server's own stream is being opened: requests in which the server may ask something back wait for it
import type { Clock } from '../../ports.ts'

/** Requests in which a server may ask something back: into a stream that is not there yet, where it forgets its question. */
const MAY_ASK: ReadonlySet<string | undefined> = new Set(['tools/call', 'prompts/get', 'resources/read'])
/** How long they wait, in ms: some servers send the headers of their stream with the first event only. */
const LONGEST_MS = 300

export interface StreamOpening {
  /** From now on it is being opened, until `opened` resolves; but only for a moment from `since` on. */
  begin(opened: Promise<void>, since: Promise<unknown>): void
  /** Whether a request of this method waits now. */
  holds(method: string | undefined): boolean
  /** Resolves when none waits any longer. Never rejects. */
  over(): Promise<void>
}

export function createStreamOpening(clock: Pick<Clock, 'sleep'>, ending: AbortSignal): StreamOpening {
  let opening: Promise<void> | undefined
  return {
    begin(opened, since) {
      const late = since.then(() => clock.sleep(LONGEST_MS, ending))
      const held = Promise.race([opened, late]).catch(() => undefined)
      opening = held
      void held.then(() => {
        if (opening === held) opening = undefined
      })
    },
    holds: (method) => opening !== undefined && MAY_ASK.has(method),
    async over() {
      // It may have begun once more meanwhile.
      while (opening) await opening
    },
  }
}
