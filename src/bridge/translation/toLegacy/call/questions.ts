// What the server asks while a call is open: how it is put to the host, and what the server hears of what the host cannot answer.
import type { Message, RawId } from '../../../message/message.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, refusal, result } from '../../../message/ours.ts'
import { type Bytes, eachMember, find, whole } from '../../../message/pick.ts'
import { textAt } from '../../../message/scan.ts'
import { splice } from '../../../message/splice.ts'
import { isObjectAt } from '../../../message/walk.ts'
import { type HostCan, type Lack, lackOf, modeOf } from '../../hostCan.ts'

/** One request of the server, from when it came until the server has its answer. */
export interface Question {
  /** What it is called in `inputRequests`. */
  readonly key: string
  /** The server's own id for it. */
  readonly id: RawId
  readonly method: string
  /** JSON text of the request as the host gets it. */
  readonly json: string
  /** It came on the stream of the call; else it is only taken to belong to it. */
  readonly isOfCall: boolean
  /** The host has it, and has not answered it. */
  isTold: boolean
}

let count = 0

/** Keys of questions are unique in this process. */
export const nextKey = (): string => `q${++count}`

/** A request of the server as a question, or what the server is answered at once. */
export function toQuestion(message: Message, can: HostCan, isOfCall: boolean): Question | Message {
  const { bytes, method = '' } = message
  const id = message.asks[0] ?? 'null'
  if (method === 'ping') return result(id, '{}')
  const span = find(bytes, ['params'])
  const params = span && bytes.subarray(span.start, span.end)
  const lack = lackOf(method, params, can)
  if (lack) return refusal(id, ...REFUSALS[lack](method, params))
  return { key: nextKey(), id, method, json: toInputRequest(method, params), isOfCall, isTold: false }
}

/** A server may ask only for what the host has declared (MCP 2026-07-28, "Multi Round-Trip Requests"). */
const REFUSALS: Readonly<Record<Lack, (method: string, params: Bytes | undefined) => [code: number, message: string]>> =
  {
    kind: (method) => [METHOD_NOT_FOUND, `Method not found: the host has not declared that it answers ${method}.`],
    mode: (_, params) => [
      INVALID_PARAMS,
      `The host has not declared that it shows questions of the mode ${modeOf(params)}.`,
    ],
    tools: () => [INVALID_PARAMS, 'The host has not declared that its model uses tools for a server.'],
  }

/** Members that 2026 does not have: the id of an elicitation, and the wish for a task. */
const gone = (name: string) => ({ path: [name], json: undefined })
const GONE = [gone('task')]
const GONE_URL = [...GONE, gone('elicitationId')]

function toInputRequest(method: string, params: Bytes | undefined): string {
  const head = `{"method":${JSON.stringify(method)}`
  if (!params) return `${head}}`
  const isUrl = method === 'elicitation/create' && modeOf(params) === 'url'
  return `${head},"params":${wholeText(splice(params, isUrl ? GONE_URL : GONE))}}`
}

const wholeText = (bytes: Bytes) => textAt(bytes, { start: 0, end: bytes.length })

/** An elicitation of an error -32042 as the host gets it: JSON text. */
export const urlRequest = (elicitation: Bytes): string =>
  `{"method":"elicitation/create","params":${wholeText(splice(elicitation, GONE_URL))}}`

/** What the server hears of a question that nobody answers. */
export function unanswered({ id, method }: Question, why: string): Message {
  if (method === 'elicitation/create') return result(id, '{"action":"cancel"}')
  return refusal(id, REFUSED, why)
}

/** As MCP has it where a person refuses (2025-11-25, "Sampling"). */
const REFUSED = -1

/** The answers of the host by their keys, as JSON texts; what is not an object answers nothing. */
export function responsesIn(json: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (json === undefined) return found
  const bytes = Buffer.from(json)
  eachMember(bytes, whole(bytes), (name, value) => {
    if (isObjectAt(bytes, value.start)) found.set(name, textAt(bytes, value))
  })
  return found
}

/** `json`: the text of the host's answer. */
export const answered = ({ id }: Question, json: string): Message => result(id, json)
