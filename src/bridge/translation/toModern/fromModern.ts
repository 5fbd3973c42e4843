// What a 2026 server says → what a 2025 host gets: results without the members that 2026-07-28 added, the ids of the host, and the questions in an answer.
import { BridgeError } from '../../../errors.ts'
import { quote } from '../../../redaction/text.ts'
import { META, mayAsk } from '../../era/revisions.ts'
import type { Message, RawId } from '../../message/message.ts'
import type { Names } from '../../message/names.ts'
import { type Bytes, eachPlace, find, stringIn } from '../../message/pick.ts'
import type { Span } from '../../message/scan.ts'
import { type Change, splice } from '../../message/splice.ts'
import { isObjectAt, pluck, type Wanted } from '../../message/walk.ts'
import { withoutMeta } from '../meta.ts'
import { wrapOutput, wrapTools } from '../output.ts'

/** One question of an `input_required` result. */
export interface Question {
  /** Its key as JSON text, and read. */
  readonly key: Bytes
  readonly name: string
  readonly method: string | undefined
  readonly params: Bytes | undefined
}

/** An answer that is none yet (MCP 2026-07-28, "Multi Round-Trip Requests"). */
export interface InputRequired {
  readonly questions: readonly Question[]
  /** JSON text, to be sent back as it is. */
  readonly requestState: Bytes | undefined
}

const COMPLETE = 'complete'
const INPUT_REQUIRED = 'input_required'

const KIND: Wanted = new Map([['result', { below: new Map([['resultType', { slot: 0 }]]) }]])
const INPUT: Wanted = new Map([
  [
    'result',
    {
      below: new Map([
        ['requestState', { slot: 0 }],
        ['inputRequests', { slot: 1 }],
      ]),
    },
  ],
])

/** The members of 2026-07-28 that a strict host of 2025 need not know. */
const ADDED: readonly Change[] = ['resultType', 'ttlMs', 'cacheScope'].map((name) => ({
  path: ['result', name],
  json: undefined,
}))

/**
 * The answer to `request` for its host, or the questions that come before it. `wrapped`: the tools whose outputs are wrapped, which lists
 * of tools add to.
 * @throws BridgeError invalid_protocol where it is neither
 */
export function fromModernAnswer(answer: Message, request: Message, wrapped: Names): Message | InputRequired {
  const { asks, method } = request
  const id: Change = { path: ['id'], json: asks[0] as RawId }
  if (answer.failed) return withBytes(answer, asks, splice(answer.bytes, [id]))
  const { bytes } = answer
  const [kind] = pluck(bytes, KIND)
  if (kind) {
    const type = stringIn(bytes, kind)
    if (type === INPUT_REQUIRED) return inputRequired(bytes, method)
    if (type !== COMPLETE) throw unknownResult(type, method)
  }
  return withBytes(answer, asks, splice(withObjects(answer, request, wrapped).bytes, [id, ...ADDED]))
}

function withObjects(answer: Message, request: Message, wrapped: Names): Message {
  if (request.method === 'tools/call') return wrapOutput(answer, request, wrapped)
  return request.method === 'tools/list' ? wrapTools(answer, wrapped) : answer
}

const withBytes = (answer: Message, answers: Message['asks'], bytes: Bytes): Message => ({ ...answer, answers, bytes })

function inputRequired(bytes: Bytes, method: string | undefined): InputRequired {
  if (!mayAsk(method))
    throw new BridgeError('invalid_protocol', {
      message: `The server asks for input in its answer to ${quote(method ?? '', 60)}, which MCP does not allow.`,
    })
  const [state, requests] = pluck(bytes, INPUT)
  const questions = requests ? questionsIn(bytes, requests) : []
  if (questions.length === 0 && !state)
    throw new BridgeError('invalid_protocol', {
      message: 'The server asks for input, but sends neither inputRequests nor requestState.',
    })
  return { questions, requestState: state && bytes.slice(state.start, state.end) }
}

/** The last of two with one key counts, as for JSON.parse. */
function questionsIn(bytes: Bytes, requests: Span): readonly Question[] {
  if (bytes[requests.start] === LETTER_N) return []
  if (!isObjectAt(bytes, requests.start))
    throw new BridgeError('invalid_protocol', { message: 'The server’s questions are not an object.' })
  const found = new Map<string, Question>()
  eachPlace(bytes, requests, (at, question) => {
    const key = bytes.slice(at.start, at.end)
    const name = stringIn(bytes, at, bytes.length) ?? ''
    const params = find(bytes, ['params'], question)
    found.set(name, {
      key,
      name,
      method: stringIn(bytes, find(bytes, ['method'], question)),
      params: params && bytes.slice(params.start, params.end),
    })
  })
  return [...found.values()]
}

/** Of `null`. */
const LETTER_N = 110

const unknownResult = (type: string | undefined, method: string | undefined) =>
  new BridgeError('invalid_protocol', {
    message: `The server answered ${quote(method ?? '', 60)} with a result of the type ${quote(type ?? '', 60)}, which a host of the revisions before 2026-07-28 cannot take.`,
    hint: 'Use a host that speaks MCP 2026-07-28, or another tool of this server.',
  })

/** A notification of a listen stream as a 2025 host knows it: in `_meta`, what names the stream goes. */
export const withoutSubscription = (notification: Message): Message => ({
  ...notification,
  bytes: splice(notification.bytes, [withoutMeta(notification.bytes, ['params', '_meta'], META.subscription)]),
})
