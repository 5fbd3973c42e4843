// Leases in memory: one holder a name, the others wait their turn.
import type { Lease, Leases } from '../../src/ports.ts'

export interface FakeLeases extends Leases {
  /** Every lease that was asked for, in order. */
  readonly names: readonly string[]
}

/** `before` runs when a lease is given to `run`, before its work: what another holder did in the meantime. */
export function createFakeLeases(before: () => void | Promise<void> = () => undefined): FakeLeases {
  const held = new Set<string>()
  const waiting = new Map<string, (() => void)[]>()
  const names: string[] = []
  const take = (name: string): Lease | undefined => {
    if (held.has(name)) return undefined
    held.add(name)
    return {
      lost: new AbortController().signal,
      release() {
        held.delete(name)
        const next = waiting.get(name) ?? []
        waiting.delete(name)
        for (const wake of next) wake()
      },
    }
  }
  return {
    names,
    isHeld: async (name) => held.has(name),
    async take(name) {
      names.push(name)
      return take(name)
    },
    async run(name, _ttlMs, work) {
      names.push(name)
      let lease = take(name)
      for (; !lease; lease = take(name))
        await new Promise<void>((resolve) => waiting.set(name, [...(waiting.get(name) ?? []), resolve]))
      try {
        await before()
        return await work(lease.lost)
      } finally {
        lease.release()
      }
    },
  }
}
