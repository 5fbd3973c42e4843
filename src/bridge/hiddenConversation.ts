// A conversation without the tools that the host must not see: calls to them never reach the server, lists come without them.
import type { LegacyConversation, ModernConversation } from './conversation.ts'
import type { HiddenTools } from './hideTools.ts'

export function withoutHiddenTools<Kind extends LegacyConversation | ModernConversation>(
  conversation: Kind,
  hiddenTools: Promise<HiddenTools>,
): Kind {
  return {
    ...conversation,
    async ask(request, cause) {
      const answer = await conversation.ask(request, cause)
      return answer && (await hiddenTools).strip(answer, request)
    },
    async exchange(pending, before, deliver) {
      await before
      const hidden = await hiddenTools
      const { message } = pending
      hidden.refuse(message)
      await conversation.exchange(pending, before, (answer) => deliver(hidden.strip(answer, message)))
    },
  }
}
