// Resumes the stream of a POST that ended too early: GET with Last-Event-ID until the answer arrives (MCP "Resumability").
import { BridgeError } from '../../errors.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Session } from '../session/session.ts'
import { resumption } from './body/eventStream.ts'
import type { BodyOptions, Receiver } from './body/messages.ts'
import { EVENT_STREAM } from './body/reader.ts'
import { endedEarly, isCut, opensStream, readMessages } from './response.ts'
import type { Send } from './send.ts'

export interface ResumeOptions extends BodyOptions {
  readonly send: Send
  readonly session: Session
  /** Longest time without any event, in ms; 0: no limit. */
  readonly timeoutMs: number
}

const FIRST_WAIT_MS = 1_000
const SHORTEST_WAIT_MS = 100
const LONGEST_WAIT_MS = 30_000
/** Consecutive attempts that do not reach the server. */
const MOST_FAILURES = 5

/**
 * Resolves when every id of `pending` is answered, or what came is enough. A server polls this way on purpose (revision 2025-11-25): it ends
 * the stream early and says in `retry` when to ask again.
 * @throws BridgeError server_unreachable, server_timeout
 */
export async function resume(
  options: ResumeOptions,
  { open, signal, transmission: { patience } }: PendingRequest,
  receiver: Receiver,
): Promise<void> {
  const { send, session, clock, position, timeoutMs } = options
  let heard = clock.awake()
  let failures = 0
  let barren = 0
  let turns = patience?.turns
  while (open.size > 0 && receiver.enough?.() === undefined) {
    if (patience?.held) heard = clock.awake()
    if (patience && patience.turns !== turns) {
      // What the server waited for has come: it may have something to say at once.
      turns = patience.turns
      heard = clock.awake()
      barren = 0
    }
    // Without an event id, a GET would open a different kind of stream.
    if (position.lastId === undefined) throw endedEarly()
    const backOff = barren === 0 ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (barren - 1), LONGEST_WAIT_MS)
    const wait = Math.max(position.retryMs ?? FIRST_WAIT_MS, backOff, SHORTEST_WAIT_MS) * (1 + Math.random() / 10)
    if (timeoutMs > 0 && clock.awake() + wait - heard > timeoutMs) throw silent()
    await clock.sleep(wait, signal)
    const before = position.lastId
    try {
      const headers = { accept: EVENT_STREAM, ...session.headers(), ...resumption(position) }
      // The call itself was answered: only a refresh may be worth it, and no sign-in.
      const response = await send({ method: 'GET', headers, signal, patience }, 'background')
      if (opensStream(response)) {
        await readMessages(response, options, receiver)
        failures = 0
      } else {
        response.discard()
        // Below 500, the server does not resume: the outcome of the request cannot be determined.
        failures = response.status < 500 ? Number.POSITIVE_INFINITY : failures + 1
      }
    } catch (thrown) {
      if (!isCut(thrown) || signal.aborted) throw thrown
      failures++
    }
    if (failures > MOST_FAILURES) throw endedEarly()
    barren = position.lastId === before ? barren + 1 : 0
    if (barren === 0) heard = clock.awake()
  }
}

const silent = () =>
  new BridgeError('server_timeout', { message: 'The server ended its stream and did not send the result in time.' })
