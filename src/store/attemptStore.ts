// Sign-in attempts (table sessions): one row each, keyed by state, shared by the processes that wait and the one that answers; old ones are deleted when the next begins.
import { BridgeError } from '../errors.ts'
import type { AttemptStore, Clock } from '../ports.ts'
import type { AttemptPlan, TokenKey } from '../records.ts'
import {
  ATTEMPT,
  type NewAttemptColumns,
  newAttemptColumns,
  placeOfPlan,
  readAttemptRow,
  requestOf,
  SUPERSEDED,
  toAttempt,
} from './attemptRow.ts'
import { isSealed, type MarkedRow, marked, rowAsRead, sealRow, withMark } from './sealing/rowSeals.ts'
import { broken, type OpenSeal, type Seal } from './sealing/seal.ts'
import type { Database, Row, Sql } from './sql.ts'
import { insertInto, optionalText, textOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

/** Settled attempts are kept this long for `status` and for people who read the table. */
const KEEP_MS = 24 * 60 * 60 * 1000
/** Nobody who begins one waits for thousands of old ones to be deleted. */
const DELETE_OLD =
  'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < :end ORDER BY expires_at LIMIT 100)'
/** Each try that fails is one of another process that began an attempt of the same key. */
const MOST_TRIES = 50

export function createAttemptStore(database: Database, openSeal: OpenSeal, clock: Clock): AttemptStore {
  const now = () => sqlTime(clock.now())
  const attemptOf = async (row: MarkedRow | undefined) => row && (await toAttempt(openSeal, row))

  const store: AttemptStore = {
    async begin(key, challenge, expiresAt, { wishes, fits = () => true } = { wishes: {} }) {
      const seal = await openSeal()
      const { row, ...outcome } = await database.transaction(async (sql) => {
        await sql.run(DELETE_OLD, { end: sqlTime(clock.now() - KEEP_MS) })
        await settleExpired(sql, key, now())
        for (let left = MOST_TRIES; left > 0; left--) {
          const open = await readOpenRow(sql, key, now())
          if (open && fits(requestOf(open.row).wishes)) return { row: open, begun: false, superseded: false }
          const columns = newAttemptColumns({ key, challenge, wishes, now: clock.now(), expires: expiresAt })
          if (open) await supersede(sql, open.row, columns)
          const row = await insertRequested(sql, seal, columns)
          if (row) return { row, begun: true, superseded: open !== undefined }
        }
        throw new BridgeError('database_locked')
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

    byId: async (id) => attemptOf(await readAttemptRow(database, id)),

    async byState(state, at) {
      const values = { state, now: sqlTime(at) }
      return await attemptOf(marked(await database.get(`SELECT ${ATTEMPT} FROM sessions ${WAITING_UNDER}`, values)))
    },

    async plan(id, plan) {
      await changePlan(database, await openSeal(), { id, plan }, (sql, sealed) =>
        sql.run(
          `UPDATE sessions SET plan = :sealed, status = 'waiting', updated_at = :now
           WHERE id = :id AND status = 'requested'`,
          { id, sealed, now: now() },
        ),
      )
    },

    async deliver({ id, state }, plan) {
      return await changePlan(database, await openSeal(), { id, plan }, (sql, sealed) =>
        sql.run(
          "UPDATE sessions SET plan = :sealed, updated_at = :now WHERE id = :id AND state = :state AND status = 'waiting'",
          { id, state, sealed, now: now() },
        ),
      )
    },

    async planAgain(id, state, plan) {
      await changePlan(database, await openSeal(), { id, plan, state }, (sql, sealed) =>
        sql.run(
          `UPDATE sessions SET state = :state, plan = :sealed, status = 'waiting', updated_at = :now
           WHERE id = :id AND status = 'redeeming'`,
          { id, state, sealed, now: now() },
        ),
      )
    },

    async tabOpened(id) {
      const values = { id, now: now() }
      await database.run('UPDATE sessions SET opened_at = :now WHERE id = :id AND opened_at IS NULL', values)
    },

    async claim(state, at) {
      return await attemptOf(await claimRow(database, state, sqlTime(at)))
    },

    async settle(id, outcome) {
      const error = outcome.status === 'failed' ? outcome : undefined
      await database.run(
        `UPDATE sessions SET status = :status, error_code = :code, error_message = :message, error_hint = :hint, plan = NULL, updated_at = :now
         WHERE id = :id AND status NOT IN ('finished', 'failed')`,
        {
          id,
          status: outcome.status,
          code: error?.code ?? null,
          message: error?.message ?? null,
          hint: error?.hint ?? null,
          now: now(),
        },
      )
    },

    lastFailure: async (key, since, counts = () => true) =>
      attemptOf(await readLastFailure(database, key, { since: sqlTime(since), now: now() }, counts)),
    opened: async (key, since, status) => countOpened(database, key, { since: sqlTime(since), now: now() }, status),
    open: (at) => readOpenKeys(database, sqlTime(at)),
  }
  return store
}

const IS_OPEN = "status IN ('requested', 'waiting', 'redeeming') AND expires_at > :now"
const WAITING_UNDER = "WHERE state = :state AND status = 'waiting' AND expires_at > :now"

/** A tab that a person opened without us counts from here on. */
const claimRow = (database: Database, state: string, now: Date) =>
  database.transaction(async (sql) => {
    const row = await sql.get(
      `UPDATE sessions SET status = 'redeeming', opened_at = coalesce(opened_at, :now), updated_at = :now ${WAITING_UNDER} RETURNING *`,
      { state, now },
    )
    return row && withMark(sql, 'sessions', row)
  })

/** The newest attempt of this key that is still open. */
const readOpenRow = async (sql: Sql, { server, profile }: TokenKey, now: Date) =>
  marked(
    await sql.get(
      `SELECT ${ATTEMPT} FROM sessions
       WHERE server = :server AND profile = :profile AND ${IS_OPEN} ORDER BY created_at DESC LIMIT 1`,
      { server, profile, now },
    ),
  )

/** An attempt that nobody settled in its time is not a refusal, and makes place for another: one of a key is open. */
async function settleExpired(sql: Sql, { server, profile }: TokenKey, now: Date): Promise<void> {
  const message = 'The sign-in was not completed in time.'
  await sql.run(
    `UPDATE sessions SET status = 'failed', error_code = '${SUPERSEDED}', error_message = :message, plan = NULL
     WHERE server = :server AND profile = :profile AND status IN ('requested', 'waiting', 'redeeming') AND expires_at <= :now`,
    { server, profile, message, now },
  )
}

/** Ends an attempt for the sake of the one that begins now. */
async function supersede(sql: Sql, open: Row, successor: NewAttemptColumns): Promise<void> {
  await sql.run(
    `UPDATE sessions SET status = 'failed', error_code = '${SUPERSEDED}', error_message = :message, error_hint = :successor,
       plan = NULL, updated_at = :now WHERE id = :id AND status NOT IN ('finished', 'failed')`,
    {
      id: textOf(open.id),
      successor: successor.id,
      message: 'Another sign-in with different options replaced it.',
      now: successor.created_at,
    },
  )
}

/** Writes and seals a new attempt; gives its whole row. Undefined: another process has begun one. Call it in a transaction. */
async function insertRequested(sql: Sql, seal: Seal, columns: NewAttemptColumns): Promise<MarkedRow | undefined> {
  const row = { ...columns, status: 'requested', updated_at: columns.created_at }
  if ((await sql.run(`${insertInto('sessions', row)} ON CONFLICT DO NOTHING`, row)) !== 1) return undefined
  const mark = await sealRow(sql, seal, 'sessions', columns)
  const others = { plan: null, opened_at: null, error_code: null, error_message: null, error_hint: null }
  return { row: { ...rowAsRead(row), ...others }, mark }
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
  write: (sql: Sql, sealed: string) => Promise<number>,
): Promise<boolean> {
  const sealed = seal.seal(JSON.stringify(plan), placeOfPlan(id))
  return database.transaction(async (sql) => {
    const before = await readAttemptRow(sql, id)
    if (!before || (await write(sql, sealed)) !== 1) return false
    if (!isSealed(seal, 'sessions', before)) throw broken(placeOfPlan(id))
    await sealRow(sql, seal, 'sessions', { ...before.row, ...changed, plan: sealed })
    return true
  })
}

/** What is later than now is of a clock that was ahead: it says nothing about how long ago something was. */
interface Span {
  readonly since: Date
  readonly now: Date
}

/** The newest attempt that failed after its tab was opened, with an error that counts, and after which nobody signed in. */
async function readLastFailure(
  sql: Sql,
  { server, profile }: TokenKey,
  { since, now }: Span,
  counts: (errorCode: string) => boolean,
): Promise<MarkedRow | undefined> {
  const ended = await sql.all(
    `SELECT id, status, error_code FROM sessions
     WHERE server = :server AND profile = :profile AND status IN ('failed', 'finished') AND opened_at IS NOT NULL
       AND updated_at BETWEEN :since AND :now AND coalesce(error_code, '') <> '${SUPERSEDED}'
     ORDER BY updated_at DESC`,
    { server, profile, since, now },
  )
  const newest = ended.find(({ status, error_code }) => status === 'finished' || counts(optionalText(error_code) ?? ''))
  return newest?.status === 'failed' ? readAttemptRow(sql, textOf(newest.id)) : undefined
}

/** How many attempts had a tab opened; a challenge is written with its status first. */
async function countOpened(sql: Sql, { server, profile }: TokenKey, { since, now }: Span, status: 401 | 403) {
  const row = await sql.get(
    `SELECT count(*) AS count FROM sessions
     WHERE server = :server AND profile = :profile AND opened_at BETWEEN :since AND :now
       AND CASE WHEN challenge LIKE '{"status":403%' THEN 403 ELSE 401 END = :status`,
    { server, profile, since, now, status },
  )
  return Number(row?.count)
}

async function readOpenKeys(sql: Sql, now: Date): Promise<TokenKey[]> {
  const rows = await sql.all(`SELECT DISTINCT server, profile FROM sessions WHERE ${IS_OPEN}`, { now })
  return rows.map(({ server, profile }) => ({ server: textOf(server), profile: textOf(profile) }))
}
