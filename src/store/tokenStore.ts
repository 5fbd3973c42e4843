// Token sets by server and profile; every change is a compare-and-swap on the row's generation.
import { BridgeError } from '../errors.ts'
import type { Clock, TokenStore } from '../ports.ts'
import { present } from '../present.ts'
import type { SignInEnd, TokenKey } from '../records.ts'
import { isSealed, sealRow } from './sealing/rowSeals.ts'
import type { OpenSeal } from './sealing/seal.ts'
import { optionalText } from './sqlite/columns.ts'
import type { Database } from './sqlite/database.ts'
import { toSqlTime } from './sqlite/time.ts'
import {
  isUnrenewable,
  openTokenSet,
  readGeneration,
  readSummaries,
  readTokenRow,
  type TokenRow,
  writeTokenSet,
} from './tokenRow.ts'

export function createTokenStore(database: Database, openSeal: OpenSeal, clock: Clock): TokenStore {
  /** What was found last; good until another process writes, or the file is another one. */
  let lastSeen: { version: number; generation: number; key: TokenKey } | undefined

  /** The scope that a sign-in which has ended had asked for, where it is as this program wrote it. */
  const sealedScope = async ({ marked }: TokenRow): Promise<string | undefined> => {
    const { requested_scope } = marked.row
    if (requested_scope === null) return undefined
    const seal = await openSeal().catch(() => undefined)
    return seal && isSealed(seal, 'tokens', marked) ? optionalText(requested_scope) : undefined
  }

  const store: TokenStore = {
    async load(key) {
      const row = readTokenRow(database, key)
      if (!row) return { generation: 0 }
      const { generation, refusedAt, lastError, lastErrorCode } = row
      if (!row.signedIn)
        return {
          generation,
          ...present({ refusedAt, requestedScope: await sealedScope(row), lastError, lastErrorCode }),
        }
      const seal = await openSeal()
      const why = isUnrenewable(row) ? { lastError, lastErrorCode } : {}
      try {
        return { generation, ...present({ refusedAt, ...why }), tokens: openTokenSet(seal, key, row) }
      } catch (thrown) {
        if (!(thrown instanceof BridgeError) || thrown.code !== 'seal_broken') throw thrown
        if (readGeneration(database, key) !== generation) return await store.load(key)
        return { generation, ...noteEnd(database, key, generation, thrown.message, thrown.code) }
      }
    },

    unchanged(key, generation) {
      const version = database.version()
      if (lastSeen?.version === version && lastSeen.generation === generation && lastSeen.key === key) return true
      if (readGeneration(database, key) !== generation) return false
      lastSeen = { version, generation, key }
      return true
    },

    async replace(key, tokens, expected) {
      const seal = await openSeal()
      const now = toSqlTime(clock.now())
      return database.transaction(() => {
        if ((readGeneration(database, key) ?? 0) !== expected) return false
        writeTokenSet(database, seal, { key, tokens, generation: expected + 1, now })
        return true
      })
    },

    async spend(key, generation) {
      return database.transaction(() => {
        const row = { ...namesOf(key), generation }
        const before = database.get(`SELECT spent_at FROM tokens ${AT_GENERATION}`, row)
        database.run(`UPDATE tokens SET spent_at = :now ${AT_GENERATION}`, { ...row, now: toSqlTime(clock.now()) })
        return before !== undefined && before.spent_at !== null
      })
    },

    unrenewable: async (...end) => void noteEnd(database, ...end),

    async refuse(key, generation) {
      const now = toSqlTime(clock.now())
      database.run(`UPDATE tokens SET refused_at = :now ${AT_GENERATION}`, { ...namesOf(key), generation, now })
    },

    async remove(key, expected, reason, code) {
      // A person who signs out begins afresh, with no key too; where a sign-in was refused, what there was is wanted back.
      const seal = reason === undefined ? undefined : await openSeal()
      return database.transaction(() => {
        const row = readTokenRow(database, key)
        if (row?.generation !== expected) return false
        const { marked } = row
        const columns = marked.row
        const kept = {
          generation: expected + 1,
          requested_scope: seal && isSealed(seal, 'tokens', marked) ? (columns.requested_scope ?? null) : null,
        }
        database.run(REMOVE, {
          ...namesOf(key),
          ...kept,
          refused_at: seal ? (columns.refused_at ?? null) : null,
          last_error: reason ?? null,
          last_error_code: code ?? null,
          now: toSqlTime(clock.now()),
        })
        const noSecrets = { access_token: null, refresh_token: null, dpop_key: null }
        if (seal) sealRow(database, seal, 'tokens', { ...columns, ...noSecrets, ...kept })
        return true
      })
    },

    list: async () => readSummaries(database),
  }
  return store
}

/** The row is kept until the next sign-in replaces it; one that was altered or moved counts as signed out. */
function noteEnd(database: Database, key: TokenKey, generation: number, reason: string, code: SignInEnd) {
  database.run(
    `UPDATE tokens SET last_error = :reason, last_error_code = :code ${AT_GENERATION} AND access_token IS NOT NULL`,
    { ...namesOf(key), generation, reason, code },
  )
  return { lastError: reason, lastErrorCode: code }
}

const REMOVE = `UPDATE tokens SET access_token = NULL, refresh_token = NULL, dpop_key = NULL, expires_at = NULL, spent_at = NULL,
     generation = :generation, requested_scope = :requested_scope, refused_at = :refused_at, last_error = :last_error, last_error_code = :last_error_code, updated_at = :now
   WHERE server = :server AND profile = :profile`

const AT_GENERATION = 'WHERE server = :server AND profile = :profile AND generation = :generation'

/** A key may be part of a larger record; a statement takes its own values only. */
const namesOf = ({ server, profile }: TokenKey) => ({ server, profile })
