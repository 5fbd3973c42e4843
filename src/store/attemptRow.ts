// One row of the table `sessions`, a sign-in attempt: read, opened into an Attempt, made anew.
import { randomBytes, randomUUID } from 'node:crypto'
import { present } from '../present.ts'
import type { Attempt, AttemptPlan, Challenge, TokenKey, Wishes } from '../records.ts'
import { isSealed, type MarkedRow, marked, sealColumn } from './sealing/rowSeals.ts'
import { broken, type OpenSeal, type Seal } from './sealing/seal.ts'
import type { Row, Sql } from './sql.ts'
import { optionalText, optionalTime, shownText, textOf, timeOf } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

/** The `error_code` of an attempt that was replaced by another, whose id is in `error_hint`. */
export const SUPERSEDED = 'superseded'

const STATUSES: readonly Attempt['status'][] = ['requested', 'waiting', 'redeeming', 'finished', 'failed']

/** An id is a UUID, so this is its JSON; a row with another id has no seal. */
export const ATTEMPT = `sessions.*, ${sealColumn('sessions', `'["' || sessions.id || '"]'`)}`

export const readAttemptRow = async (sql: Sql, id: string) =>
  marked(await sql.get(`SELECT ${ATTEMPT} FROM sessions WHERE id = :id`, { id }))

/** An open attempt is acted on, so it must be as it was written; a settled one is only shown. @throws BridgeError seal_broken */
export async function toAttempt(openSeal: OpenSeal, found: MarkedRow): Promise<Attempt> {
  const { row } = found
  const status = statusOf(row)
  const isSettled = status === 'finished' || status === 'failed'
  const bound = isSettled ? undefined : openBound(await openSeal(), found)
  const hint = shownText(row.error_hint)
  const isSuperseded = row.error_code === SUPERSEDED
  return {
    id: textOf(row.id),
    state: textOf(row.state),
    server: textOf(row.server),
    profile: textOf(row.profile),
    status,
    expiresAt: timeOf(row.expires_at),
    updatedAt: timeOf(row.updated_at),
    challenge: bound?.challenge ?? { status: 401 },
    wishes: bound?.wishes ?? {},
    ...present({
      openedAt: optionalTime(row.opened_at),
      errorCode: isSuperseded ? undefined : optionalText(row.error_code),
      errorMessage: shownText(row.error_message),
      errorHint: isSuperseded ? undefined : hint,
      successor: isSuperseded ? hint : undefined,
      plan: bound?.plan,
    }),
  }
}

/** The table itself allows no other. */
function statusOf(row: Row): Attempt['status'] {
  return STATUSES.find((status) => status === row.status) ?? 'failed'
}

/** What is acted on. @throws BridgeError seal_broken */
function openBound(seal: Seal, found: MarkedRow) {
  const { row } = found
  const id = textOf(row.id)
  if (!isSealed(seal, 'sessions', found)) throw broken(placeOfPlan(id))
  const { wishes, ...challenge } = requestOf(row)
  const plan: AttemptPlan | undefined =
    row.plan === null ? undefined : JSON.parse(seal.open(textOf(row.plan), placeOfPlan(id)))
  return { challenge, wishes, plan }
}

/** The challenge, and the wishes of the process that began the attempt, which earlier versions did not write. */
export function requestOf({ challenge }: Row): Challenge & { readonly wishes: Wishes } {
  return { wishes: {}, ...JSON.parse(textOf(challenge)) }
}

export interface NewAttempt {
  readonly key: TokenKey
  readonly challenge: Challenge
  readonly wishes: Wishes
  readonly now: number
  readonly expires: number
}

/** The columns of a new attempt that are sealed; `state` is what nobody else can guess. */
export function newAttemptColumns({ key, challenge, wishes, now, expires }: NewAttempt) {
  return {
    id: randomUUID(),
    state: randomBytes(32).toString('base64url'),
    server: key.server,
    profile: key.profile,
    challenge: JSON.stringify({ ...challenge, wishes }),
    created_at: sqlTime(now),
    expires_at: sqlTime(expires),
  }
}

export type NewAttemptColumns = ReturnType<typeof newAttemptColumns>

/** Where the plan of this attempt is sealed for. */
export const placeOfPlan = (id: string) => ['sessions', id, 'plan'] as const
