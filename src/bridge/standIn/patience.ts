// How long the host may wait for the server to answer: a moment for a person, and within a bound for a server that has not said a word.
// After that, and where the server fails, it is answered here.
import { asBridgeError, type BridgeError, type ErrorCode } from '../../errors.ts'
import type { Clock, SignInWatch } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { isForAnother } from '../message/message.ts'
import { boundOf } from './phases.ts'
import { until } from './told.ts'

export type Carry = Conversation['exchange']

export const ANSWERED_HERE = new Error('The host was answered in the place of the server.')

export interface PatienceOptions {
  readonly watch: SignInWatch
  readonly clock: Clock
  /** In ms. */
  readonly holdInitializeMs: number
}

/** Each resolves when it is time to answer in the server's place, and to nothing in particular after `over` has aborted. */
export interface Patience {
  /** Somebody is waited for. A browser in which they are signed in already needs no more than a moment, and some hosts ask once. */
  person(pending: PendingRequest, over: AbortSignal): Promise<'due'>
  /** The server is slow. `half`: called at half of its time; 'now': there is no use in waiting longer, 'never': in answering here. */
  server(over: AbortSignal, half?: () => Promise<'now' | 'later' | 'never'>): Promise<'due'>
}

/** A promise of its own each time: one that outlives many races would keep them all. */
export const never = () => new Promise<never>(() => undefined)

export function createPatience(options: PatienceOptions): Patience {
  const { watch, clock, holdInitializeMs } = options
  let isFirst = true

  return {
    async person({ transmission }, over) {
      const isWaiting = () => watch.waiting && !transmission.sent
      while (!over.aborted) {
        await until(watch, isWaiting, over)
        await clock.sleep(holdInitializeMs, over)
        if (isWaiting()) break
      }
      return 'due'
    },
    async server(over, half) {
      const ms = boundOf(options, isFirst)
      isFirst = false
      await clock.sleep(half ? ms / 2 : ms, over)
      const when = await half?.()
      if (when === 'never') return never()
      if (when === 'later') await clock.sleep(ms / 2, over)
      return 'due'
    },
  }
}

/** Whether the host is answered here instead of with this failure. `asks`: somebody can be asked to sign in. */
export const isForHere = ({ code }: BridgeError, asks: boolean, isMet: boolean) =>
  code === 'not_signed_in' ? asks : !isMet

/** What a person would have to see to: the server has answered, but not this request of this account. */
const BY_PERSON: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'not_signed_in',
  'sign_in_pending',
  'unauthorized',
  'insufficient_scope',
])
export const isForPerson = ({ code }: BridgeError): boolean => BY_PERSON.has(code)

export interface BoundedOptions {
  readonly watch: SignInWatch
  readonly conversation: Pick<Conversation, 'refusal'>
  readonly write: (line: Uint8Array) => Promise<void>
}

/**
 * Carries `working` for as long as a person may be waited for, in ms; then the host gets the address, and the server nothing. What the server
 * works on has no such bound.
 */
export async function bounded(
  { watch, conversation, write }: BoundedOptions,
  { signal, open, transmission, abort }: PendingRequest,
  working: Promise<void>,
  ms: number,
): Promise<void> {
  let isOver = false
  const work = working.finally(() => {
    isOver = true
  })
  try {
    await watch.bounded(() => work, ms)
  } catch (thrown) {
    if (isOver || signal.aborted || open.size === 0) throw thrown
    // Somebody else waits for a person.
    if (transmission.sent) return work
    // First of all: while this is written, the server must neither get the request nor answer it.
    abort(ANSWERED_HERE)
    for (const id of open) await write(conversation.refusal(id, asBridgeError(thrown)))
  }
}

export interface ServerOrHere<Due extends string> {
  /** To the server. */
  readonly exchange: Carry
  /** Resolves when it is time to answer here, to why; to nothing in particular after `over` has aborted. */
  due(over: AbortSignal): Promise<Due>
  /** The answer in the server's place. undefined: it is the server that answers, or its failure that the host is told. */
  answerHere(why: Due | BridgeError): Promise<Uint8Array> | undefined
  readonly write: (line: Uint8Array) => Promise<void>
}

/**
 * One request of the host, which the server answers or this process, and only one of them. Resolves to why it was answered here; undefined:
 * the server has answered. @throws BridgeError why there is no answer
 */
export async function serverOrHere<Due extends string>(
  { exchange, due, answerHere, write }: ServerOrHere<Due>,
  [pending, before, deliver]: Parameters<Carry>,
): Promise<Due | BridgeError | undefined> {
  const { message, signal, open } = pending
  let isAnsweredHere = false
  const over = new AbortController()
  const asking = exchange(pending, before, async (answer) => {
    if (!isAnsweredHere || isForAnother(answer, message)) await deliver(answer)
  })
  const why = await Promise.race([asking, due(over.signal)]).catch(asBridgeError)
  over.abort()
  if (!why) return undefined
  // The server's answer may be on its way to the host.
  const here = signal.aborted || open.size === 0 ? undefined : answerHere(why)
  if (!here) {
    await asking
    return undefined
  }
  isAnsweredHere = true
  asking.catch(() => undefined)
  const line = await here
  if (signal.aborted) return why
  pending.abort(ANSWERED_HERE)
  await write(line)
  return why
}
