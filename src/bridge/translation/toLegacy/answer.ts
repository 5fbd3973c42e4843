// What the host hears: answers of a 2025 server as 2026 wants them, and questions as results.
import type { Deliver } from '../../http/body/messages.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import type { Message, RawId } from '../../message/message.ts'
import { answerOf, result } from '../../message/ours.ts'
import type { Bytes } from '../../message/pick.ts'
import { type Change, splice } from '../../message/splice.ts'
import { pluck, type Wanted } from '../../message/walk.ts'
import type { HostCan } from '../hostCan.ts'
import { errorChanges } from './errorCodes.ts'

/** Results that say how long they hold (MCP 2026-07-28, "Caching"). */
const CACHED = new Set(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read'])

/** What the host wants answered, and what it has declared with that. */
export interface Wish {
  readonly id: RawId
  readonly method: string
  readonly can: HostCan
}

/** The answer to a request of the host, under its id. */
export function toModernAnswer({ bytes, failed }: Message, { id, method, can }: Wish): Message {
  const changes = failed ? errorChanges(bytes, method, can) : resultChanges(bytes, method)
  return answerOf(id, splice(bytes, [{ path: ['id'], json: id }, ...changes]), failed === true)
}

function resultChanges(bytes: Bytes, method: string): readonly Change[] {
  const complete = { path: ['result', 'resultType'], json: '"complete"' }
  if (!CACHED.has(method)) return [complete]
  const [ttl, scope] = pluck(bytes, HOLDS)
  return [
    complete,
    ...(ttl ? [] : [{ path: ['result', 'ttlMs'], json: '0' }]),
    ...(scope ? [] : [{ path: ['result', 'cacheScope'], json: '"private"' }]),
  ]
}

const HOLDS: Wanted = new Map([
  [
    'result',
    {
      below: new Map([
        ['ttlMs', { slot: 0 }],
        ['cacheScope', { slot: 1 }],
      ]),
    },
  ],
])

/** `requests`: JSON texts of questions by their keys. */
export function inputRequired(id: RawId, requests: ReadonlyMap<string, string>, state?: string): Message {
  const members = [...requests].map(([key, json]) => `${JSON.stringify(key)}:${json}`)
  const end = state === undefined ? '' : `,"requestState":${JSON.stringify(state)}`
  return result(id, `{"resultType":"input_required","inputRequests":{${members.join(',')}}${end}}`)
}

/** The host is answered without the server. */
export async function answerHere({ open, finish }: PendingRequest, message: Message, deliver: Deliver): Promise<void> {
  open.clear()
  await deliver(message)
  finish()
}
