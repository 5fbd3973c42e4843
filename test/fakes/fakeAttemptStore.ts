// An AttemptStore in memory; test/contract/attemptStore.test.ts holds it to what the real one does.
import type { AttemptStore } from '../../src/ports.ts'
import type { Attempt, TokenKey } from '../../src/records.ts'

export interface FakeAttemptStore extends AttemptStore {
  /** As they were written; what is read of a settled one is less. */
  readonly rows: Map<string, Attempt>
}

const DAY = 86_400_000

export function createFakeAttemptStore(now: () => number): FakeAttemptStore {
  const rows = new Map<string, Attempt>()
  let count = 0
  const all = () => [...rows.values()]
  const isSettled = ({ status }: Attempt) => status === 'finished' || status === 'failed'
  const isOpen = (row: Attempt, at: number) => !isSettled(row) && row.expiresAt > at
  const isWithin = (time: number, since: number) => since <= time && time <= now()
  const isOf =
    ({ server, profile }: TokenKey) =>
    (row: Attempt) =>
      row.server === server && row.profile === profile
  const change = (id: string, changes: Partial<Attempt>) => {
    const row = rows.get(id)
    if (row) rows.set(id, { ...row, ...changes, updatedAt: now() })
  }
  const settle = (id: string, changes: Partial<Attempt>) => {
    change(id, changes)
    const { plan: _wiped, ...row } = rows.get(id) as Attempt
    rows.set(id, row)
  }
  const read = (row: Attempt | undefined): Attempt | undefined =>
    row && isSettled(row) ? { ...row, challenge: { status: 401 }, wishes: {} } : row
  const waitingUnder = (state: string, at: number) =>
    all().find((row) => row.state === state && row.status === 'waiting' && row.expiresAt > at)
  return {
    rows,
    async begin(key, challenge, expiresAt, { wishes, fits } = { wishes: {} }) {
      for (const row of all()) if (row.expiresAt < now() - DAY) rows.delete(row.id)
      const open = all()
        .filter(isOf(key))
        .find((row) => isOpen(row, now()))
      const superseded = open !== undefined && fits?.(open.wishes) === false
      if (open && !superseded) return { attempt: open, begun: false, superseded }
      const id = `attempt-${++count}`
      const errorMessage = 'Another sign-in with different options replaced it.'
      if (open) settle(open.id, { status: 'failed', errorMessage, successor: id })
      const attempt: Attempt = {
        id,
        state: `state-of-${id}`,
        server: key.server,
        profile: key.profile,
        status: 'requested',
        expiresAt,
        updatedAt: now(),
        challenge,
        wishes,
      }
      rows.set(id, attempt)
      return { attempt, begun: true, superseded }
    },
    byId: async (id) => read(rows.get(id)),
    byState: async (state, at) => waitingUnder(state, at),
    async plan(id, plan) {
      if (rows.get(id)?.status !== 'requested') return
      change(id, { plan, status: 'waiting' })
    },
    async deliver({ id, state }, plan) {
      const row = rows.get(id)
      if (row?.status !== 'waiting' || row.state !== state) return false
      change(id, { plan })
      return true
    },
    async planAgain(id, state, plan) {
      if (rows.get(id)?.status === 'redeeming') change(id, { state, plan, status: 'waiting' })
    },
    async tabOpened(id) {
      const row = rows.get(id)
      if (row) rows.set(id, { ...row, openedAt: row.openedAt ?? now() })
    },
    async claim(state, at) {
      const row = waitingUnder(state, at)
      if (!row) return undefined
      change(row.id, { status: 'redeeming', openedAt: row.openedAt ?? now() })
      return rows.get(row.id)
    },
    async lastFailure(key, since, counts = () => true) {
      const settled = all()
        .filter(isOf(key))
        .filter(
          (row) => isSettled(row) && row.openedAt !== undefined && !row.successor && isWithin(row.updatedAt, since),
        )
      const newest = settled
        .sort((a, b) => b.updatedAt - a.updatedAt)
        .find(({ status, errorCode = '' }) => status === 'finished' || counts(errorCode))
      return newest?.status === 'failed' ? read(newest) : undefined
    },
    opened: async (key, since, status) =>
      all()
        .filter(isOf(key))
        .filter((row) => isWithin(row.openedAt ?? Number.NEGATIVE_INFINITY, since))
        .filter(({ challenge }) => (challenge.status === 403) === (status === 403)).length,
    async open(at) {
      const open = all().filter((row) => isOpen(row, at))
      const keys = new Map(open.map(({ server, profile }) => [`${server} ${profile}`, { server, profile }]))
      return [...keys.values()]
    },
    async settle(id, outcome) {
      const row = rows.get(id)
      if (!row || isSettled(row)) return
      if (outcome.status === 'finished') return settle(id, { status: 'finished' })
      const { code, message, hint } = outcome
      const errorHint = hint === undefined ? {} : { errorHint: hint }
      settle(id, { status: 'failed', errorCode: code, errorMessage: message, ...errorHint })
    },
  }
}
