// A call asks for the sign-in in its answer (MCP 2026-07-28, "Multi Round-Trip Requests", "URL Mode Elicitation"), and comes again with
// what the person did. The server did not ask for any of that, and never sees it.
import { mayAsk as isAskable, META } from '../../era/revisions.ts'
import { type Message, parseMessage } from '../../message/message.ts'
import { type Bytes, eachMember, find, stringIn } from '../../message/pick.ts'
import { textAt } from '../../message/scan.ts'
import { splice } from '../../message/splice.ts'
import { isObjectAt } from '../../message/walk.ts'
import { answerTo } from '../answers.ts'
import { pleaseSignIn } from '../notice.ts'

/** The name of our question among the `inputRequests`, and the beginning of our `requestState`. */
const KEY = 'mcp-oauth-bridge-sign-in'

/** Whether the host can show an address in the answer to this request. */
export const mayAsk = ({ method, bytes }: Message): boolean =>
  isAskable(method) && hasObject(bytes, ['params', '_meta', META.capabilities, 'elicitation', 'url'])

const hasObject = (bytes: Bytes, path: readonly string[]): boolean => {
  const at = find(bytes, path)
  return at !== undefined && isObjectAt(bytes, at.start)
}

/** What goes back with the retry. */
interface State {
  /** When it was asked, in ms since the epoch. */
  readonly at: number
  /** JSON texts of what the host had sent to the server, and would not send again. */
  readonly inputResponses?: string | undefined
  readonly requestState?: string | undefined
}

export interface Question {
  /** The request, as `takeUp` gives it where it is a retry. */
  readonly request: Message
  /** Where a person signs in. */
  readonly address: string
  readonly server: string
  /** Why no tab opens by itself. */
  readonly whyNoTab?: string | undefined
  /** In ms since the epoch. */
  readonly now: number
}

/** The answer that asks. */
export function question({ request, address, server, whyNoTab, now }: Question): Uint8Array {
  const { bytes } = request
  const textOf = (name: string) => {
    const at = find(bytes, ['params', name])
    return at && textAt(bytes, at)
  }
  const state: State = { at: now, inputResponses: textOf('inputResponses'), requestState: textOf('requestState') }
  const message = [...(whyNoTab === undefined ? [] : [whyNoTab]), pleaseSignIn(server)].join(' ')
  const result = {
    resultType: 'input_required',
    inputRequests: { [KEY]: { method: 'elicitation/create', params: { mode: 'url', url: address, message } } },
    requestState: `${KEY}.${Buffer.from(JSON.stringify(state)).toString('base64url')}`,
  }
  return answerTo(request, result)
}

/** A request that comes again after it was asked so. */
export interface Retry {
  /** As the server may see it. */
  readonly request: Message
  /** What the person did with the address, and when it was asked for, in ms since the epoch; undefined: it does not say. */
  readonly action: string | undefined
  readonly at: number | undefined
}

/** undefined: the request answers no question of ours. */
export function takeUp(message: Message): Retry | undefined {
  const { bytes } = message
  // Nearly every request; looking for its members costs more.
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(KEY) === -1) return undefined
  const answers = find(bytes, ['params', 'inputResponses'])
  const answered = answers && find(bytes, [KEY], answers)
  const said = stringIn(bytes, find(bytes, ['params', 'requestState']), bytes.length)
  const isOurState = said?.startsWith(`${KEY}.`) === true
  if (!answered && !isOurState) return undefined
  const state = isOurState ? stateIn(said) : undefined
  const changed = splice(bytes, [
    answers && hasOthers(bytes, answers)
      ? { path: ['params', 'inputResponses', KEY], json: undefined }
      : { path: ['params', 'inputResponses'], json: state?.inputResponses },
    ...(isOurState ? [{ path: ['params', 'requestState'], json: state?.requestState }] : []),
  ])
  return {
    request: parseMessage(changed) ?? message,
    action: answered && stringIn(bytes, find(bytes, ['action'], answered)),
    at: state?.at,
  }
}

function hasOthers(bytes: Bytes, answers: { readonly start: number; readonly end: number }): boolean {
  let others = 0
  eachMember(bytes, answers, (name) => {
    if (name !== KEY) others++
  })
  return others > 0
}

/** The host may have sent anything. */
function stateIn(text: string): State | undefined {
  try {
    const state: unknown = JSON.parse(Buffer.from(text.slice(KEY.length + 1), 'base64url').toString('utf8'))
    const { at, inputResponses, requestState } = (state ?? {}) as Record<string, unknown>
    return { at: Number(at), inputResponses: jsonIn(inputResponses), requestState: jsonIn(requestState) }
  } catch {
    return undefined
  }
}

/** JSON text goes into the bytes as it is. */
function jsonIn(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined
  JSON.parse(text)
  return text
}
