// What a `requestState` stands for: a call of this process that waits for answers of the host. Each is valid once.
import { randomBytes } from 'node:crypto'
import { type Asked, isSame } from '../request.ts'
import type { Call } from './call.ts'

export interface Retries {
  /** Returns the state under which the host comes back. */
  add(call: Call): string
  remove(state: string): void
  /** The call that a request of the host goes on with; else why there is none, in words. */
  take(asked: Asked): Call | string
  /** The bridge ends: nobody comes back. */
  end(reason: unknown): void
}

const UNKNOWN =
  'This requestState is not known: it has been used, the answer came too late, or the bridge was restarted. Nothing has been run again; make the call again, without it.'
const FOREIGN = 'This requestState belongs to another request. Nothing has been run.'

export function createRetries(): Retries {
  const calls = new Map<string, Call>()
  return {
    add(call) {
      const state = randomBytes(16).toString('base64url')
      calls.set(state, call)
      return state
    },
    remove: (state) => void calls.delete(state),
    take({ state, method, name }) {
      const key: unknown = JSON.parse(state ?? 'null')
      const call = typeof key === 'string' ? calls.get(key) : undefined
      if (!call) return UNKNOWN
      if (call.asked.method !== method || !isSame(call.asked.name, name)) return FOREIGN
      calls.delete(key as string)
      return call
    },
    end(reason) {
      for (const call of calls.values()) call.drop(reason)
      calls.clear()
    },
  }
}
