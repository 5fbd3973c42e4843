// The longest silence of a server, where some of its silence has a reason: the HTTP library knows only one that always counts.
import { BridgeError } from '../../../errors.ts'
import type { Patience } from '../../../records.ts'

export interface SilenceWatch {
  /** Something has come. */
  heard(): void
  end(): void
}

/** Calls `fail` at most once. `isPaused`: nothing can come, because nobody reads. Silence that begins to count anew lasts at most twice as long. `idleMs`: 0 waits indefinitely. */
export function watchSilence(
  idleMs: number,
  patience: Patience,
  isPaused: () => boolean,
  origin: string,
  fail: (error: BridgeError) => void,
): SilenceWatch {
  if (idleMs === 0) return { heard: () => undefined, end: () => undefined }
  let since = performance.now()
  let { turns } = patience
  let timer: NodeJS.Timeout
  const look = () => {
    if (patience.held || patience.turns !== turns || isPaused()) since = performance.now()
    turns = patience.turns
    const left = since + idleMs - performance.now()
    if (left <= 0) return fail(new BridgeError('server_timeout', { message: `${origin} did not answer in time.` }))
    timer = setTimeout(look, Math.min(left + 1, 2 ** 31 - 1))
  }
  look()
  return {
    heard() {
      since = performance.now()
    },
    end() {
      clearTimeout(timer)
    },
  }
}
