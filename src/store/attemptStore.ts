// Sign-in attempts (table sessions): one row each, keyed by state, shared by the processes that wait and the one that answers.
import { BridgeError } from '../errors.ts'
import type { AttemptStore, Clock } from '../ports.ts'
import type { AttemptPlan, TokenKey } from '../records.ts'
import {
  type NewAttemptColumns,
  newAttemptColumns,
  placeOfPlan,
  readAttemptRow,
  requestOf,
  SUPERSEDED,
  toAttempt,
} from './attemptRow.ts'
import { isSealed, type MarkedRow, type Row, readMarked, sealRow } from './sealing/rowSeals.ts'
import { broken, type OpenSeal, type Seal } from './sealing/seal.ts'
import { insertInto, optionalText, textOf } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'

/** Settled attempts are kept this long for `status` and for people who read the table. */
const KEEP_MS = 24 * 60 * 60 * 1000

export function createAttemptStore(database: Database, openSeal: OpenSeal, clock: Clock): AttemptStore {
  const sqlNow = () => toSqlTime(clock.now())
  const attemptOf = async (row: MarkedRow | undefined) => row && (await toAttempt(openSeal, row))

  const store: AttemptStore = {
    async begin(key, challenge, expiresAt, { wishes, fits = () => true } = { wishes: {} }) {
      const seal = await openSeal()
      const { row, ...outcome } = database.transaction(() => {
        database.run('DELETE FROM sessions WHERE expires_at < :limit', { limit: toSqlTime(clock.now() - KEEP_MS) })
        const open = readOpenRow(database, key, sqlNow())
        if (open && fits(requestOf(open.row).wishes)) return { row: open, begun: false, superseded: false }
        const columns = newAttemptColumns({ key, challenge, wishes, now: sqlNow(), expires: toSqlTime(expiresAt) })
        if (open) supersede(database, open.row, columns)
        return { row: insertRequested(database, seal, columns), begun: true, superseded: open !== undefined }
      })
      try {
        return { attempt: await toAttempt(openSeal, row), ...outcome }
      } catch (thrown) {
        // An altered open attempt cannot be finished, and would block others until it expires.
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        await store.settle(textOf(row.row.id), { status: 'failed', code: thrown.code, message: thrown.message })
        return await store.begin(key, challenge, expiresAt, { wishes, fits })
      }
    },

    byId: async (id) => attemptOf(readAttemptRow(database, id)),

    async byState(state, now) {
      return await attemptOf(
        readMarked(database, 'sessions', () =>
          database.get(`SELECT * FROM sessions ${WAITING_UNDER}`, { state, now: toSqlTime(now) }),
        ),
      )
    },

    async plan(id, plan) {
      await changePlan(database, await openSeal(), { id, plan }, (sealed) =>
        database.run(
          `UPDATE sessions SET plan = :sealed, status = 'waiting', updated_at = :now
           WHERE id = :id AND status = 'requested'`,
          { id, sealed, now: sqlNow() },
        ),
      )
    },

    async deliver({ id, state }, plan) {
      return await changePlan(database, await openSeal(), { id, plan }, (sealed) =>
        database.run(
          "UPDATE sessions SET plan = :sealed, updated_at = :now WHERE id = :id AND state = :state AND status = 'waiting'",
          { id, state, sealed, now: sqlNow() },
        ),
      )
    },

    async planAgain(id, state, plan) {
      await changePlan(database, await openSeal(), { id, plan, state }, (sealed) =>
        database.run(
          `UPDATE sessions SET state = :state, plan = :sealed, status = 'waiting', updated_at = :now
           WHERE id = :id AND status = 'redeeming'`,
          { id, state, sealed, now: sqlNow() },
        ),
      )
    },

    async tabOpened(id) {
      const values = { id, now: sqlNow() }
      database.run('UPDATE sessions SET opened_at = :now WHERE id = :id AND opened_at IS NULL', values)
    },

    async claim(state, now) {
      return await attemptOf(claimRow(database, state, toSqlTime(now)))
    },

    async settle(id, outcome) {
      const error = outcome.status === 'failed' ? outcome : undefined
      database.run(
        `UPDATE sessions SET status = :status, error_code = :code, error_message = :message, error_hint = :hint, plan = NULL, updated_at = :now
         WHERE id = :id AND status NOT IN ('finished', 'failed')`,
        {
          id,
          status: outcome.status,
          code: error?.code ?? null,
          message: error?.message ?? null,
          hint: error?.hint ?? null,
          now: sqlNow(),
        },
      )
    },

    lastFailure: async (key, since, counts = () => true) =>
      attemptOf(readLastFailure(database, key, toSqlTime(since), counts)),
    opened: async (key, since, status) => countOpened(database, key, toSqlTime(since), status),
    open: async (now) => readOpenKeys(database, toSqlTime(now)),
  }
  return store
}

