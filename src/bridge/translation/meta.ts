// Takes a member of the protocol out of `_meta`, where the other era does not have it.
import { type Bytes, eachMember, find } from '../message/pick.ts'
import type { Change } from '../message/splice.ts'

/** `path`: where `_meta` stands, which goes too if nothing else is in it. */
export function withoutMeta(bytes: Bytes, path: readonly string[], member: string): Change {
  const meta = find(bytes, path)
  let others = 0
  if (meta)
    eachMember(bytes, meta, (name) => {
      if (name !== member) others++
    })
  return { path: others === 0 ? path : [...path, member], json: undefined }
}
