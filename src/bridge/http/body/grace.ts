// The time that streams get to end by themselves once all their answers are in, as they should (MCP Streamable HTTP). One timer serves all:
// nearly every stream ends at once.
import type { Clock } from '../../../ports.ts'

export interface Grace {
  /** Resolves when the stream is to be left. */
  readonly over: Promise<undefined>
  /** It has ended. */
  end(): void
}

/** What a server still says beside its answers comes within this time, in ms. */
const GRACE_MS = 5_000
/** Streams that may wait for it: each holds a connection. */
const MOST_STREAMS = 32

/** Begins the grace of one stream. */
export function createGraces(clock: Clock): () => Grace {
  /** What leaves each, and when: the oldest first. */
  const open = new Map<() => void, number>()
  let isWatched = false

  const watch = async () => {
    isWatched = true
    // Most end in this turn, and need no timer at all.
    await new Promise((resolve) => setImmediate(resolve))
    for (let [oldest] = open; oldest; [oldest] = open) {
      const [leave, until] = oldest
      const left = until - clock.awake()
      if (left > 0) await clock.sleep(left)
      else leave()
    }
    isWatched = false
  }

  return () => {
    let resolve: (over: undefined) => void
    const over = new Promise<undefined>((resolveOver) => {
      resolve = resolveOver
    })
    const end = () => void open.delete(leave)
    const leave = () => {
      end()
      resolve(undefined)
    }
    const [oldest] = open.keys()
    if (open.size === MOST_STREAMS) oldest?.()
    open.set(leave, clock.awake() + GRACE_MS)
    if (!isWatched) void watch()
    return { over, end }
  }
}
