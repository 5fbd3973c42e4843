// Makes the conversations with a server of 2026, and the translations between the eras: one place knows their parts, loaded only when needed.
import { BridgeError } from '../errors.ts'
import type { LegacyConversation, ModernConversation } from './conversation.ts'
import type { ConverseOptions } from './converse.ts'
import type { ServerEra } from './era/serverEra.ts'
import type { Deliver } from './http/body/messages.ts'
import { createLegacyConversation } from './legacy/legacyConversation.ts'
import { createInFlight, type InFlight } from './message/inFlight.ts'

export interface OtherEraOptions extends ConverseOptions {
  readonly inFlight: InFlight
  readonly deliver: Deliver
}

export async function openToModern(_: OtherEraOptions, __: ServerEra): Promise<LegacyConversation> {
  throw new BridgeError('internal')
}
export async function openModern(options: OtherEraOptions): Promise<ModernConversation> {
  return (await import('./modern/modernConversation.ts')).createModernConversation(options)
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
