// Sign-in attempts (table sessions): one row each, keyed by state, shared by the processes that ask and the one that answers.
import { randomBytes, randomUUID } from 'node:crypto'
import { BridgeError } from '../errors.ts'
import type { AttemptStore, Clock } from '../ports.ts'
import type { Attempt, AttemptPlan } from '../records.ts'
import type { Database, Value } from './database.ts'
import type { OpenSeal } from './seal.ts'
import { fromSqlTime, toSqlTime } from './time.ts'

/** Settled attempts are kept this long for `status` and for people who read the table. */
const KEEP_MS = 24 * 60 * 60 * 1000

export function createAttemptStore(database: Database, openSeal: OpenSeal, clock: Clock): AttemptStore {
  const toAttempt = async (row: Record<string, Value>): Promise<Attempt> => {
    const id = String(row.id)
    const plan =
      row.plan === null ? undefined : (JSON.parse((await openSeal()).open(String(row.plan), place(id))) as AttemptPlan)
    return {
      id,
      state: String(row.state),
      server: String(row.server),
      profile: String(row.profile),
      status: row.status as Attempt['status'],
      expiresAt: fromSqlTime(String(row.expires_at)),
      updatedAt: fromSqlTime(String(row.updated_at)),
      challenge: JSON.parse(String(row.challenge)),
      ...(row.error_code === null ? {} : { errorCode: String(row.error_code) }),
      ...(row.error_message === null ? {} : { errorMessage: String(row.error_message) }),
      ...(row.error_hint === null ? {} : { errorHint: String(row.error_hint) }),
      ...(plan ? { plan } : {}),
    }
  }

  const store: AttemptStore = {
    async begin(key, challenge, expiresAt) {
      const now = toSqlTime(clock.now())
      const { row, begun } = database.transaction(() => {
        database.run('DELETE FROM sessions WHERE expires_at < ?', toSqlTime(clock.now() - KEEP_MS))
        const open = database.get(
          `SELECT * FROM sessions WHERE server = ? AND profile = ? AND status IN ('requested', 'waiting', 'redeeming') AND expires_at > ?
           ORDER BY created_at DESC LIMIT 1`,
          ...[key.server, key.profile, now],
        )
        if (open) return { row: open, begun: false }
        const id = randomUUID()
        database.run(
          `INSERT INTO sessions (id, state, server, profile, status, challenge, created_at, expires_at, updated_at)
           VALUES (?, ?, ?, ?, 'requested', ?, ?, ?, ?)`,
          ...[
            id,
            randomBytes(32).toString('base64url'),
            key.server,
            key.profile,
            JSON.stringify(challenge),
            now,
            toSqlTime(expiresAt),
            now,
          ],
        )
        return { row: database.get('SELECT * FROM sessions WHERE id = ?', id) as Record<string, Value>, begun: true }
      })
      try {
        return { attempt: await toAttempt(row), begun }
      } catch (thrown) {
        // An open one that was altered can be finished by nobody, and would stand in the way until its time is over.
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        await store.settle(String(row.id), { status: 'failed', code: thrown.code, message: thrown.message })
        return await store.begin(key, challenge, expiresAt)
      }
    },

    async byId(id) {
      const row = database.get('SELECT * FROM sessions WHERE id = ?', id)
      return row && (await toAttempt(row))
    },

    async plan(id, plan) {
      const sealed = (await openSeal()).seal(JSON.stringify(plan), place(id))
      database.run(
        "UPDATE sessions SET plan = ?, status = 'waiting', opened_at = ?, updated_at = ? WHERE id = ? AND status = 'requested'",
        ...[sealed, toSqlTime(clock.now()), toSqlTime(clock.now()), id],
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
      const sealed = (await openSeal()).seal(JSON.stringify(plan), place(id))
      const changed = database.run(
        "UPDATE sessions SET plan = ?, updated_at = ? WHERE id = ? AND state = ? AND status = 'waiting'",
        ...[sealed, toSqlTime(clock.now()), id, state],
      )
      return changed === 1
    },

    async planAgain(id, state, plan) {
      const sealed = (await openSeal()).seal(JSON.stringify(plan), place(id))
      database.run(
        "UPDATE sessions SET state = ?, plan = ?, status = 'waiting', updated_at = ? WHERE id = ? AND status = 'redeeming'",
        ...[state, sealed, toSqlTime(clock.now()), id],
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
         ORDER BY updated_at DESC LIMIT 1`,
        ...[key.server, key.profile, toSqlTime(since)],
      )
      return row?.status === 'failed' ? await toAttempt(row) : undefined
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

const place = (id: string) => ['sessions', id, 'plan'] as const
