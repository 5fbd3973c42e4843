// Makes the conversations with a server of 2026, and the translations between the eras: one place knows their parts, loaded only when needed.
import { BridgeError } from '../errors.ts'
import type { LegacyConversation, ModernConversation } from './conversation.ts'
import type { ConverseOptions } from './converse.ts'
import type { ServerEra } from './era/serverEra.ts'
import type { Deliver } from './http/body/messages.ts'
import type { InFlight } from './message/inFlight.ts'

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
export async function openToLegacy(_: OtherEraOptions): Promise<ModernConversation> {
  throw new BridgeError('internal')
}
