// Leases in memory: one holder a name, the others wait their turn; test/contract/leases.test.ts holds them to what the real ones do.
import type { Lease, Leases } from '../../src/ports.ts'

export interface FakeLeases extends Leases {
  /** Every lease that was asked for, in order. */
  readonly names: readonly string[]
  /** Another process takes the lease, whose holder hung for too long. It holds it until it releases it. */
  steal(name: string): Lease
  /** From now on the holders that were succeeded have certainly ended. */
  endFormer(): void
}

interface Held {
  readonly end: number
  readonly lost: AbortController
}

/**
 * `before` runs when a lease is given to `run`, before its work: what another holder did in the meantime.
 * `now` tells when a holder that died is succeeded; nothing renews a lease here by itself.
 */
export function createFakeLeases(
  before: () => void | Promise<void> = () => undefined,
  now: () => number = () => 0,
): FakeLeases {
  const held = new Map<string, Held>()
  const waiting = new Map<string, (() => void)[]>()
  const names: string[] = []
  let hasEnded = false
  const isHeld = (name: string) => (held.get(name)?.end ?? Number.NEGATIVE_INFINITY) > now()
  const give = (name: string, ttlMs: number): Lease => {
    const former = held.get(name)
    const lost = new AbortController()
    const ours = () => held.get(name)?.lost === lost
    held.set(name, { end: now() + ttlMs, lost })
    former?.lost.abort()
    return {
      lost: lost.signal,
      former: former && { isGone: () => hasEnded },
      async renew() {
        if (ours()) held.set(name, { end: now() + ttlMs, lost })
        return ours()
      },
      async release() {
        if (ours()) held.delete(name)
        const next = waiting.get(name) ?? []
        waiting.delete(name)
        for (const wake of next) wake()
      },
    }
  }
  const take = (name: string, ttlMs: number) => (isHeld(name) ? undefined : give(name, ttlMs))
  return {
    names,
    steal: (name) => give(name, Number.POSITIVE_INFINITY),
    endFormer() {
      hasEnded = true
    },
    isHeld: async (name) => isHeld(name),
    async take(name, ttlMs) {
      names.push(name)
      return take(name, ttlMs)
    },
    async run(name, ttlMs, work) {
      names.push(name)
      let lease = take(name, ttlMs)
      for (; !lease; lease = take(name, ttlMs))
        await new Promise<void>((resolve) => waiting.set(name, [...(waiting.get(name) ?? []), resolve]))
      try {
        await before()
        return await work(lease)
      } finally {
        await lease.release()
      }
    },
  }
}
