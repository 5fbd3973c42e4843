// Sign-in attempts (table sessions): one row each, keyed by state, shared by the processes that wait and the one that answers.
import { randomBytes, randomUUID } from 'node:crypto'
import { BridgeError } from '../errors.ts'
import type { AttemptStore, Clock } from '../ports.ts'
import type { Attempt, AttemptPlan, Challenge, Wishes } from '../records.ts'
import { withoutControls } from '../redaction/text.ts'
import { isSealed, type Row, sealRow } from './sealing/rowSeals.ts'
import { broken, type OpenSeal, type Seal } from './sealing/seal.ts'
import type { Database, Value } from './sqlite/database.ts'
import { fromSqlTime, toSqlTime } from './sqlite/time.ts'

/** Settled attempts are kept this long for `status` and for people who read the table. */
const KEEP_MS = 24 * 60 * 60 * 1000
/** The `error_code` of an attempt that was replaced by another, whose id is in `error_hint`. */
const SUPERSEDED = 'superseded'

export function createAttemptStore(database: Database, openSeal: OpenSeal, clock: Clock): AttemptStore {
  const readRow = (id: string) => database.get('SELECT * FROM sessions WHERE id = ?', id)

  /** An open attempt is acted on, so it must be as it was written; a settled one is only reported. */
  const toAttempt = async (row: Row): Promise<Attempt> => {
    const id = String(row.id)
    const status = row.status as Attempt['status']
    const open = status === 'finished' || status === 'failed' ? undefined : await opened(row, await openSeal())
    const superseded = row.error_code === SUPERSEDED
    return {
      id,
      state: String(row.state),
      server: String(row.server),
      profile: String(row.profile),
      status,
      expiresAt: fromSqlTime(String(row.expires_at)),
      updatedAt: fromSqlTime(String(row.updated_at)),
      challenge: open?.challenge ?? { status: 401 },
      wishes: open?.wishes ?? {},
      ...(row.error_code === null || superseded ? {} : { errorCode: String(row.error_code) }),
      ...(row.error_message === null ? {} : { errorMessage: told(row.error_message) }),
      ...(row.error_hint === null ? {} : { [superseded ? 'successor' : 'errorHint']: told(row.error_hint) }),
      ...(open?.plan ? { plan: open.plan } : {}),
    }
  }

  /** @throws BridgeError seal_broken */
  const opened = async (row: Row, seal: Seal) => {
    const id = String(row.id)
    if (!isSealed(database, seal, 'sessions', row)) throw broken(place(id))
    const { wishes, ...challenge } = askedOf(row)
    return {
      challenge,
      wishes,
      plan: row.plan === null ? undefined : (JSON.parse(seal.open(String(row.plan), place(id))) as AttemptPlan),
    }
  }

  /** Writes the plan of an attempt that is still as it was, and seals what it is now; false: it is not. @throws BridgeError seal_broken */
  const change = async (id: string, plan: AttemptPlan, next: Row, write: (sealed: string) => number) => {
    const seal = await openSeal()
    const sealed = seal.seal(JSON.stringify(plan), place(id))
    return database.transaction(() => {
      const row = readRow(id)
      if (!row || write(sealed) !== 1) return false
      if (!isSealed(database, seal, 'sessions', row)) throw broken(place(id))
      sealRow(database, seal, 'sessions', { ...row, ...next, plan: sealed })
      return true
    })
  }

  const store: AttemptStore = {
    async begin(key, challenge, expiresAt, asking = { wishes: {} }) {
      const now = toSqlTime(clock.now())
      const seal = await openSeal()
      const { row, ...how } = database.transaction(() => {
        database.run('DELETE FROM sessions WHERE expires_at < ?', toSqlTime(clock.now() - KEEP_MS))
        const open = database.get(
          `SELECT * FROM sessions WHERE server = ? AND profile = ? AND status IN ('requested', 'waiting', 'redeeming') AND expires_at > ?
           ORDER BY created_at DESC LIMIT 1`,
          ...[key.server, key.profile, now],
        )
        const superseded = open !== undefined && asking.fits?.(askedOf(open).wishes) === false
        if (open && !superseded) return { row: open, begun: false, superseded }
        const id = randomUUID()
        if (open)
          database.run(
            `UPDATE sessions SET status = 'failed', error_code = '${SUPERSEDED}', error_message = ?, error_hint = ?, plan = NULL, updated_at = ? WHERE id = ?`,
            ...['Another sign-in with different options replaced it.', id, now, String(open.id)],
          )
        const written = {
          ...{ id, state: randomBytes(32).toString('base64url'), server: key.server, profile: key.profile },
          challenge: JSON.stringify({ ...challenge, wishes: asking.wishes }),
          ...{ created_at: now, expires_at: toSqlTime(expiresAt) },
        }
        database.run(
          `INSERT INTO sessions (id, state, server, profile, challenge, created_at, expires_at, status, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, 'requested', ?)`,
          ...[...Object.values(written), now],
        )
        sealRow(database, seal, 'sessions', written)
        const empty = { plan: null, error_code: null, error_message: null, error_hint: null }
        const row: Row = { ...written, ...empty, status: 'requested', updated_at: now }
        return { row, begun: true, superseded }
      })
      try {
        return { attempt: await toAttempt(row), ...how }
      } catch (thrown) {
        // An altered open attempt cannot be finished, and would block others until it expires.
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        await store.settle(String(row.id), { status: 'failed', code: thrown.code, message: thrown.message })
        return await store.begin(key, challenge, expiresAt, asking)
      }
    },

    async byId(id) {
      const row = readRow(id)
      return row && (await toAttempt(row))
    },

    async plan(id, plan) {
      await change(id, plan, {}, (sealed) =>
        database.run(
          "UPDATE sessions SET plan = ?, status = 'waiting', opened_at = ?, updated_at = ? WHERE id = ? AND status = 'requested'",
          ...[sealed, toSqlTime(clock.now()), toSqlTime(clock.now()), id],
        ),
      )
    },

    async byState(state, now) {
      const row = database.get(
        "SELECT * FROM sessions WHERE state = ? AND status = 'waiting' AND expires_at > ?",
        ...[state, toSqlTime(now)],
      )
      return row && (await toAttempt(row))
    },

    async deliver({ id, state }, plan) {
      return await change(id, plan, {}, (sealed) =>
        database.run(
          "UPDATE sessions SET plan = ?, updated_at = ? WHERE id = ? AND state = ? AND status = 'waiting'",
          ...[sealed, toSqlTime(clock.now()), id, state],
        ),
      )
    },

    async planAgain(id, state, plan) {
      await change(id, plan, { state }, (sealed) =>
        database.run(
          "UPDATE sessions SET state = ?, plan = ?, status = 'waiting', updated_at = ? WHERE id = ? AND status = 'redeeming'",
          ...[state, sealed, toSqlTime(clock.now()), id],
        ),
      )
    },

    async claim(state, now) {
      const row = database.get(
        "UPDATE sessions SET status = 'redeeming', updated_at = ? WHERE state = ? AND status = 'waiting' AND expires_at > ? RETURNING *",
        ...[toSqlTime(now), state, toSqlTime(now)],
      )
      return row && (await toAttempt(row))
    },

    async lastFailure(key, since) {
      const row = database.get(
        `SELECT * FROM sessions WHERE server = ? AND profile = ? AND status IN ('failed', 'finished') AND opened_at IS NOT NULL AND updated_at >= ?
           AND coalesce(error_code, '') <> '${SUPERSEDED}'
         ORDER BY updated_at DESC LIMIT 1`,
        ...[key.server, key.profile, toSqlTime(since)],
      )
      return row?.status === 'failed' ? await toAttempt(row) : undefined
    },

    async opened(key, since, status) {
      const row = database.get(
        `SELECT count(*) AS count FROM sessions WHERE server = ? AND profile = ? AND opened_at >= ? AND (challenge LIKE '{"status":403%') = ?`,
        ...[key.server, key.profile, toSqlTime(since), status === 403 ? 1 : 0],
      )
      return Number(row?.count)
    },

    async open(now) {
      const rows = database.all(
        "SELECT DISTINCT server, profile FROM sessions WHERE status IN ('requested', 'waiting', 'redeeming') AND expires_at > ?",
        toSqlTime(now),
      )
      return rows.map((row) => ({ server: String(row.server), profile: String(row.profile) }))
    },

    async settle(id, outcome) {
      const error =
        outcome.status === 'failed' ? [outcome.code, outcome.message, outcome.hint ?? null] : [null, null, null]
      database.run(
        `UPDATE sessions SET status = ?, error_code = ?, error_message = ?, error_hint = ?, plan = NULL, updated_at = ?
         WHERE id = ? AND status NOT IN ('finished', 'failed')`,
        ...([outcome.status, ...error, toSqlTime(clock.now()), id] as Value[]),
      )
    },
  }
  return store
}

/** Anyone who can write to the file may have written it: plain text only, of limited length. */
const told = (text: Value | undefined) => withoutControls(String(text)).slice(0, 2_000)

/** The column holds what was asked for: the challenge, and the wishes of who began the attempt, which earlier versions did not store. */
function askedOf({ challenge }: Row): Challenge & { readonly wishes: Wishes } {
  return { wishes: {}, ...JSON.parse(String(challenge)) }
}

const place = (id: string) => ['sessions', id, 'plan'] as const
