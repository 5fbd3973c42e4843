// Retry-After (RFC 9110 section 10.2.3): waits as long as a busy server asks for, within the timeout of the request.
import { retryAfter } from '../../bounds.ts'
import type { Clock, HttpResponse } from '../../ports.ts'
import type { PendingRequest } from '../message/inFlight.ts'

export interface RetryAfterOptions {
  readonly clock: Clock
  /** The total time, in ms; 0: no limit configured. */
  readonly timeoutMs: number
  readonly pending: PendingRequest
}

const LONGEST_MS = 60_000
const SHORTEST_MS = 250

/** The answer after those waits, or the last refusal when there is no time for another wait. */
export async function awaitRetryAfter(
  refusal: HttpResponse,
  again: () => Promise<HttpResponse>,
  { clock, timeoutMs, pending }: RetryAfterOptions,
): Promise<HttpResponse> {
  const until = clock.awake() + (timeoutMs || LONGEST_MS)
  let response = refusal
  for (;;) {
    const wait = waitAsked(response, clock)
    if (wait === undefined || clock.awake() + wait > until) return response
    response.discard()
    pending.transmission.sent = false
    await clock.sleep(wait, pending.signal)
    response = await again()
  }
}

/** ms to wait; undefined: the answer does not ask for it. */
function waitAsked({ status, headers }: HttpResponse, clock: Clock): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const ms = retryAfter(headers['retry-after'], clock.now())
  return ms === undefined ? undefined : Math.max(ms, SHORTEST_MS)
}
