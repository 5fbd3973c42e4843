// An AttemptStore in memory.
import type { AttemptStore } from '../../src/ports.ts'
import type { Attempt } from '../../src/records.ts'

export interface FakeAttemptStore extends AttemptStore {
  readonly rows: Map<string, Attempt>
}

export function createFakeAttemptStore(now: () => number): FakeAttemptStore {
  const rows = new Map<string, Attempt>()
  const opened = new Map<string, number>()
  const isOpen = ({ status, expiresAt }: Attempt) => status !== 'finished' && status !== 'failed' && expiresAt > now()
  const change = (id: string, changes: Partial<Attempt>) => {
    const row = rows.get(id)
    if (row) rows.set(id, { ...row, ...changes, updatedAt: now() })
  }
  return {
    rows,
    async begin({ server, profile }, challenge, expiresAt, { wishes, fits } = { wishes: {} }) {
      const open = [...rows.values()].find((row) => row.server === server && row.profile === profile && isOpen(row))
      const superseded = open !== undefined && fits?.(open.wishes) === false
      if (open && !superseded) return { attempt: open, begun: false, superseded }
      const id = `attempt-${rows.size + 1}`
      if (open) change(open.id, { status: 'failed', successor: id })
      const attempt: Attempt = {
        id,
        state: `state-of-${id}`,
        server,
        profile,
        status: 'requested',
        expiresAt,
        updatedAt: now(),
        challenge,
        wishes,
      }
      rows.set(id, attempt)
      return { attempt, begun: true, superseded }
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
    plan: async (id, plan) => {
      opened.set(id, now())
      change(id, { plan, status: 'waiting' })
    },
    async claim(state) {
      const row = [...rows.values()].find((one) => one.state === state && one.status === 'waiting' && isOpen(one))
      if (!row) return undefined
      change(row.id, { status: 'redeeming' })
      return { ...row, status: 'redeeming' }
    },
    async lastFailure({ server, profile }, since) {
      const settled = [...rows.values()].filter(
        (row) =>
          row.server === server &&
          row.profile === profile &&
          row.plan &&
          !row.successor &&
          !isOpen(row) &&
          row.updatedAt >= since,
      )
      const newest = settled.sort((a, b) => a.updatedAt - b.updatedAt).at(-1)
      return newest?.status === 'failed' ? newest : undefined
    },
    opened: async ({ server, profile }, since, status) =>
      [...rows.values()].filter(
        (row) =>
          row.server === server &&
          row.profile === profile &&
          (opened.get(row.id) ?? -1) >= since &&
          (row.challenge.status === 403) === (status === 403),
      ).length,
    open: async () => [...rows.values()].filter(isOpen).map(({ server, profile }) => ({ server, profile })),
    async settle(id, outcome) {
      if (outcome.status === 'finished') change(id, { status: 'finished' })
      else change(id, { status: 'failed', errorCode: outcome.code, errorMessage: outcome.message })
    },
  }
}
