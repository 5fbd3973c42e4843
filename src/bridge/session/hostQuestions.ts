// What the server has asked the host and has no answer to. For the host, its session goes on when that with the server is made again: what was
// asked before is void, and an id must not stand for two questions (MCP 2025-11-25, "Requests").
import type { Logger } from '../../ports.ts'
import { withoutControls } from '../../redaction/text.ts'
import { cutOut, type Edit, edited } from '../message/edits.ts'
import { type Message, nameOf, parseMessage, type RawId } from '../message/message.ts'
import { type Bytes, eachMessage, eachPlace, find, idIn, isNamed, whole } from '../message/pick.ts'
import type { Span } from '../message/scan.ts'
import { createQuestionIds, type QuestionIds } from './questionIds.ts'

export interface HostQuestions extends Pick<QuestionIds, 'giveUp'> {
  /** A message of the server as the host gets it: its bytes, but for a question whose id the host knows from a session that is over. */
  put(message: Message): Message
  /** The same on a stream of a session that is over: without questions, and what takes them back. undefined: nothing is left. */
  withoutQuestions(message: Message): Message | undefined
  /** A message of the host as the server gets it. undefined: it only answers what is void. */
  answer(message: Message): Message | undefined
  /** A message of the host without the answers in it. undefined: nothing is left. */
  withoutAnswers(message: Message): Message | undefined
}

const CANCELLED = 'notifications/cancelled'
const REQUEST_ID = ['params', 'requestId']
const IS_OVER = 'its session is over'

export function createHostQuestions(log?: Pick<Logger, 'debug'>): HostQuestions {
  const ids = createQuestionIds()

  const put = (message: Message): Message => {
    const { kind, method, asks, bytes } = message
    if (kind === 'request') return replaced(message, ['id'], asks[0], ids.ask)
    if (kind === 'batch') return changed(message, put) ?? message
    if (method !== CANCELLED) return message
    return replaced(message, REQUEST_ID, idIn(bytes, find(bytes, REQUEST_ID)), ids.withdraw)
  }

  const answered = (message: Message): Message | undefined => {
    const [id] = message.answers
    const servers = id === undefined ? undefined : ids.answer(id)
    return servers === undefined ? dropped(message) : replaced(message, ['id'], id, () => servers)
  }

  const dropped = ({ asks, answers, method }: Message): undefined => {
    log?.debug('proxy:dropped', { request: withoutControls(nameOf([...asks, ...answers])), method, reason: IS_OVER })
  }

  /** What of a message of the host is an answer, as `change` gives it. */
  const withAnswers = (message: Message, change: (one: Message) => Message | undefined) =>
    message.answers.length === 0 ? message : changed(message, (one) => (one.kind === 'response' ? change(one) : one))

  return {
    put,
    withoutQuestions: (message) =>
      changed(message, (one) => (one.kind === 'request' || one.method === CANCELLED ? dropped(one) : one)),
    answer: (message) => withAnswers(message, answered),
    withoutAnswers: (message) => withAnswers(message, dropped),
    giveUp: ids.giveUp,
  }
}

/** With the id that `change` gives for `id`, which stands at the end of `path`; the same message where that is the same. */
function replaced(
  message: Message,
  path: readonly string[],
  id: RawId | undefined,
  change: (id: RawId) => RawId,
): Message {
  const by = id === undefined ? undefined : change(id)
  if (by === undefined || by === id) return message
  const { bytes } = message
  const edits: Edit[] = []
  collect(bytes, path, whole(bytes), (place) => edits.push({ ...place, by }))
  return parseMessage(edited(bytes, edits)) as Message
}

/** Each value at the end of a path of members: parsers differ in which of two with one name counts. */
function collect(
  bytes: Bytes,
  [name = '', ...below]: readonly string[],
  from: Span,
  visit: (place: Span) => void,
): void {
  eachPlace(bytes, from, (at, value) => {
    if (!isNamed(bytes, at, name)) return
    if (below.length === 0) visit(value)
    else collect(bytes, below, value, visit)
  })
}

/** A message, or each one of a batch, as `change` gives it; undefined: without it. */
function changed(message: Message, change: (one: Message) => Message | undefined): Message | undefined {
  if (message.kind !== 'batch') return change(message)
  const { bytes } = message
  const edits: Edit[] = []
  let kept = 0
  eachMessage(bytes, (span) => {
    const one = parseMessage(bytes.subarray(span.start, span.end)) as Message
    const by = change(one)
    if (!by) edits.push(cutOut(bytes, span, kept))
    else {
      kept++
      if (by !== one) edits.push({ ...span, by: by.bytes })
    }
  })
  if (edits.length === 0) return message
  return kept === 0 ? undefined : parseMessage(edited(bytes, edits))
}
