// Token sets by server and profile; every change is a compare-and-swap on the row's generation.
import { BridgeError } from '../errors.ts'
import type { Clock, TokenStore } from '../ports.ts'
import { present } from '../present.ts'
import type { SignInEnd, TokenKey, TokenSet } from '../records.ts'
import { isSealed, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal } from './sealing/seal.ts'
import { createLooks } from './seenGenerations.ts'
import type { Database, Sql } from './sql.ts'
import {
  isUnrenewable,
  openTokenSet,
  readGeneration,
  readSummaries,
  readTokenRow,
  type TokenRow,
  writeTokenSet,
} from './tokenRow.ts'
import { optionalText } from './values/columns.ts'
import { sqlTime } from './values/time.ts'

export function createTokenStore(database: Database, openSeal: OpenSeal, clock: Clock): TokenStore {
  const looks = createLooks(database, clock)
  const now = () => sqlTime(clock.now())

  /** The scope that a sign-in which has ended had asked for, where it is as this program wrote it. */
  const sealedScope = async ({ marked }: TokenRow): Promise<string | undefined> => {
    const { requested_scope } = marked.row
    if (requested_scope === null) return undefined
    const seal = await openSeal().catch(() => undefined)
    return seal && isSealed(seal, 'tokens', marked) ? optionalText(requested_scope) : undefined
  }

  const store: TokenStore = {
    async load(key) {
      const row = await readTokenRow(database, key)
      looks.saw(key, row?.generation ?? 0)
      if (!row) return { generation: 0 }
      const { generation, refusedAt, lastError, lastErrorCode } = row
      if (!row.signedIn)
        return {
          generation,
          ...present({ refusedAt, requestedScope: await sealedScope(row), lastError, lastErrorCode }),
        }
      const seal = await openSeal()
      let tokens: TokenSet
      try {
        tokens = openTokenSet(seal, key, row)
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        if ((await readGeneration(database, key)) !== generation) return await store.load(key)
        return { generation, ...(await noteEnd(database, key, generation, thrown.message, thrown.code)) }
      }
      if (lastErrorCode === 'seal_broken') await noteOpened(database, key, generation)
      const why = isUnrenewable(row) ? { lastError, lastErrorCode } : {}
      return { generation, ...present({ refusedAt, ...why }), tokens }
    },

    unchanged: looks.isUnchanged,

    async replace(key, tokens, expected) {
      const seal = await openSeal()
      const row = { key, tokens, expected, now: now() }
      const isReplaced = await database.transaction((sql) => writeTokenSet(sql, seal, row))
      if (isReplaced) looks.saw(key, expected + 1)
      return isReplaced
    },

    async spend(key, generation) {
      const row = { ...namesOf(key), generation, now: now() }
      const first = await database.run(`UPDATE tokens SET spent_at = :now ${AT_GENERATION} AND spent_at IS NULL`, row)
      if (first === 1) return 'first'
      const again = await database.run(`UPDATE tokens SET spent_at = :now ${AT_GENERATION}`, row)
      return again === 1 ? 'again' : 'gone'
    },

    async unspend(key, generation) {
      await database.run(`UPDATE tokens SET spent_at = NULL ${AT_GENERATION}`, { ...namesOf(key), generation })
    },

    unrenewable: async (...end) => void (await noteEnd(database, ...end)),

    async refuse(key, generation) {
      const row = { ...namesOf(key), generation, now: now() }
      await database.run(`UPDATE tokens SET refused_at = :now ${AT_GENERATION}`, row)
    },

    async remove(key, expected, reason, code) {
      // A person who signs out begins afresh, with no key too; where a sign-in was refused, what there was is wanted back.
      const seal = reason === undefined ? undefined : await openSeal()
      const isRemoved = await database.transaction(async (sql) => {
        const row = await readTokenRow(sql, key)
        if (row?.generation !== expected) return false
        const { marked } = row
        const columns = marked.row
        const kept = {
          generation: expected + 1,
          requested_scope: seal && isSealed(seal, 'tokens', marked) ? (columns.requested_scope ?? null) : null,
        }
        const removed = await sql.run(REMOVE, {
          ...namesOf(key),
          ...kept,
          before: row.generationText,
          is_ended: seal ? 1 : 0,
          last_error: reason ?? null,
          last_error_code: code ?? null,
          now: now(),
        })
        if (removed !== 1) return false
        const noSecrets = { access_token: null, refresh_token: null, dpop_key: null }
        if (seal) await sealRow(sql, seal, 'tokens', { ...columns, ...noSecrets, ...kept })
        return true
      })
      if (isRemoved) looks.saw(key, expected + 1)
      return isRemoved
    },

    list: () => readSummaries(database),
  }
  return store
}

/** The row is kept until the next sign-in replaces it; one that was altered or moved counts as signed out. */
async function noteEnd(sql: Sql, key: TokenKey, generation: number, reason: string, code: SignInEnd) {
  // A refusal is the answer that the refresh token was spent for.
  const answered = code === 'seal_broken' ? '' : 'spent_at = NULL, '
  await sql.run(
    `UPDATE tokens SET ${answered}last_error = :reason, last_error_code = :code ${AT_GENERATION} AND access_token IS NOT NULL`,
    { ...namesOf(key), generation, reason, code },
  )
  return { lastError: reason, lastErrorCode: code }
}

/** The row opens after all: whoever found it altered had another key. */
async function noteOpened(sql: Sql, key: TokenKey, generation: number): Promise<void> {
  await sql.run(
    `UPDATE tokens SET last_error = NULL, last_error_code = NULL ${AT_GENERATION} AND last_error_code = 'seal_broken'`,
    { ...namesOf(key), generation },
  )
}

const REMOVE = `UPDATE tokens SET access_token = NULL, refresh_token = NULL, dpop_key = NULL, expires_at = NULL, spent_at = NULL,
     generation = :generation, requested_scope = :requested_scope,
     refused_at = CASE WHEN :is_ended = 1 THEN refused_at END, last_error = :last_error, last_error_code = :last_error_code, updated_at = :now
   WHERE server = :server AND profile = :profile AND CAST(generation AS TEXT) = :before`

const AT_GENERATION = 'WHERE server = :server AND profile = :profile AND generation = :generation'
/** A key may be part of a larger record; a statement takes its own values only. */
const namesOf = ({ server, profile }: TokenKey) => ({ server, profile })
