// An AttemptStore in memory.
import type { AttemptStore } from '../../src/ports.ts'
import type { Attempt } from '../../src/records.ts'

export interface FakeAttemptStore extends AttemptStore {
  readonly rows: Map<string, Attempt>
}

export function createFakeAttemptStore(now: () => number): FakeAttemptStore {
  const rows = new Map<string, Attempt>()
  const isOpen = ({ status, expiresAt }: Attempt) => status !== 'finished' && status !== 'failed' && expiresAt > now()
  const change = (id: string, changes: Partial<Attempt>) => {
    const row = rows.get(id)
    if (row) rows.set(id, { ...row, ...changes, updatedAt: now() })
  }
  return {
    rows,
    async begin({ server, profile }, challenge, expiresAt) {
      const open = [...rows.values()].find((row) => row.server === server && row.profile === profile && isOpen(row))
      if (open) return { attempt: open, begun: false }
      const id = `attempt-${rows.size + 1}`
      const attempt: Attempt = {
        id,
        state: `state-of-${id}`,
        server,
        profile,
        status: 'requested',
        expiresAt,
        updatedAt: now(),
        challenge,
      }
      rows.set(id, attempt)
      return { attempt, begun: true }
    },
    byId: async (id) => rows.get(id),
    byState: async (state) =>
      [...rows.values()].find((one) => one.state === state && one.status === 'waiting' && isOpen(one)),
    async deliver({ id, state }, plan) {
      const row = rows.get(id)
      if (row?.status !== 'waiting' || row.state !== state) return false
      change(id, { plan })
      return true
    },
    planAgain: async (id, state, plan) => change(id, { state, plan, status: 'waiting' }),
    plan: async (id, plan) => change(id, { plan, status: 'waiting' }),
    async claim(state) {
      const row = [...rows.values()].find((one) => one.state === state && one.status === 'waiting' && isOpen(one))
      if (!row) return undefined
      change(row.id, { status: 'redeeming' })
      return { ...row, status: 'redeeming' }
    },
    async lastFailure({ server, profile }, since) {
      const settled = [...rows.values()].filter(
        (row) => row.server === server && row.profile === profile && row.plan && !isOpen(row) && row.updatedAt >= since,
      )
      const newest = settled.sort((a, b) => a.updatedAt - b.updatedAt).at(-1)
      return newest?.status === 'failed' ? newest : undefined
    },
    open: async () => [...rows.values()].filter(isOpen).map(({ server, profile }) => ({ server, profile })),
    async settle(id, outcome) {
      if (outcome.status === 'finished') change(id, { status: 'finished' })
      else change(id, { status: 'failed', errorCode: outcome.code, errorMessage: outcome.message })
    },
  }
}
