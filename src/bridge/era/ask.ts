// One server/discover (MCP 2026-07-28, "Discovery"), and what its answer says of the revisions that the server speaks.
import type { Era } from '../../eraMemory.ts'
import { asBridgeError, BridgeError, type ErrorCode } from '../../errors.ts'
import { judge, readDiscover } from '../../mcp/eraVerdict.ts'
import { isSessionId } from '../../mcp/requests.ts'
import type { Cause, HttpResponse } from '../../ports.ts'
import { registerRotatingSecret } from '../../redaction/register.ts'
import { quote } from '../../redaction/text.ts'
import { NOTHING_MORE } from '../http/body/messages.ts'
import { isCut, readMessages, readStart } from '../http/response.ts'
import { type Message, parseMessage } from '../message/message.ts'
import { type Bytes, find, stringIn } from '../message/pick.ts'
import { META, MODERN, revisionOf } from './revisions.ts'
import type { HostInfo, Question, ServerEraOptions } from './serverEra.ts'

export interface Asked {
  /** undefined: the answer says nothing. */
  readonly era: Era | undefined
  /** The `result` of a DiscoverResult. */
  readonly discover?: Bytes | undefined
  /** The whole answer. */
  readonly answer?: Message | undefined
}

/** A server that does not answer for this long, in ms, is spoken to as before 2026. */
const SILENCE_MS = 5_000

/** How long the end of a session may be waited for, in ms. */
const LAST_WORDS_MS = 500

/** What came was no answer to the question: the host's own initialize finds out what is wrong. */
const NO_EVIDENCE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'server_error',
  'invalid_protocol',
  'message_too_large',
  'redirect_refused',
])

/** @throws BridgeError where the sign-in failed, the server was not reached, or it speaks nothing that this program does */
export async function askEra(
  { send, clock, answerLimit }: ServerEraOptions,
  question: Question,
  cause: Cause,
): Promise<Asked> {
  const message = 'bytes' in question ? question : questionOf(question)
  for (let tries = 1; ; tries++) {
    const transmission = { sent: false, abort: undefined }
    let heard: Heard
    try {
      const request = { method: 'POST', headers: headersOf(message), body: message.bytes, transmission } as const
      const response = await send({ ...request, idleMs: SILENCE_MS, isQuestion: true }, cause)
      heard = await within(SILENCE_MS, hear(response, message, { limit: answerLimit, clock }), response, clock)
    } catch (thrown) {
      if (saysNothing(thrown, transmission.sent)) return { era: undefined }
      throw thrown
    }
    // A challenge is about the token, whatever its status.
    const verdict = heard.challenged ? undefined : judge(heard)
    if (verdict === '2025') void endStray(send, heard.session)
    if (verdict === 'askAgain' && tries === 1) continue
    if (verdict === 'askAgain' || verdict === 'newer' || verdict === 'stripped') throw refused(verdict, heard)
    return { era: verdict, discover: verdict === '2026' ? resultOf(heard.answer) : undefined, answer: heard.answer }
  }
}

/** Some servers of 2025 keep a session for each request that comes without one. Never throws. */
async function endStray(send: ServerEraOptions['send'], id: unknown): Promise<void> {
  if (!isSessionId(id)) return
  registerRotatingSecret(id, 'session')
  const signal = AbortSignal.timeout(LAST_WORDS_MS)
  const request = { method: 'DELETE', headers: { 'mcp-session-id': id }, signal, idleMs: LAST_WORDS_MS } as const
  await send(request, 'background').then(
    (response) => response.discard(),
    () => undefined,
  )
}

/** A stream that goes on and on says nothing either. */
async function within(
  ms: number,
  hearing: Promise<Heard>,
  response: HttpResponse,
  clock: ServerEraOptions['clock'],
): Promise<Heard> {
  const over = new AbortController()
  const late = clock.sleep(ms, over.signal).then(
    () => {
      response.discard()
      throw new BridgeError('server_timeout')
    },
    () => hearing,
  )
  try {
    return await Promise.race([hearing, late])
  } finally {
    over.abort()
    hearing.catch(() => undefined)
    late.catch(() => undefined)
  }
}

