// What may be sent a second time when the connection breaks, and what must not be done twice.
import { BridgeError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { isCut } from './answers.ts'
import type { Flight } from './flights.ts'
import { jsonOf, type Message } from './message.ts'

export interface Repeat {
  /** Remembers which tools a tools/list answer declares read-only or idempotent. */
  note(answer: Message): void
  /**
   * Runs `attempt`, and once more where the connection broke and doing it twice is harmless or it was never sent.
   * @throws BridgeError outcome_unknown when it may have been carried out and nobody can tell
   */
  run(flight: Flight, attempt: () => Promise<void>): Promise<void>
}

/** Methods that only read, or that end in the same state when done twice. */
const HARMLESS = new Set(
  `ping tools/list prompts/list prompts/get resources/list resources/templates/list resources/read resources/subscribe
  resources/unsubscribe logging/setLevel completion/complete tasks/get tasks/list tasks/result`.split(/\s+/),
)
/** A server that was just restarted is given this long, in ms. */
const PAUSE_MS = 250

interface Tool {
  readonly name?: unknown
  readonly annotations?: { readonly readOnlyHint?: unknown; readonly idempotentHint?: unknown }
}

export function createRepeat(clock: Clock): Repeat {
  const tools = new Set<unknown>()

  const isHarmless = (json: unknown): boolean => {
    const { method, params } = json as { method?: string; params?: { name?: unknown } }
    // A second answer, or a notification said twice, changes nothing.
    if (method === undefined || method.startsWith('notifications/')) return true
    return HARMLESS.has(method) || (method === 'tools/call' && tools.has(params?.name))
  }
  const mayRunTwice = (message: Message) => [jsonOf(message)].flat().every(isHarmless)

  const outcome = (thrown: unknown, { wire, message }: Flight) => {
    // A host that does not know whether it is initialized asks again anyway.
    if (!isCut(thrown) || !wire.out || message.asks.length === 0 || message.method === 'initialize') return thrown
    return mayRunTwice(message) ? thrown : new BridgeError('outcome_unknown', { cause: thrown })
  }

  return {
    note(answer) {
      const list = (jsonOf(answer) as { result?: { tools?: unknown } }).result?.tools
      if (!Array.isArray(list)) return
      for (const tool of list as (Tool | null)[]) {
        const hints = tool?.annotations
        if (hints?.readOnlyHint === true || hints?.idempotentHint === true) tools.add(tool?.name)
        else tools.delete(tool?.name)
      }
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
