// What a server of MCP 2026-07-28 may send as the response to a request, and what it refuses.
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { HEADER_MISMATCH } from '../era/revisions.ts'
import type { Rules } from '../http/body/receive.ts'
import { noBatches, noRequests } from '../http/response.ts'
import type { PendingRequest } from '../message/inFlight.ts'
import { type Message, parseMessage, type RawId } from '../message/message.ts'
import { type Bytes, find, stringIn, valueIn } from '../message/pick.ts'
import { splice } from '../message/splice.ts'

export interface ModernRules extends Rules {
  /** The answer that says that the headers do not fit the message; it is not handed on. */
  refused(): Message | undefined
}

export const createModernRules = ({ open }: Pick<PendingRequest, 'open'>): ModernRules => new RulesOfOne(open)

class RulesOfOne implements ModernRules {
  readonly #open: PendingRequest['open']
  #refused: Message | undefined

  constructor(open: PendingRequest['open']) {
    this.#open = open
  }

  admit(message: Message): Message | undefined {
    if (message.kind === 'batch') throw noBatches(message)
    if (message.kind === 'request') throw noRequests(message)
    if (!message.failed) return message
    const answer = message.answers[0] === 'null' ? named(message.bytes, message, this.#open) : message
    if (codeIn(answer.bytes) !== HEADER_MISMATCH || !answer.answers.every((id) => this.#open.has(id))) return answer
    this.#refused = answer
    return undefined
  }

  refusal(_status: number, start: Buffer): Message | undefined {
    const answer = parseMessage(start)
    if (answer?.answers.every((id) => this.#open.has(id))) return answer
    return isJson(start) ? named(start, answer, this.#open) : undefined
  }

  isOver(): boolean {
    return this.#refused !== undefined
  }

  refused(): Message | undefined {
    return this.#refused
  }
}

/** The codes that belong to the revision itself (MCP 2026-07-28, "Overview: Error Codes"). */
const [FIRST_CODE, LAST_CODE] = [-32099, -32020]

/**
 * An error of the protocol without an id, or with one of nobody's, is about the one message that was posted: it gets that id. The
 * host needs its code and data, such as the revisions that the server speaks.
 */
function named<Given extends Message | undefined>(
  bytes: Bytes,
  given: Given,
  open: ReadonlySet<RawId>,
): Given | Message {
  const code = codeIn(bytes)
  const [id, other] = open
  if (typeof code !== 'number' || code < FIRST_CODE || code > LAST_CODE) return given
  if (id === undefined || other !== undefined) return given
  return parseMessage(splice(bytes, [{ path: ['id'], json: id }])) ?? given
}

const codeIn = (bytes: Bytes) => valueIn(bytes, find(bytes, ['error', 'code']))

function isJson(start: Buffer): boolean {
  try {
    JSON.parse(start.toString('utf8'))
    return true
  } catch {
    return false
  }
}

/** What stands between changes the headers, or the server lists its tools otherwise than it checks calls of them. */
export function refusedHeaders({ bytes }: Message): BridgeError {
  const words = stringIn(bytes, find(bytes, ['error', 'message'])) ?? ''
  return new BridgeError('headers_stripped', {
    message: `The server says that the headers of the request do not match it${words === '' ? '.' : `: ${quote(words, 300)}.`}`,
  })
}
