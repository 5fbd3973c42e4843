// A token set that the store did not take: kept in memory, served, and stored as soon as that is possible. Its refresh token is the only one left.
import { asBridgeError } from '../../errors.ts'
import type { Clock, Logger, TokenStore } from '../../ports.ts'
import type { TokenKey, TokenRecord, TokenSet } from '../../records.ts'

export interface UnsavedOptions {
  readonly key: TokenKey
  readonly store: Pick<TokenStore, 'replace'>
  readonly clock: Clock
  readonly log: Logger
}

export interface Unsaved {
  /** undefined: everything is stored. */
  readonly tokens: TokenSet | undefined
  /**
   * Stores it in place of this generation. False: somebody else has stored something. @throws what the store throws; the set is kept
   * then, for {@link Unsaved.end} to store it
   */
  save(tokens: TokenSet, generation: number): Promise<boolean>
  /** Tries once more, now. @throws what the store throws */
  again(): Promise<void>
  /** Tries again and again. Resolves when it is stored, or somebody else has stored something. */
  end(): Promise<void>
  /** What `load` brings, with the set that it does not know yet; also where the store cannot be read. */
  over(load: () => Promise<TokenRecord>): Promise<TokenRecord>
}

/** Pauses between the tries, in ms; the last one from then on. A locked SQLite database holds the thread up for two seconds at each. */
const PAUSES_MS = [500, 1_000, 2_000, 5_000]

interface Kept {
  readonly tokens: TokenSet
  readonly generation: number
  /** Aborts when nothing has to be stored any more. */
  readonly over: AbortController
}

export function createUnsaved({ key, store, clock, log }: UnsavedOptions): Unsaved {
  let kept: Kept | undefined
  let trying: Promise<boolean> | undefined

  const drop = (one: Kept) => {
    if (kept === one) kept = undefined
    one.over.abort()
  }
  const tryOnce = async (one: Kept): Promise<boolean> => {
    const isReplaced = await store.replace(key, one.tokens, one.generation)
    drop(one)
    if (!isReplaced) log.info('oauth:refresh', { outcome: 'superseded' })
    return isReplaced
  }
  const attempt = (one: Kept) => {
    trying ??= tryOnce(one).finally(() => {
      trying = undefined
    })
    return trying
  }

  return {
    get tokens() {
      return kept?.tokens
    },
    save(tokens, generation) {
      kept = { tokens, generation, over: new AbortController() }
      return attempt(kept)
    },
    async again() {
      if (kept) await attempt(kept)
    },
    async end() {
      for (let tries = 0; kept; tries++) {
        await clock.sleep(PAUSES_MS[tries] ?? PAUSES_MS.at(-1) ?? 0, kept.over.signal).catch(() => undefined)
        if (kept)
          await attempt(kept).catch((thrown: unknown) =>
            log.warn('oauth:refresh', { outcome: 'unsaved', code: asBridgeError(thrown).code }),
          )
      }
    },
    async over(load) {
      if (!kept) return load()
      const record = await load().catch(() => undefined)
      if (!kept) return record ?? load()
      const { tokens, generation } = kept
      if (record === undefined || record.generation === generation) return { generation, tokens }
      drop(kept)
      return record
    },
  }
}
