// A 2025 server that forgets its sessions, behind a `Send`: a test says what it asks, and sees what is answered in which session.
import { createLegacyConversation, type LegacyOptions } from '../../src/bridge/legacy/legacyConversation.ts'
import { createInFlight, OVER } from '../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../src/bridge/message/message.ts'
import { createFakeClock } from './fakeClock.ts'
import { json, respond } from './fakeHttp.ts'
import { createFakeLogger } from './fakeLogger.ts'
import { createFakeSend, type Sent } from './fakeSend.ts'
import { settled } from './gate.ts'

/** A body that a test writes: `say` gives one event, `end` breaks it off. */
export function createStream(first = '') {
  const waiting = [first].filter((text) => text !== '')
  let isOver = false
  let wake = () => {}
  async function* body() {
    for (;;) {
      for (let text = waiting.shift(); text !== undefined; text = waiting.shift()) yield Buffer.from(text)
      if (isOver) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const push = async (text: string) => {
    waiting.push(text)
    wake()
    await settled()
  }
  return {
    response: (headers: Readonly<Record<string, string>> = {}) =>
      respond(200, { 'content-type': 'text/event-stream', ...headers }, body()),
    sayText: (text: string) => push(`data: ${text}\n\n`),
    say: (value: object) => push(`data: ${JSON.stringify({ jsonrpc: '2.0', ...value })}\n\n`),
    async end() {
      isOver = true
      await push('')
    },
  }
}

export type Stream = ReturnType<typeof createStream>

interface Script {
  readonly transport?: 'http' | 'sse'
  readonly version?: string
  /** Before it answers an initialize, from the second on. */
  readonly renewing?: () => Promise<void>
  /** What it answers instead; undefined: as always. */
  readonly instead?: (sent: Sent) => Promise<ReturnType<typeof respond> | undefined>
  readonly options?: Partial<LegacyOptions>
}

/** Calls are answered by a stream each, which stays open. */
export function startForgetful({ transport = 'http', version = '2025-11-25', ...script }: Script = {}) {
  let session = 1
  let introduced = 0
  /** Of the calls by their ids, and of the sessions by theirs. */
  const streams = new Map<unknown, Stream>()
  const answers: string[] = []
  let watchers: { readonly key: unknown; readonly tell: () => void }[] = []
  const open = (key: unknown, first = '') => {
    const stream = createStream(first)
    streams.set(key, stream)
    for (const { tell } of watchers.filter((one) => one.key === key)) tell()
    watchers = watchers.filter((one) => one.key !== key)
    return stream
  }
  /** The stream of the call with this id, or of a session, once it is open and has begun. */
  const stream = async (key: unknown): Promise<Stream> => {
    if (!streams.has(key)) await new Promise<void>((tell) => watchers.push({ key, tell }))
    await settled()
    return streams.get(key) as Stream
  }
  const { send, sent } = createFakeSend(async (one) => {
    const { method, body, headers } = one
    if (method === 'DELETE') return respond(200)
    if (method === 'GET' && transport === 'http') return respond(405)
    if (method === 'GET') {
      introduced++
      return open(`s${introduced}`, `event: endpoint\ndata: /of?s=${introduced}\n\n`).response()
    }
    const at = transport === 'http' ? headers['mcp-session-id'] : `s${new URL(one.url ?? '').searchParams.get('s')}`
    const instead = await script.instead?.(one)
    if (instead) return instead
    const said = JSON.parse(body)
    if (said.method === 'initialize') {
      const answer = { jsonrpc: '2.0', id: said.id, result: { protocolVersion: version } }
      if (transport === 'sse') return tellLater(at, answer)
      if (++introduced > 1) await script.renewing?.()
      return json(answer, 200, { 'mcp-session-id': `s${session}` })
    }
    if (transport === 'http' && at !== `s${session}`) return respond(404, {}, 'Session not found')
    const all: { id?: unknown; method?: string }[] = Array.isArray(said) ? said : [said]
    if (all.some(({ method: name }) => name === undefined)) answers.push(`${at} ${body}`)
    const asked = all.find((part) => part.method !== undefined && part.id !== undefined)
    if (!asked || transport === 'sse') return respond(202)
    return open(asked.id).response()
  })
  const tellLater = (at: string | undefined, answer: object) => {
    void stream(at).then(({ sayText: tell }) => tell(JSON.stringify(answer)))
    return respond(202)
  }

  const inFlight = createInFlight()
  const log = createFakeLogger()
  const clock = createFakeClock()
  /** What the host has heard, as texts. */
  const heard: string[] = []
  const hear = async ({ bytes }: Message) => void heard.push(Buffer.from(bytes).toString('utf8'))
  const conversation = createLegacyConversation({
    ...{ url: new URL('https://mcp.example.com/mcp'), transport, send, inFlight, clock, log },
    ...{ answerLimit: 10_000, timeoutMs: 60_000, deliver: hear, ...script.options },
  })
  /** Resolves when the exchange is over; to why it failed. */
  const sayText = (text: string): Promise<unknown> => {
    const pending = inFlight.begin(parseMessage(Buffer.from(text)) as Message)
    return conversation
      .exchange(pending, OVER, hear)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      .finally(() => inFlight.end(pending))
  }
  const say = (value: object) => sayText(JSON.stringify({ jsonrpc: '2.0', ...value }))
  return {
    conversation,
    clock,
    log,
    sent,
    answers,
    heard,
    sayText,
    say,
    stream,
    /** The host makes a call, and the server has it. */
    call(id: number) {
      void say({ id, method: 'tools/call', params: { name: `t${id}` } })
      return stream(id)
    },
    /** What the host has heard beside answers to its own requests. */
    asked: () => heard.filter((text) => !text.includes('"result"')).map((text) => JSON.parse(text)),
    forget: () => void session++,
  }
}
