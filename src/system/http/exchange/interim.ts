// Interim responses (RFC 9110 section 15.2): skips them, requested or not, but not indefinitely.
import { BridgeError } from '../../../errors.ts'

/** The part of undici's response parser that matters here. */
export interface AnswerParser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number
  readonly llhttp: { llhttp_set_lenient_keep_alive(parser: number, on: 0 | 1): void }
  readonly ptr: number
}

const CONTINUE = 100
const PROCESSING = 102
const SWITCHING_PROTOCOLS = 101
/** A server that sends nothing else is not working. */
const MOST_INTERIM = 10_000

const taught = new WeakSet<object>()

/** undici treats an unexpected 100 as an invalid response; as a 102 it is one more interim response. */
export function acceptContinue(parser: AnswerParser | null | undefined): void {
  const prototype = parser && (Object.getPrototypeOf(parser) as AnswerParser)
  if (!prototype || taught.has(prototype)) return
  taught.add(prototype)
  const { onHeadersComplete } = prototype
  prototype.onHeadersComplete = function (status, upgrade, keepAlive) {
    const interim = status < 200
    // Whatever it says about the connection, the response still follows on it.
    if (interim || softened.has(this)) {
      this.llhttp.llhttp_set_lenient_keep_alive(this.ptr, interim ? 1 : 0)
      if (interim) softened.add(this)
      else softened.delete(this)
    }
    // We never request another protocol: `take` refuses this 101.
    const known = status === CONTINUE ? PROCESSING : status
    return onHeadersComplete.call(this, known, upgrade && !interim, keepAlive || interim)
  }
}

/** Parsers that read on after an interim response. */
const softened = new WeakSet<object>()

export interface InterimWatch {
  /** One interim response has come. */
  take(status: number): void
  /** The response has arrived, or there will be none. */
  end(): void
}

/**
 * None of them is a response: the timeout of the request continues from `heard`, the time of its last progress.
 * `fail` is called at most once.
 */
export function watchInterim(
  idleMs: number,
  origin: string,
  heard: () => number,
  fail: (error: BridgeError) => void,
): InterimWatch {
  let timer: NodeJS.Timeout | undefined
  let count = 0
  const look = () => {
    const left = heard() + idleMs - performance.now()
    if (left > 0) timer = setTimeout(look, Math.min(left + 1, 2 ** 31 - 1))
    else fail(new BridgeError('server_timeout', { message: `${origin} did not answer in time.` }))
  }
  return {
    take(status) {
      if (status === SWITCHING_PROTOCOLS || ++count > MOST_INTERIM) {
        const what = status === SWITCHING_PROTOCOLS ? '101, which was not requested' : 'only interim responses'
        fail(new BridgeError('invalid_protocol', { message: `${origin} answered with ${what}.` }))
      } else if (idleMs > 0 && timer === undefined) look()
    },
    end() {
      clearTimeout(timer)
    },
  }
}
