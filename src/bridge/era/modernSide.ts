// The server as a host that speaks 2026 has it: message for message where the server does too, else a translation into sessions;
// corrected where what is known of the server proves wrong.
import { BridgeError } from '../../errors.ts'
import { memoizeAsync } from '../../memoizeAsync.ts'
import type { Logger } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import type { ModernConversation } from '../conversation.ts'
import type { Deliver } from '../http/body/messages.ts'
import { type InFlight, OVER, type PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { INTERNAL_ERROR } from '../message/ours.ts'
import { find, valueIn } from '../message/pick.ts'
import { rpcError } from '../message/rpcError.ts'
import { splice } from '../message/splice.ts'
import { sendAgain } from './behind.ts'
import { createKnownErrors, doubtsHandshakeThrown, isModernRefusal } from './doubt.ts'
import { createHold, type Held } from './hold.ts'
import { holdDoubtfulModern, type Proof, release } from './holding.ts'
import { hostInfoIn } from './hostInfo.ts'
import { MISSING_CAPABILITY, MODERN, revisionOf, UNSUPPORTED_VERSION } from './revisions.ts'
import type { ServerEra } from './serverEra.ts'

export interface ModernSideOptions {
  readonly era: ServerEra
  readonly inFlight: InFlight
  readonly log: Logger
  /** Made when they are needed. */
  readonly modern: () => Promise<ModernConversation>
  readonly toLegacy: () => Promise<ModernConversation>
}

export function createModernSide(options: ModernSideOptions): ModernConversation {
  const { era, inFlight, log } = options
  const made = new Set<ModernConversation>()
  const make = (create: () => Promise<ModernConversation>) =>
    memoizeAsync(async () => {
      const conversation = await create()
      made.add(conversation)
      return conversation
    })
  const modern = make(options.modern)
  const toLegacy = make(() => {
    log.info('proxy:translated', { host: '2026', server: '2025' })
    return options.toLegacy()
  })
  const proof: Proof = { isProven: false, known: createKnownErrors(), onWithoutType: () => undefined }
  /** An error of 2026 has raised the doubt whether the server still is of 2025, and it is. */
  let isAsItWas = false
  /** What the messages that failed together have found out. */
  let asking: Promise<Found> | undefined

  const isModern = async ({ message, cause }: PendingRequest) =>
    (era.now ?? (await era.find(hostInfoIn(message), cause))) === '2026'

  /** Whether the server is what it was taken for. */
  const look = async (message: Message, wasModern: boolean): Promise<Found> => {
    // One that was on its way beside it has found that out.
    if (era.now !== undefined && (era.now === '2026') !== wasModern) return 'other'
    asking ??= era
      .ask(hostInfoIn(message), 'background')
      .then(
        (asked): Found =>
          asked.era === undefined ? 'silent' : (asked.era === '2026') === wasModern ? 'same' : 'other',
        (): Found => 'silent',
      )
      .finally(() => {
        asking = undefined
      })
    return asking
  }

  const carryModern = async (pending: PendingRequest, deliver: Deliver) => {
    const { message } = pending
    proof.onWithoutType = () => void look(message, true)
    const held = await holdDoubtfulModern(await modern(), pending, proof, deliver)
    if (!held) return
    const found = await look(message, true)
    if (found === 'other') return sendAgain(await toLegacy(), inFlight, pending, deliver)
    if (found === 'same') {
      proof.isProven = true
      if (held.answer) proof.known.add(held.answer)
    }
    await release(held, pending, deliver)
  }

  const carryLegacy = async (pending: PendingRequest, deliver: Deliver) => {
    const { message, signal, open } = pending
    const revision = revisionOf(message.bytes)
    if (revision !== undefined && revision !== MODERN && message.kind === 'request')
      return deliver(unsupported(message, revision))
    const take: Deliver = (answer) => deliver(isModernRefusal(answer) ? withCodeOf2025(answer) : answer)
    const hold = createHold(pending, (answer) => !isAsItWas && isModernRefusal(answer) && !isTranslated(answer), take)
    let held: Held | undefined
    try {
      await (await toLegacy()).exchange(pending, OVER, hold.take)
      held = hold.held()
    } catch (thrown) {
      if (signal.aborted || open.size !== message.asks.length || !doubtsHandshakeThrown(thrown)) throw thrown
      held = { thrown }
    }
    if (!held) {
      if (era.isOld) setImmediate(() => void era.askIfOld(hostInfoIn(message)))
      return
    }
    if ((await look(message, false)) === 'other') return sendAgain(await modern(), inFlight, pending, deliver)
    isAsItWas ||= held.answer !== undefined
    await release(held, pending, take)
  }

  return {
    async exchange(pending, before, deliver) {
      await before
      pending.signal.throwIfAborted()
      await ((await isModern(pending)) ? carryModern(pending, deliver) : carryLegacy(pending, deliver))
    },
    async ask(request, cause) {
      const found = era.now ?? (await era.find(hostInfoIn(request), cause))
      return (await (found === '2026' ? modern() : toLegacy())).ask(request, cause)
    },
    refusal: rpcError,
    async end(reason) {
      await Promise.all([...made].map((one) => one.end(reason)))
    },
  }
}

/**
 * An error of a 2025 server with a number that 2026 gives a meaning ("Overview: Error Codes"): a host would take it for what the server did
 * not say, but for a capability that is named beside it.
 */
function withCodeOf2025(answer: Message): Message {
  const { bytes } = answer
  const isMeant =
    valueIn(bytes, find(bytes, ['error', 'code'])) === MISSING_CAPABILITY &&
    find(bytes, ['error', 'data', 'requiredCapabilities']) !== undefined
  if (isMeant) return answer
  return { ...answer, bytes: splice(bytes, [{ path: ['error', 'code'], json: String(INTERNAL_ERROR) }]) }
}

/** An error of 2025 with pages to show, which the translation has given a code of 2026. */
const isTranslated = ({ bytes }: Message) => find(bytes, ['error', 'data', 'elicitations']) !== undefined

/** What the server says when it is asked what it speaks. */
type Found = 'same' | 'other' | 'silent'

/** MCP 2026-07-28, "Versioning": the host goes on with a revision of the list. */
function unsupported({ asks: [id] }: Message, requested: string): Message {
  const error = {
    code: UNSUPPORTED_VERSION,
    message: `Revision ${quote(requested, 40)} of MCP is not supported.`,
    data: { supported: [MODERN], requested },
  }
  const answer = parseMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`))
  if (!answer) throw new BridgeError('invalid_protocol')
  return answer
}
