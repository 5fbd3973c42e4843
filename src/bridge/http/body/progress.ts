// The progress of one request, which must grow with each notification (MCP "Progress"), also where the server begins its work once more.
import type { Message } from '../../message/message.ts'
import { type Bytes, find, valueIn } from '../../message/pick.ts'
import type { Deliver } from './messages.ts'

export interface Progress {
  /** Passes everything on but progress of this request that is not larger than what was told before the server began again. */
  readonly take: Deliver
  /** The server begins again. */
  again(): void
}

/** What a server tells while it works passes as it is. */
export function createProgress(request: Message, deliver: Deliver): Progress {
  let token: { readonly value: unknown } | undefined
  let largest = Number.NEGATIVE_INFINITY
  let least = Number.NEGATIVE_INFINITY

  const isOver = ({ bytes }: Message): boolean => {
    token ??= { value: valueAt(request.bytes, ['params', '_meta', 'progressToken']) }
    if (token.value === undefined || valueAt(bytes, ['params', 'progressToken']) !== token.value) return false
    const progress = valueAt(bytes, ['params', 'progress'])
    if (typeof progress !== 'number') return false
    largest = Math.max(largest, progress)
    return progress <= least
  }

  return {
    take: (one) => (one.method === 'notifications/progress' && isOver(one) ? NOTHING : deliver(one)),
    again() {
      least = largest
    },
  }
}

const NOTHING = Promise.resolve()

const valueAt = (bytes: Bytes, path: readonly string[]) => valueIn(bytes, find(bytes, path))
