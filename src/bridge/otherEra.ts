// Makes the conversations with a server of 2026, and the translations between the eras: one place knows their parts, loaded only when needed.
import { BridgeError } from '../errors.ts'
import type { Cause } from '../ports.ts'
import type { LegacyConversation, ModernConversation } from './conversation.ts'
import type { ConverseOptions } from './converse.ts'
import { hostInfoIn } from './era/hostInfo.ts'
import type { ServerEra } from './era/serverEra.ts'
import type { Deliver } from './http/body/messages.ts'
import { createLegacyConversation } from './legacy/legacyConversation.ts'
import { createInFlight, type InFlight } from './message/inFlight.ts'
import type { Message } from './message/message.ts'
import { createModernConversation } from './modern/modernConversation.ts'
import { createModernExchange } from './modern/modernExchange.ts'

export interface OtherEraOptions extends ConverseOptions {
  readonly inFlight: InFlight
  readonly deliver: Deliver
}

export async function openToModern(
  options: OtherEraOptions & { readonly heard: (answer: Message) => void },
  era: ServerEra,
): Promise<LegacyConversation> {
  const { createToModern } = await import('./translation/toModern/toModern.ts')
  const { createLists } = await import('./translation/lists.ts')
  const upstream = createInFlight()
  const exchange = createModernExchange({ ...options, inFlight: upstream, limit: options.answerLimit })
  const { authorizer, url, clock } = options
  const lists = authorizer && createLists({ authorizer, url, clock })
  const discovered = async (initialize: Message, cause: Cause) => {
    const discover = (await era.discovered()) ?? (await era.ask(hostInfoIn(initialize), cause)).discover
    if (!discover)
      throw new BridgeError('server_error', {
        message: 'The server does not answer server/discover of MCP 2026-07-28.',
      })
    return discover
  }
  return createToModern({ ...options, exchange, upstream, discovered, lists })
}
export async function openModern(options: OtherEraOptions): Promise<ModernConversation> {
  return createModernConversation(options)
}
export async function openToLegacy(options: OtherEraOptions): Promise<ModernConversation> {
  const { createToLegacy } = await import('./translation/toLegacy/toLegacy.ts')
  return createToLegacy({
    clock: options.clock,
    log: options.log,
    holdCallMs: options.holdCallMs ?? 0,
    createLegacy(deliver, onRestored) {
      const inFlight = createInFlight()
      return { inFlight, conversation: createLegacyConversation({ ...options, inFlight, deliver, onRestored }) }
    },
  })
}