const IS_OPEN = "status IN ('requested', 'waiting', 'redeeming') AND expires_at > :now"
const WAITING_UNDER = "WHERE state = :state AND status = 'waiting' AND expires_at > :now"

/** A tab that a person opened without us counts from here on. */
const claimRow = (database: Database, state: string, now: string) =>
  database.transaction(() =>
    readMarked(database, 'sessions', () =>
      database.get(
        `UPDATE sessions SET status = 'redeeming', opened_at = coalesce(opened_at, :now), updated_at = :now ${WAITING_UNDER} RETURNING *`,
        { state, now },
      ),
    ),
  )

/** The newest attempt of this key that is still open. */
const readOpenRow = (database: Database, { server, profile }: TokenKey, now: string) =>
  readMarked(database, 'sessions', () =>
    database.get(
      `SELECT * FROM sessions WHERE server = :server AND profile = :profile AND ${IS_OPEN} ORDER BY created_at DESC LIMIT 1`,
      { server, profile, now },
    ),
  )

/** Ends an attempt for the sake of the one that begins now. */
function supersede(database: Database, open: Row, successor: NewAttemptColumns): void {
  database.run(
    `UPDATE sessions SET status = 'failed', error_code = '${SUPERSEDED}', error_message = :message, error_hint = :successor,
       plan = NULL, updated_at = :now WHERE id = :id`,
    {
      id: textOf(open.id),
      successor: successor.id,
      message: 'Another sign-in with different options replaced it.',
      now: successor.created_at,
    },
  )
}

/** Writes and seals a new attempt; gives its whole row. Call it in a transaction. */
function insertRequested(database: Database, seal: Seal, columns: NewAttemptColumns): MarkedRow {
  const row = { ...columns, status: 'requested', updated_at: columns.created_at }
  database.run(insertInto('sessions', row), row)
  const mark = sealRow(database, seal, 'sessions', columns)
  return { row: { ...row, plan: null, opened_at: null, error_code: null, error_message: null, error_hint: null }, mark }
}

/** What changes in an attempt; a new plan may come with a new state. */
interface PlanChange {
  readonly id: string
  readonly plan: AttemptPlan
  readonly state?: string
}

/**
 * `write` puts the sealed plan into the attempt where that is still as it was, and gives the number of changed rows; then the row is
 * sealed as it is now. False: it is not as it was any more. @throws BridgeError seal_broken
 */
function changePlan(
  database: Database,
  seal: Seal,
  { id, plan, ...changed }: PlanChange,
  write: (sealed: string) => number,
): boolean {
  const sealed = seal.seal(JSON.stringify(plan), placeOfPlan(id))
  return database.transaction(() => {
    const before = readAttemptRow(database, id)
    if (!before || write(sealed) !== 1) return false
    if (!isSealed(seal, 'sessions', before)) throw broken(placeOfPlan(id))
    sealRow(database, seal, 'sessions', { ...before.row, ...changed, plan: sealed })
    return true
  })
}

/** The newest attempt that failed after its tab was opened, with an error that counts, and after which nobody signed in. */
function readLastFailure(
  database: Database,
  { server, profile }: TokenKey,
  since: string,
  counts: (errorCode: string) => boolean,
): MarkedRow | undefined {
  const ended = database.all(
    `SELECT id, status, error_code FROM sessions
     WHERE server = :server AND profile = :profile AND status IN ('failed', 'finished') AND opened_at IS NOT NULL
       AND updated_at >= :since AND coalesce(error_code, '') <> '${SUPERSEDED}'
     ORDER BY updated_at DESC`,
    { server, profile, since },
  )
  const newest = ended.find(({ status, error_code }) => status === 'finished' || counts(optionalText(error_code) ?? ''))
  return newest?.status === 'failed' ? readAttemptRow(database, textOf(newest.id)) : undefined
}

/** How many attempts had a tab opened; a challenge is written with its status first. */
function countOpened(database: Database, { server, profile }: TokenKey, since: string, status: 401 | 403): number {
  const row = database.get(
    `SELECT count(*) AS count FROM sessions
     WHERE server = :server AND profile = :profile AND opened_at >= :since AND (challenge LIKE '{"status":403%') = :is403`,
    { server, profile, since, is403: status === 403 ? 1 : 0 },
  )
  return Number(row?.count)
}

const readOpenKeys = (database: Database, now: string): TokenKey[] =>
  database
    .all(`SELECT DISTINCT server, profile FROM sessions WHERE ${IS_OPEN}`, { now })
    .map(({ server, profile }) => ({ server: textOf(server), profile: textOf(profile) }))
