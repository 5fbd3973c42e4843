// What rotations of refresh tokens answered (table refresh_answers), sealed, until their grace is over.
import type { RefreshAnswerStore } from '../../gateway/ports.ts'
import type { Clock } from '../../ports.ts'
import type { Seal } from '../sealing/seal.ts'
import type { Database } from '../sql.ts'
import { insertInto, textOf } from '../values/columns.ts'
import { sqlTime } from '../values/time.ts'

export function createRefreshAnswerStore(database: Database, seal: Seal, clock: Clock): RefreshAnswerStore {
  /** The successor is part of it: an answer cannot be told to have another one. */
  const place = (idHash: string, successorHash: string) => ['refresh_answers', idHash, successorHash, 'answer'] as const
  return {
    async keep({ idHash, successorHash, answer, expiresAt }) {
      const row = {
        id_hash: idHash,
        successor_hash: successorHash,
        answer: seal.seal(answer, place(idHash, successorHash)),
        expires_at: sqlTime(expiresAt),
      }
      // When the power is back, nobody asks again for an answer that did not arrive: the time for that is over.
      await database.runUnsynced(
        `${insertInto('refresh_answers', row)} ON CONFLICT (id_hash) DO UPDATE
           SET successor_hash = excluded.successor_hash, answer = excluded.answer, expires_at = excluded.expires_at`,
        row,
      )
    },

    async find(idHash) {
      const row = await database.get(
        'SELECT successor_hash, answer FROM refresh_answers WHERE id_hash = :idHash AND expires_at > :now',
        { idHash, now: sqlTime(clock.now()) },
      )
      if (!row) return undefined
      const successorHash = textOf(row.successor_hash)
      return { successorHash, answer: seal.open(textOf(row.answer), place(idHash, successorHash)) }
    },
  }
}
