// A host's question which revisions the server speaks (server/discover, MCP 2026-07-28) while that is not sure to be there: it
// never waits for a person, and not long for the server. Hosts that speak both go on with initialize after a refusal.
import type { Clock } from '../../ports.ts'
import type { Conversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import type { Account } from './signInTool.ts'

export interface DiscoverOptions {
  readonly conversation: Pick<Conversation, 'exchange'>
  readonly account: () => Promise<Account>
  readonly clock: Clock
  readonly write: (line: Uint8Array) => Promise<void>
}

/** JSON-RPC 2.0 section 5.1. */
const METHOD_NOT_FOUND = '{"code":-32601,"message":"Method not found"}'

/** Gives the host the server's own word, or a refusal: when nobody is signed in, when it fails, or after `boundMs`. */
export async function carryDiscover(
  { conversation, account, clock, write }: DiscoverOptions,
  boundMs: number,
  pending: PendingRequest,
  deliver: Deliver,
): Promise<void> {
  let isRefused = false
  const over = new AbortController()
  const ask = async () => {
    if ((await account()).state === 'signedOut') return
    await conversation.exchange(pending, Promise.resolve(), async (answer) => {
      if (!isRefused) await deliver(answer)
    })
  }
  const asking = ask()
  const bound = clock.sleep(boundMs, over.signal)
  await Promise.race([asking, bound]).catch(() => undefined)
  bound.catch(() => undefined)
  over.abort()
  if (pending.open.size === 0 || pending.signal.aborted) return asking
  isRefused = true
  asking.catch(() => undefined)
  pending.abort(new Error('The host was answered in its place.'))
  await refuse(pending, write)
}

export const refuse = ({ message }: PendingRequest, write: (line: Uint8Array) => Promise<void>): Promise<void> =>
  write(Buffer.from(`{"jsonrpc":"2.0","id":${message.asks[0]},"error":${METHOD_NOT_FOUND}}`))
