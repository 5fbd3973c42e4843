// Writes the first events of a kind and counts the rest, so that nobody can flood the log.

/** The interval for counting a kind, in ms; it doubles after each interval with too many events. */
const WHILE_MS = 60_000
const LONGEST_MS = 60 * 60_000
/** There are few kinds; those beyond this number share one counter. */
const MOST_KINDS = 500

interface Count {
  readonly kind: string
  begun: number
  whileMs: number
  written: number
  more: number
}

export interface FloodGuard {
  /** Whether one more of this kind is written, at most `most` per interval. */
  admits(kind: string, most: number): boolean
  /** How many of each kind were not written in an interval that has ended or, at the end, in any. Each is reported once. */
  passedOver(when: 'ended' | 'any'): { readonly kind: string; readonly more: number }[]
}

/** `now`: ms, never backwards. */
export function createFloodGuard(now: () => number): FloodGuard {
  const counts = new Map<string, Count>()
  const told: { kind: string; more: number }[] = []

  const closeWhile = (count: Count) => {
    count.whileMs = count.more > 0 ? Math.min(count.whileMs * 2, LONGEST_MS) : WHILE_MS
    if (count.more > 0) told.push({ kind: count.kind, more: count.more })
    Object.assign(count, { begun: now(), written: 0, more: 0 })
  }
  const hasEnded = ({ begun, whileMs }: Count) => now() - begun >= whileMs

  return {
    admits(kind, most) {
      const name = counts.has(kind) || counts.size < MOST_KINDS ? kind : 'other'
      const count = counts.get(name) ?? { kind: name, begun: now(), whileMs: WHILE_MS, written: 0, more: 0 }
      counts.set(name, count)
      if (hasEnded(count)) closeWhile(count)
      if (count.written >= most) {
        count.more++
        return false
      }
      count.written++
      return true
    },
    passedOver(when) {
      for (const count of counts.values()) if (count.more > 0 && (when === 'any' || hasEnded(count))) closeWhile(count)
      return told.splice(0)
    },
  }
}
