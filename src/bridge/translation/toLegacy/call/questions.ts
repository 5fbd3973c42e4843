// What the server asks while a call is open: which of it the host can answer, how it is put to the host, and what the server hears else.
import type { Message, RawId } from '../../../message/message.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND, refusal, result } from '../../../message/ours.ts'
import { type Bytes, eachMember, find, stringIn, whole } from '../../../message/pick.ts'
import { textAt } from '../../../message/scan.ts'
import { splice } from '../../../message/splice.ts'

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

export interface HostCan {
  readonly form: boolean
  readonly url: boolean
  readonly sampling: boolean
  readonly samplingTools: boolean
  readonly roots: boolean
}

let count = 0

/** Keys of questions are unique in this process. */
export const nextKey = (): string => `q${++count}`

/** The capabilities as JSON text → what may be asked. */
export function hostCan(capabilities: Bytes): HostCan {
  const has = (...path: string[]) => isObject(capabilities, path)
  const elicits = has('elicitation')
  const url = has('elicitation', 'url')
  return {
    // MCP 2026-07-28, "Elicitation": neither mode named is the form.
    form: elicits && (has('elicitation', 'form') || !url),
    url: elicits && url,
    sampling: has('sampling'),
    samplingTools: has('sampling', 'tools'),
    roots: has('roots'),
  }
}

export const asksAnything = ({ form, url, sampling, roots }: HostCan): boolean => form || url || sampling || roots

const isObject = (bytes: Bytes, path: readonly string[]) => {
  const span = find(bytes, path)
  return span !== undefined && bytes[span.start] === OPEN_BRACE
}

/** A request of the server as a question, or what the server is answered at once. */
export function toQuestion(message: Message, can: HostCan, isOfCall: boolean): Question | Message {
  const { bytes, method = '' } = message
  const id = message.asks[0] ?? 'null'
  if (method === 'ping') return result(id, '{}')
  const refused = refusedBy(bytes, method, can)
  if (refused) return refusal(id, refused.code, refused.message)
  return { key: nextKey(), id, method, json: toInputRequest(bytes, method), isOfCall, isTold: false }
}

const UNKNOWN = (method: string) => ({
  code: METHOD_NOT_FOUND,
  message: `Method not found: the host has not declared that it answers ${method}.`,
})
const CANNOT = (message: string) => ({ code: INVALID_PARAMS, message })

/** A server may ask only for what the host has declared (MCP 2026-07-28, "Multi Round-Trip Requests"). */
function refusedBy(bytes: Bytes, method: string, can: HostCan) {
  if (method === 'elicitation/create') {
    const mode = stringIn(bytes, find(bytes, ['params', 'mode'])) ?? 'form'
    if (!can.form && !can.url) return UNKNOWN(method)
    if (mode === 'url' ? can.url : mode === 'form' && can.form) return undefined
    return CANNOT(`The host has not declared that it shows questions of the mode ${mode}.`)
  }
  if (method === 'sampling/createMessage') {
    if (!can.sampling) return UNKNOWN(method)
    const tools = find(bytes, ['params', 'tools']) ?? find(bytes, ['params', 'toolChoice'])
    return tools && !can.samplingTools
      ? CANNOT('The host has not declared that its model uses tools for a server.')
      : undefined
  }
  return method === 'roots/list' && can.roots ? undefined : UNKNOWN(method)
}

/** Members that 2026 does not have: the id of an elicitation, and the wish for a task. */
const gone = (name: string) => ({ path: [name], json: undefined })
const GONE = [gone('task')]
const GONE_URL = [...GONE, gone('elicitationId')]

function toInputRequest(bytes: Bytes, method: string): string {
  const params = find(bytes, ['params'])
  const head = `{"method":${JSON.stringify(method)}`
  if (!params) return `${head}}`
  return `${head},"params":${paramsOf(bytes.subarray(params.start, params.end), method)}}`
}

function paramsOf(params: Bytes, method: string): string {
  const isUrl = method === 'elicitation/create' && stringIn(params, find(params, ['mode'])) === 'url'
  return wholeText(splice(params, isUrl ? GONE_URL : GONE))
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

/** The answers of the host by their keys, as JSON texts; what is no object answers nothing. */
export function responsesIn(json: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (json === undefined) return found
  const bytes = Buffer.from(json)
  eachMember(bytes, whole(bytes), (name, value) => {
    if (bytes[value.start] === OPEN_BRACE) found.set(name, textAt(bytes, value))
  })
  return found
}

const OPEN_BRACE = 123

/** `json`: the text of the host's answer. */
export const answered = ({ id }: Question, json: string): Message => result(id, json)
