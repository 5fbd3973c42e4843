// Leases in memory: one holder a name, the others wait their turn; test/contract/leases.test.ts holds them to what the real ones do.
import type { Lease, Leases } from '../../src/ports.ts'

export interface FakeLeases extends Leases {
  /** Every lease that was asked for, in order. */
  readonly names: readonly string[]
}

/**
 * `before` runs when a lease is given to `run`, before its work: what another holder did in the meantime.
 * `now` tells when a holder that died is succeeded; nothing renews a lease here.
 */
export function createFakeLeases(
  before: () => void | Promise<void> = () => undefined,
  now: () => number = () => 0,
): FakeLeases {
  const held = new Map<string, { readonly end: number }>()
  const waiting = new Map<string, (() => void)[]>()
  const names: string[] = []
  const isHeld = (name: string) => (held.get(name)?.end ?? Number.NEGATIVE_INFINITY) > now()
  const take = (name: string, ttlMs: number): Lease | undefined => {
    if (isHeld(name)) return undefined
    const lease = { end: now() + ttlMs }
    held.set(name, lease)
    return {
      lost: new AbortController().signal,
      async release() {
        if (held.get(name) === lease) held.delete(name)
        const next = waiting.get(name) ?? []
        waiting.delete(name)
        for (const wake of next) wake()
      },
    }
  }
  return {
    names,
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
        return await work(lease.lost)
      } finally {
        await lease.release()
      }
    },
  }
}
