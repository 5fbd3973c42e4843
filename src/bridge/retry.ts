// Which requests may be sent again after the connection broke, and which must not be repeated.
import { BridgeError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isCut } from './http/response.ts'
import type { PendingRequest } from './message/inFlight.ts'
import type { Message } from './message/message.ts'
import { type Bytes, eachElement, eachMessage, find, stringIn } from './message/pick.ts'
import { type Span, textAt } from './message/scan.ts'

export interface Repeat {
  /** Records which tools a tools/list answer declares read-only or idempotent. */
  note(answer: Message): void
  /**
   * Runs `attempt`, and once more if the connection broke and repeating is safe or it was never sent.
   * @throws BridgeError outcome_unknown when it is not known whether it was carried out
   */
  run(flight: PendingRequest, attempt: () => Promise<void>): Promise<void>
}

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

export function createRepeat(clock: Clock): Repeat {
  const tools = new Set<string>()
  let length = 0

  const remember = (name: string) => {
    if (tools.has(name) || length + name.length > MOST_NAMES) return
    tools.add(name)
    length += name.length
  }
  const forget = (name: string) => {
    if (tools.delete(name)) length -= name.length
  }

  const isHarmless = (bytes: Bytes, message: Span): boolean => {
    const at = find(bytes, ['method'], message)
    const method = stringIn(bytes, at)
    // A second answer, or a notification said twice, changes nothing.
    if (!at || method?.startsWith('notifications/')) return true
    if (method === undefined) return false
    const name = method === 'tools/call' ? stringIn(bytes, find(bytes, ['params', 'name'], message)) : undefined
    return HARMLESS.has(method) || (name !== undefined && tools.has(name))
  }
  const mayRunTwice = ({ bytes }: Message) => {
    let harmless = true
    eachMessage(bytes, (one) => {
      harmless &&= isHarmless(bytes, one)
    })
    return harmless
  }

  const outcome = (thrown: unknown, { wire, message }: PendingRequest) => {
    // A host that does not know whether it is initialized asks again anyway.
    if (!isCut(thrown) || !wire.out || message.asks.length === 0 || message.method === 'initialize') return thrown
    return mayRunTwice(message) ? thrown : new BridgeError('outcome_unknown', { cause: thrown })
  }

  return {
    note({ bytes }) {
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
    async run(flight, attempt) {
      const { message, open, wire, signal } = flight
      try {
        return await attempt()
      } catch (thrown) {
        const untouched = open.size === message.asks.length
        const again = !wire.out || (mayRunTwice(message) && message.method !== 'initialize')
        if (!isCut(thrown) || signal.aborted || !untouched || !again) throw outcome(thrown, flight)
      }
      wire.out = false
      await clock.sleep(PAUSE_MS * (1 + Math.random()), signal)
      try {
        await attempt()
      } catch (thrown) {
        throw outcome(thrown, flight)
      }
    },
  }
}

const HINTS = ['readOnlyHint', 'idempotentHint']

const isTrue = (bytes: Bytes, span: Span | undefined) =>
  span !== undefined && span.end - span.start === 4 && textAt(bytes, span) === 'true'
