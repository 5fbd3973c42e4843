// Which revisions the host speaks: initialize always means those before 2026, a request with its revision in `_meta` means 2026, and
// server/discover alone settles nothing, because hosts that speak both begin with it (docs/eras.md).
import type { EraMemory } from '../../eraMemory.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { isInitialize, type Message } from '../message/message.ts'
import type { DiscoverOptions } from './discover.ts'
import { hostNameIn } from './hostInfo.ts'
import { revisionOf } from './revisions.ts'

export interface HostEraOptions extends Omit<DiscoverOptions, 'modern'> {
  /** For a host that begins with initialize. */
  readonly handshake: Conversation
  /** For a host that speaks 2026; made when it is needed. */
  readonly modern: () => Promise<Conversation>
}

export function createHostEra(options: HostEraOptions): Conversation {
  const { handshake } = options
  let settled: 'legacy' | 'modern' | undefined
  let made: Conversation | undefined
  const modern = memoizeAsync(async () => {
    made = await options.modern()
    return made
  })
  const discover = memoizeAsync(async () => (await import('./discover.ts')).createDiscover({ ...options, modern }))

  const carryModern = (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) =>
    made ? made.exchange(pending, before, deliver) : modern().then((now) => now.exchange(pending, before, deliver))

  const begin = (pending: PendingRequest, before: Promise<unknown>, deliver: Deliver) => {
    settled = 'legacy'
    // After the host has its answer: what is read and written takes longer than passing it on.
    void pending.done.then(() => setImmediate(() => void rememberBoth(options.memory, pending.message)))
    return handshake.exchange(pending, before, deliver)
  }

  return {
    exchange(pending, before, deliver) {
      const { kind, method, bytes } = pending.message
      if (isInitialize(pending.message)) return begin(pending, before, deliver)
      if (settled === 'legacy') return handshake.exchange(pending, before, deliver)
      if (settled === 'modern') return carryModern(pending, before, deliver)
      const revision = kind === 'request' ? revisionOf(bytes) : undefined
      if (revision === undefined) return handshake.exchange(pending, before, deliver)
      if (method === 'server/discover') return discover().then((carry) => carry(pending, deliver))
      settled = 'modern'
      return carryModern(pending, before, deliver)
    },
    refusal: (id, error) => (settled === 'modern' && made ? made : handshake).refusal(id, error),
    async end(reason) {
      await Promise.all([handshake.end(reason), made?.end(reason)])
    },
  }
}

/** A host whose server/discover was refused, in this process or an earlier one, has gone on with initialize. */
async function rememberBoth(memory: EraMemory | undefined, initialize: Message): Promise<void> {
  if (!memory) return
  const name = hostNameIn(initialize)
  const opening = await memory.loadOpening(name).catch(() => undefined)
  if (opening === 'refused' || opening === 'modern') await memory.saveOpening(name, 'both').catch(() => undefined)
}
