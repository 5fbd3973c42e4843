// Which requests may be sent again after the connection broke, and which must not be repeated.
import { BridgeError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Deliver } from './http/body/messages.ts'
import type { Exchange } from './http/exchange.ts'
import { isCut } from './http/response.ts'
import type { PendingRequest } from './message/inFlight.ts'
import type { Message } from './message/message.ts'
import { type Bytes, eachElement, eachMessage, find, stringIn } from './message/pick.ts'
import { type Span, textAt } from './message/scan.ts'

/** Methods that only read, or that end in the same state when done twice. */
const HARMLESS = new Set(
  `ping tools/list prompts/list prompts/get resources/list resources/templates/list resources/read resources/subscribe
  resources/unsubscribe logging/setLevel completion/complete tasks/get tasks/list tasks/result`.split(/\s+/),
)
/** A server that was just restarted is given this long, in ms. */
const PAUSE_MS = 250

/** Names of tools that are remembered, in characters; beyond that, tools count as not safe to repeat. */
const MOST_NAMES = 256 * 1024
const LONGEST_NAME = 1024
/** A larger list, in bytes, is not recorded. */
const LONGEST_LIST = 4 * 1024 * 1024

/**
 * `exchange`, and once more where the connection broke and doing it twice is harmless or the message was never sent. What it
 * throws is outcome_unknown where the message may have been carried out and nobody can tell.
 */
export function createRetry(exchange: Exchange, clock: Clock): Exchange {
  const tools = createHarmlessTools()

  const mayRunTwice = ({ bytes }: Message) => {
    let harmless = true
    eachMessage(bytes, (one) => {
      harmless &&= isHarmless(bytes, one, tools)
    })
    return harmless
  }

  const mayRetry = ({ message, open, transmission, signal }: PendingRequest, thrown: unknown): boolean =>
    isCut(thrown) &&
    !signal.aborted &&
    open.size === message.asks.length &&
    // A host that waits for initialize is told at once; what it asks next is the next try.
    message.method !== 'initialize' &&
    (!transmission.sent || mayRunTwice(message))

  const outcome = (thrown: unknown, { transmission, message }: PendingRequest) => {
    // A host that does not know whether it is initialized asks again anyway.
    if (!isCut(thrown) || !transmission.sent || message.asks.length === 0 || message.method === 'initialize')
      return thrown
    return mayRunTwice(message) ? thrown : new BridgeError('outcome_unknown', { cause: thrown })
  }

  /** What it is told about tools decides how calls to them are treated from then on. */
  const learning =
    (deliver: Deliver): Deliver =>
    (answer) => {
      tools.learn(answer)
      return deliver(answer)
    }

  return async (pending, deliver) => {
    const take = pending.message.method === 'tools/list' ? learning(deliver) : deliver
    try {
      return await exchange(pending, take)
    } catch (thrown) {
      if (!mayRetry(pending, thrown)) throw outcome(thrown, pending)
    }
    pending.transmission.sent = false
    await clock.sleep(PAUSE_MS * (1 + Math.random()), pending.signal)
    try {
      await exchange(pending, take)
    } catch (thrown) {
      throw outcome(thrown, pending)
    }
  }
}

interface HarmlessTools {
  has(name: string): boolean
  /** Records which tools a tools/list answer declares read-only or idempotent. */
  learn(answer: Message): void
}

function createHarmlessTools(): HarmlessTools {
  const names = new Set<string>()
  let length = 0

  const remember = (name: string) => {
    if (names.has(name) || length + name.length > MOST_NAMES) return
    names.add(name)
    length += name.length
  }
  const forget = (name: string) => {
    if (names.delete(name)) length -= name.length
  }

  return {
    has: (name) => names.has(name),
    learn({ bytes }) {
      if (bytes.byteLength > LONGEST_LIST) return
      const list = find(bytes, ['result', 'tools'])
      if (!list) return
      eachElement(bytes, list, (tool) => {
        const name = stringIn(bytes, find(bytes, ['name'], tool), LONGEST_NAME)
        if (name === undefined) return
        const hints = find(bytes, ['annotations'], tool)
        if (HINTS.some((hint) => isTrue(bytes, hints && find(bytes, [hint], hints)))) remember(name)
        else forget(name)
      })
    },
  }
}

function isHarmless(bytes: Bytes, message: Span, tools: HarmlessTools): boolean {
  const at = find(bytes, ['method'], message)
  const method = stringIn(bytes, at)
  // A second answer, or a notification said twice, changes nothing.
  if (!at || method?.startsWith('notifications/')) return true
  if (method === undefined) return false
  const name = method === 'tools/call' ? stringIn(bytes, find(bytes, ['params', 'name'], message)) : undefined
  return HARMLESS.has(method) || (name !== undefined && tools.has(name))
}

const HINTS = ['readOnlyHint', 'idempotentHint']

const isTrue = (bytes: Bytes, span: Span | undefined) =>
  span !== undefined && span.end - span.start === 4 && textAt(bytes, span) === 'true'
