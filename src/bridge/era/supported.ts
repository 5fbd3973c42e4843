// What a DiscoverResult says of the revisions that the server speaks beside 2026-07-28, and how a result of 2026 is known.
import type { Message } from '../message/message.ts'
import { type Bytes, find, valueIn, whole } from '../message/pick.ts'
import { eraOf } from './revisions.ts'

/** Whether a DiscoverResult names a revision that begins with initialize, so that the host's own handshake can go there. */
export function hasHandshake(discover: Bytes | undefined): boolean {
  const listed = discover && valueIn(discover, find(discover, ['supportedVersions'], whole(discover)))
  return (
    Array.isArray(listed) &&
    listed.some((one) => typeof one === 'string' && /^\d{4}-/.test(one) && eraOf(one) === '2025')
  )
}

/** A result without `resultType` counts as complete (MCP 2026-07-28, "ResultType"), but may be of a server without sessions from before. */
export const isWithoutType = ({ bytes }: Message): boolean => find(bytes, ['result', 'resultType']) === undefined
