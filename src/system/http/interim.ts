// Interim responses (RFC 9110 section 15.2): skips them, requested or not, but not indefinitely.
import { BridgeError } from '../../errors.ts'

/** What undici reads an answer with, as far as it matters here. */
export interface AnswerParser {
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number
  readonly llhttp: { llhttp_set_lenient_keep_alive(parser: number, on: 0 | 1): void }
  readonly ptr: number
}

const CONTINUE = 100
const PROCESSING = 102
const SWITCHING_PROTOCOLS = 101
/** A server that says nothing else is not at work. */
const MOST_INTERIM = 10_000

const taught = new WeakSet<object>()

/** undici takes a 100 that it did not ask for as a broken answer; as a 102 it is one more interim response. */
export function acceptContinue(parser: AnswerParser | null | undefined): void {
  const prototype = parser && (Object.getPrototypeOf(parser) as AnswerParser)
  if (!prototype || taught.has(prototype)) return
  taught.add(prototype)
  const { onHeadersComplete } = prototype
  prototype.onHeadersComplete = function (status, upgrade, keepAlive) {
    const interim = status < 200
    // Whatever it says of the connection, the answer is still to come on it.
    if (interim || softened.has(this)) {
      this.llhttp.llhttp_set_lenient_keep_alive(this.ptr, interim ? 1 : 0)
      if (interim) softened.add(this)
      else softened.delete(this)
    }
    // Nobody here asks for another protocol: that 101 is for `take` to refuse.
    const known = status === CONTINUE ? PROCESSING : status
    return onHeadersComplete.call(this, known, upgrade && !interim, keepAlive || interim)
  }
}

/** Parsers that read on after an interim response. */
const softened = new WeakSet<object>()

export interface InterimWatch {
  /** One interim response has come. */
  take(status: number): void
  /** The answer is there, or there will be none. */
  end(): void
}

/**
 * None of them is an answer: the request keeps the time it has, from `heard` on, which tells when the request last moved.
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
