// Calls of a host that speaks MCP 2026-07-28: one that has to wait for a person asks for the sign-in in its answer where the host can show
// that, and waits within its bound when it comes again. What was answered here never reaches the server.
import { asBridgeError, type BridgeError } from '../../../errors.ts'
import type { Clock, SignInWatch } from '../../../ports.ts'
import type { ModernConversation } from '../../conversation.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { PendingRequest } from '../../message/inFlight.ts'
import type { Message } from '../../message/message.ts'
import { find, stringIn } from '../../message/pick.ts'
import { SOONEST_MS } from '../notice.ts'
import { ANSWERED_HERE, bounded, type Carry } from '../patience.ts'
import { until } from '../told.ts'
import type { ModernInPlace } from './inPlace.ts'
import { mayAsk, question, type Retry, takeUp } from './question.ts'

export interface CallsOptions {
  readonly conversation: Pick<ModernConversation, 'exchange' | 'refusal'>
  readonly watch: SignInWatch
  readonly clock: Clock
  /** The server's URL, for people. */
  readonly server: string
  readonly holdInitializeMs: number
  /** How long a call may wait for a person, in ms. */
  readonly holdCallMs: number
  readonly write: (line: Uint8Array) => Promise<void>
  /** The server has answered something in this run. */
  readonly isMet: () => boolean
  readonly inPlace: () => Promise<ModernInPlace>
  /** The same, if something has been told in the server's place. */
  readonly made: () => ModernInPlace | undefined
  /** Hands on what the server answers to this request. */
  readonly hear: (request: Message, deliver: Deliver) => Deliver
}

export interface Calls {
  readonly carry: Carry
  /** Whether this one waits for a person, and is not answered with a question. */
  waits(pending: PendingRequest): boolean
}

/**
 * What a call does when a person is needed: it asks at once; it has asked, and waits before it asks again; it fails at once, because the
 * person has declined; or it waits and fails.
 */
type Manner = 'asks' | 'waits' | 'declined' | 'mute'

/** Whether this call waits for a person of whom it is known where that signs in, and is told so. Each call looks, so that it has to cost little. */
function lookForPerson(
  { watch, clock, holdInitializeMs }: Pick<CallsOptions, 'watch' | 'clock' | 'holdInitializeMs'>,
  { transmission }: PendingRequest,
  isTold: () => boolean,
): { readonly needed: Promise<'person'>; stop(): void } {
  let unwatch: () => void = () => undefined
  let over: AbortController | undefined
  const needed = new Promise<'person'>((resolve) => {
    const look = () => {
      if (watch.waiting && watch.address !== undefined && !transmission.sent && isTold()) resolve('person')
    }
    unwatch = watch.onChange(look)
    if (!watch.waiting) return
    // Somebody is waited for already: that concerns this call if it has not been sent in a moment.
    over = new AbortController()
    clock.sleep(holdInitializeMs, over.signal).then(look, () => undefined)
  })
  return {
    needed,
    stop() {
      unwatch()
      over?.abort()
    },
  }
}

function mannerOf(message: Message, retry: Retry | undefined, now: number): Manner {
  if (!mayAsk(message)) return 'mute'
  if (!retry) return 'asks'
  if (retry.action === 'accept' || retry.action === undefined) return 'waits'
  // Hosts that nobody looks at decline by themselves.
  return retry.at !== undefined && now - retry.at >= SOONEST_MS ? 'declined' : 'mute'
}

/** The address that a call is to ask with instead of failing so. */
function addressIn(error: BridgeError, manner: Manner): string | undefined {
  const { url } = error.details
  const isAsked = manner === 'asks' || manner === 'waits'
  return isAsked && error.code === 'sign_in_pending' && typeof url === 'string' ? url : undefined
}

export function createCalls(options: CallsOptions): Calls {
  const { conversation, watch, clock, server, holdCallMs, write } = options
  const { isMet, inPlace, made, hear } = options
  const retries = new WeakSet<PendingRequest>()

  const isSignIn = async ({ method, bytes }: Message): Promise<boolean> => {
    if (method !== 'tools/call' || (!made() && isMet())) return false
    const name = stringIn(bytes, find(bytes, ['params', 'name']))
    return name?.startsWith('sign_in') === true && (await inPlace()).isSignIn(name)
  }

  /** While the question is written, the server must neither get the request nor answer it. */
  const ask = async ({ abort }: PendingRequest, request: Message, address: string) => {
    abort(ANSWERED_HERE)
    await write(question({ request, address, server, whyNoTab: watch.whyNoTab, now: clock.now() }))
  }

  /**
   * Whoever has just been shown where to sign in gets the time for it, also where a call is answered at once because no tab opens by itself.
   */
  const patiently = async ({ signal, open }: PendingRequest, carry: () => Promise<void>): Promise<void> => {
    const end = clock.awake() + holdCallMs
    for (;;) {
      try {
        return await carry()
      } catch (thrown) {
        const left = end - clock.awake()
        if (left <= 0 || signal.aborted || open.size === 0 || asBridgeError(thrown).code !== 'sign_in_pending')
          throw thrown
        const over = new AbortController()
        const late = clock.sleep(left, over.signal).catch(() => undefined)
        await Promise.race([until(watch, () => !watch.waiting || signal.aborted, over.signal), late])
        over.abort()
        signal.throwIfAborted()
        if (watch.waiting) throw thrown
        if (watch.failure) throw watch.failure
      }
    }
  }

  const work = async (pending: PendingRequest, request: Message, before: Promise<unknown>, deliver: Deliver) => {
    if (!(await isSignIn(request))) {
      const own = request === pending.message ? pending : { ...pending, message: request }
      return conversation.exchange(own, before, hear(request, deliver))
    }
    const line = await (await inPlace()).signIn(request, before)
    if (pending.signal.aborted) return
    pending.open.clear()
    await write(line)
  }

  return {
    async carry(pending, before, deliver) {
      const { message, signal, open, cause, transmission } = pending
      const retry = takeUp(message)
      const request = retry?.request ?? message
      if (retry) retries.add(pending)
      let known = retry && mannerOf(message, retry, clock.now())
      // Nearly no call needs a person, and only then it is looked at for this.
      const manner = () => {
        known ??= mannerOf(message, undefined, clock.now())
        return known
      }
      const carry = () => work(pending, request, before, deliver)
      const working = known === 'waits' ? patiently(pending, carry) : carry()
      const person = lookForPerson(options, pending, () => manner() === 'asks' || manner() === 'declined')
      try {
        if ((await Promise.race([working, person.needed])) !== 'person') return
        // It was on its way all the same: it is answered by the server, or asks when that refuses it.
        if (signal.aborted || open.size === 0 || transmission.sent) return await working
        working.catch(() => undefined)
        if (manner() === 'declined') await bounded(options, pending, working, 0)
        else await ask(pending, request, watch.address ?? '')
      } catch (thrown) {
        const error = asBridgeError(thrown)
        const address = addressIn(error, manner())
        if (!signal.aborted && open.size > 0 && address !== undefined) return await ask(pending, request, address)
        if (!signal.aborted) made()?.failed(error, cause)
        throw thrown
      } finally {
        person.stop()
      }
    },
    waits: (pending) => retries.has(pending) || !mayAsk(pending.message),
  }
}