interface Heard {
  readonly status: number
  /** Its answer to the question, however it was sent, else the start of what came instead. */
  readonly body: Uint8Array
  readonly answer?: Message | undefined
  readonly challenged?: boolean
  /** Its session id, if it began a session. */
  readonly session: unknown
}

async function hear(
  response: HttpResponse,
  { asks }: Message,
  options: { readonly limit: number; readonly clock: ServerEraOptions['clock'] },
): Promise<Heard> {
  const { status, headers } = response
  const session = headers['mcp-session-id']
  if (status < 200 || status > 299) {
    const body = await readStart(response)
    const answer = parseMessage(body)
    const challenged = status >= 400 && headers['www-authenticate'] !== undefined
    return { status, body, challenged, session, answer: answer && isFor(answer, asks) ? answer : undefined }
  }
  let answer: Message | undefined
  let odd: Uint8Array = Buffer.alloc(0)
  try {
    const take = async (one: Message) => {
      if (isFor(one, asks)) answer ??= one
    }
    await readMessages(
      response,
      { ...options, position: {}, awaits: (ids) => ids.every((id) => asks.includes(id)) },
      {
        take,
        odd(bytes) {
          odd = bytes
        },
        // The stream may stay open.
        enough: () => (answer ? NOTHING_MORE : undefined),
      },
    )
  } catch (thrown) {
    if (!answer) throw thrown
  }
  return { status, body: answer?.bytes ?? odd, answer, session }
}

/** Some servers answer a question that they do not understand without its id. */
const isFor = ({ answers }: Message, asks: Message['asks']) =>
  answers.length === 1 && (answers[0] === asks[0] || answers[0] === 'null')

/** The server was spoken to, and nothing in its answer or its silence is about the era. */
function saysNothing(thrown: unknown, wasSent: boolean): boolean {
  const { code } = asBridgeError(thrown)
  if (isCut(thrown) || code === 'server_timeout') return wasSent
  return NO_EVIDENCE.has(code)
}

const headersOf = ({ bytes }: Message) => ({
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-protocol-version': revisionOf(bytes) ?? MODERN,
  'mcp-method': 'server/discover',
})

let asked = 0

/** The question in the name of the host. */
export function questionOf({ clientInfo, capabilities }: HostInfo): Message {
  const meta = `${JSON.stringify(META.version)}:${JSON.stringify(MODERN)},${JSON.stringify(META.client)}:${clientInfo},${JSON.stringify(META.capabilities)}:${capabilities}`
  const id = JSON.stringify(`mcp-oauth-bridge-discover-${++asked}`)
  const text = `{"jsonrpc":"2.0","id":${id},"method":"server/discover","params":{"_meta":{${meta}}}}`
  return parseMessage(Buffer.from(text)) as Message
}

function resultOf(answer: Message | undefined): Bytes | undefined {
  const span = answer && find(answer.bytes, ['result'])
  return span && answer.bytes.subarray(span.start, span.end)
}

function refused(verdict: 'askAgain' | 'newer' | 'stripped', heard: Heard): BridgeError {
  const { answer } = heard
  const said = answer && stringIn(answer.bytes, find(answer.bytes, ['error', 'message']))
  const words = said === undefined ? '' : ` It says ${quote(said, 160)}.`
  if (verdict === 'stripped')
    return new BridgeError('headers_stripped', {
      message: `The server does not get the headers of MCP ${MODERN} as they were sent.${words}`,
    })
  const named = quote(readDiscover(heard).revisions.join(', '), 160)
  if (verdict === 'newer')
    return new BridgeError('version_unsupported', {
      message: `The server speaks MCP ${named}, which this version of mcp-oauth-bridge does not know.${words}`,
    })
  return new BridgeError('server_error', {
    message: `The server says that it speaks MCP ${named}, and refuses ${MODERN}.${words}`,
  })
}
