// The questions of a 2026 server as requests to a 2025 host: all of a round go out together, and their answers go back in one piece.
import { randomUUID } from 'node:crypto'
import { BridgeError } from '../../../errors.ts'
import { quote } from '../../../redaction/text.ts'
import type { Deliver } from '../../http/body/messages.ts'
import type { Message, RawId } from '../../message/message.ts'
import { cancelled, own } from '../../message/ours.ts'
import { type Bytes, find, stringIn } from '../../message/pick.ts'
import { splice } from '../../message/splice.ts'
import { type HostCan, modeOf } from '../hostCan.ts'
import { orAborted } from '../orAborted.ts'
import { lacks, wordsOf } from './abilities.ts'
import type { Question } from './fromModern.ts'

export interface Questions {
  /**
   * The `inputResponses` to all questions of a round, as JSON text. The host hears of those that nobody waits for any more.
   * @throws BridgeError question_unanswered, the reason of `signal`
   */
  ask(questions: readonly Question[], can: HostCan, signal: AbortSignal): Promise<Bytes>
  /** True: it is the host's answer to one of them. */
  take(response: Message): boolean
  /** Nobody waits for an answer any more. */
  end(reason: BridgeError): void
}

interface Open {
  readonly question: Question
  readonly answer: (json: Bytes) => void
  readonly fail: (error: BridgeError) => void
}

/** They never repeat in one process, so that a late answer is not taken for another one. */
let asked = 0

/** `deliver` sends a message to the host. */
export function createQuestions(deliver: Deliver): Questions {
  const open = new Map<RawId, Open>()

  const put = (question: Question) => {
    const id: RawId = `"mcp-oauth-bridge-q${++asked}"`
    const answered = new Promise<Bytes>((answer, fail) => open.set(id, { question, answer, fail }))
    // The one that fails first ends the round.
    answered.catch(() => undefined)
    const written = deliver(requestOf(id, question))
    return { id, written, answered }
  }

  const takeBack = async (id: RawId, reason: string) => {
    if (!open.delete(id)) return
    await deliver(cancelled(id, reason))
  }

  return {
    async ask(questions, can, signal) {
      for (const question of questions) {
        const what = lacks(question, can)
        if (what !== undefined) throw unanswered(`The server asks for ${wordsOf(question)}, ${what}.`)
      }
      const out = questions.map(put)
      try {
        const answers = Promise.all(out.map(({ written, answered }) => written.then(() => answered)))
        return responsesOf(questions, await orAborted(answers, signal))
      } finally {
        for (const { id } of out) await takeBack(id, 'The request that it belongs to is over.')
      }
    },
    take({ answers: [id, another], failed, bytes }) {
      const one = id === undefined || another !== undefined ? undefined : open.get(id)
      if (id === undefined || !one) return false
      open.delete(id)
      if (failed) one.fail(unanswered(failureOf(one.question, bytes)))
      else {
        const result = find(bytes, ['result'])
        one.answer(result ? bytes.slice(result.start, result.end) : Buffer.from('{}'))
      }
      return true
    },
    end(reason) {
      for (const { fail } of open.values()) fail(reason)
    },
  }
}

/** The parameters are the server's own bytes. */
function requestOf(id: RawId, { method, params }: Question): Message {
  const start = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`
  if (!params) return own(`${start}}`)
  const complete = modeOf(params) === 'url' ? withElicitationId(params) : params
  return own(Buffer.concat([Buffer.from(`${start},"params":`), complete, Buffer.from('}')]))
}

/** MCP 2025-11-25 demands one; 2026-07-28 has none. */
const withElicitationId = (params: Bytes) =>
  find(params, ['elicitationId'])
    ? params
    : splice(params, [{ path: ['elicitationId'], json: JSON.stringify(randomUUID()) }])

function responsesOf(questions: readonly Question[], answers: readonly Bytes[]): Bytes {
  const parts = questions.flatMap(({ key }, at) => [Buffer.from(at === 0 ? '{' : ','), key, COLON, answers[at] ?? NONE])
  return Buffer.concat([...parts, Buffer.from('}')])
}

const COLON = Buffer.from(':')
const NONE = Buffer.from('{}')

const failureOf = (question: Question, bytes: Bytes) => {
  const said = stringIn(bytes, find(bytes, ['error', 'message']))
  const words = said === undefined ? '' : `: ${quote(said, 160)}`
  return `The server asks for ${wordsOf(question)}, and your program refuses${words}.`
}

export const unanswered = (message: string) => new BridgeError('question_unanswered', { message })
