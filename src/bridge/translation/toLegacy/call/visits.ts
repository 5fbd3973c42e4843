// Addresses that a person has to visit before a call: the error -32042 of 2025-11-25 ("URL Elicitation Required Error"), put to the host as a question.
import type { Clock } from '../../../../ports.ts'
import { mayAsk } from '../../../era/revisions.ts'
import type { Message } from '../../../message/message.ts'
import { eachElement, find, stringIn } from '../../../message/pick.ts'
import type { HostCan } from '../../hostCan.ts'
import { orAborted } from '../../orAborted.ts'
import { inputRequired } from '../answer.ts'
import { errorCode, URL_REQUIRED } from '../errorCodes.ts'
import type { Asked } from '../request.ts'
import { nextKey, urlRequest } from './questions.ts'

export interface Visit {
  /** What the server said. */
  readonly refusal: Message
  /** The keys of its questions. */
  readonly keys: readonly string[]
  /** Elicitations of which the server has not said that they are complete. */
  readonly open: Set<string>
  readonly complete: Promise<void>
}

export interface Visits {
  /** The question that the error is for the host; undefined: it is another error, or the host cannot show an address. */
  ask(refusal: Message, asked: Asked, can: HostCan): Message | undefined
  /** What the host comes back from, if it does. */
  returned(responses: ReadonlyMap<string, string>): Visit | undefined
  /** Resolves when the server has said that all of it is complete, or after `ms`. @throws the reason of `signal` */
  settled(visit: Visit, ms: number, signal: AbortSignal): Promise<void>
  /** notifications/elicitation/complete */
  completed(message: Message): void
}

/** Of which the host may still come back, each with few questions. */
const MOST_VISITS = 64

export function createVisits(clock: Clock): Visits {
  const visits = new Map<Visit, () => void>()

  return {
    ask(refusal, asked, can) {
      const { bytes } = refusal
      if (!refusal.failed || !can.modes.has('url') || !mayAsk(asked.method) || errorCode(bytes) !== URL_REQUIRED)
        return undefined
      const requests = new Map<string, string>()
      const open = new Set<string>()
      const list = find(bytes, ['error', 'data', 'elicitations'])
      if (!list) return undefined
      eachElement(bytes, list, (span) => {
        if (stringIn(bytes, find(bytes, ['url'], span)) === undefined) return
        requests.set(nextKey(), urlRequest(bytes.subarray(span.start, span.end)))
        const id = stringIn(bytes, find(bytes, ['elicitationId'], span))
        if (id !== undefined) open.add(id)
      })
      if (requests.size === 0) return undefined
      let complete: () => void = () => undefined
      const done = new Promise<void>((resolve) => {
        complete = resolve
      })
      const [oldest] = visits.keys()
      if (oldest && visits.size >= MOST_VISITS) visits.delete(oldest)
      visits.set({ refusal, keys: [...requests.keys()], open, complete: done }, complete)
      return inputRequired(asked.id, requests)
    },
    returned(responses) {
      for (const visit of visits.keys()) {
        if (!visit.keys.some((key) => responses.has(key))) continue
        return visit
      }
      return undefined
    },
    async settled(visit, ms, signal) {
      if (visit.open.size > 0) {
        const over = new AbortController()
        const late = clock.sleep(ms, over.signal)
        await orAborted(Promise.race([visit.complete, late]), signal).finally(() => over.abort())
      }
      visits.delete(visit)
    },
    completed({ bytes }) {
      const id = stringIn(bytes, find(bytes, ['params', 'elicitationId']))
      if (id === undefined) return
      for (const [{ open }, complete] of visits) if (open.delete(id) && open.size === 0) complete()
    },
  }
}

/** Whether the person went to each address that the host answers for. */
export const isAccepted = ({ keys }: Visit, responses: ReadonlyMap<string, string>): boolean =>
  keys.every((key) => {
    const { action } = JSON.parse(responses.get(key) ?? '{}') as { action?: unknown }
    return action === 'accept'
  })
