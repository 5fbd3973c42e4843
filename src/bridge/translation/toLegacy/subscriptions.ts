// The resources that a session is subscribed to (MCP 2025-11-25, "Resources"), counted over all of the host's listens.
import { asBridgeError } from '../../../errors.ts'
import type { Cause, Logger } from '../../../ports.ts'
import type { Message } from '../../message/message.ts'

export interface Subscriptions {
  /** Those of the URIs that the server takes. */
  add(uris: readonly string[], cause: Cause): Promise<readonly string[]>
  /** Each of them is wanted once less. */
  remove(uris: readonly string[]): void
}

export interface SubscriptionsOptions {
  /** Whether the server offers it. */
  readonly isOffered: boolean
  readonly ask: (method: string, params: string, cause: Cause) => Promise<Message | undefined>
  readonly log: Logger
}

export function createSubscriptions({ isOffered, ask, log }: SubscriptionsOptions): Subscriptions {
  /** How often each is wanted, and what the server has said last of it. */
  const wanted = new Map<string, { count: number; last: Promise<boolean> }>()

  const say = async (method: string, uri: string, cause: Cause): Promise<boolean> => {
    try {
      const answer = await ask(method, `{"uri":${JSON.stringify(uri)}}`, cause)
      return answer !== undefined && !answer.failed
    } catch (thrown) {
      log.debug('proxy:subscription', { method, code: asBridgeError(thrown).code })
      return false
    }
  }

  const add = async (uri: string, cause: Cause): Promise<boolean> => {
    const one = wanted.get(uri) ?? { count: 0, last: Promise.resolve(false) }
    wanted.set(uri, one)
    // In order: a subscription must not overtake the end of the one before.
    if (one.count++ === 0) one.last = one.last.then(() => say('resources/subscribe', uri, cause))
    return one.last
  }

  const remove = (uri: string) => {
    const one = wanted.get(uri)
    if (!one || --one.count > 0) return
    one.last = one.last
      .then((isSubscribed) => isSubscribed && say('resources/unsubscribe', uri, 'background'))
      .then(() => {
        if (one.count === 0) wanted.delete(uri)
        return false
      })
  }

  return {
    async add(uris, cause) {
      if (!isOffered) return []
      const taken = await Promise.all(uris.map((uri) => add(uri, cause)))
      for (const [at, uri] of uris.entries()) if (!taken[at]) remove(uri)
      return uris.filter((_, at) => taken[at])
    },
    remove(uris) {
      for (const uri of uris) remove(uri)
    },
  }
}
