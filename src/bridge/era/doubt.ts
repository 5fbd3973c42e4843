// What makes it doubtful that the server is of the era that it is taken for: an answer that no server of that era gives.
import { BridgeError } from '../../errors.ts'
import type { Message } from '../message/message.ts'
import { find, stringIn, valueIn } from '../message/pick.ts'
import { eraOf, HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION } from './revisions.ts'

/** Errors by which a server of 2026 is known (MCP 2026-07-28, "Versioning"). */
const MODERN_ERRORS: readonly unknown[] = [HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION]
/** Errors of JSON-RPC itself, which servers of both eras give. */
const COMMON_ERRORS: readonly unknown[] = [-32700, -32601, -32602, -32603]

/** What a server has shown in this run. */
export interface Shown {
  /** It speaks 2026. */
  readonly isProven: boolean
  /** Errors that a server of 2026 gave, as it said when it was asked because of them. */
  readonly known: KnownErrors
}

/** Whether an answer to a request of 2026 looks as if the server did not know that revision. */
export function doubtsModern(answer: Message, { isProven, known }: Shown): boolean {
  if (!answer.failed) return false
  const code = codeIn(answer)
  if (MODERN_ERRORS.includes(code)) return false
  return !isProven || !(COMMON_ERRORS.includes(code) || known.has(answer))
}

export interface KnownErrors {
  has(answer: Message): boolean
  add(answer: Message): void
}

/** More are not kept. */
const MOST_ERRORS = 100
const LONGEST_TEXT = 300

export function createKnownErrors(): KnownErrors {
  const keys = new Set<string>()
  return {
    has: (answer) => keys.has(keyOf(answer)),
    add(answer) {
      if (keys.size === MOST_ERRORS) keys.clear()
      keys.add(keyOf(answer))
    },
  }
}

/**
 * The code is enough for one that is the application's own. Those that JSON-RPC reserves (2.0 section 5.1) are also what servers of 2025
 * refuse a message with that comes without a session: there, another message may mean another thing.
 */
function keyOf(answer: Message): string {
  const code = codeIn(answer)
  const isReserved = typeof code !== 'number' || (code >= -32768 && code <= -32000)
  const text = isReserved ? (stringIn(answer.bytes, find(answer.bytes, ['error', 'message'])) ?? '') : ''
  return `${code} ${text.slice(0, LONGEST_TEXT)}`
}

const codeIn = ({ bytes }: Message) => valueIn(bytes, find(bytes, ['error', 'code']))

/** The same of what was thrown instead of an answer: a 4xx whose body is no JSON-RPC, and that is not about the sign-in or the load. */
export function doubtsModernThrown(thrown: unknown): boolean {
  if (!(thrown instanceof BridgeError)) return false
  const status = Number(thrown.details.status)
  return thrown.code === 'server_error' && status >= 400 && status < 500 && ![401, 403, 408, 425, 429].includes(status)
}

/** Whether an answer is an error that only servers of 2026 give: they have not looked at the message. */
export const isModernRefusal = (answer: Message): boolean =>
  answer.failed === true && MODERN_ERRORS.includes(codeIn(answer))

/** Whether an answer to initialize looks as if the server spoke 2026 only. */
export function doubtsHandshake(answer: Message): boolean {
  if (answer.failed) return true
  const version = stringIn(answer.bytes, find(answer.bytes, ['result', 'protocolVersion']))
  return version !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(version) && eraOf(version) === '2026'
}

/** The same of what was thrown: a refusal, or a session that is gone and cannot be begun again. */
export const doubtsHandshakeThrown = (thrown: unknown): boolean =>
  doubtsModernThrown(thrown) || (thrown instanceof BridgeError && thrown.code === 'session_lost')
