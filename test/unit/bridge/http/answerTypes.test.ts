// Answers by content type and status: what a body is counts, not what it is called; and what is never an answer.
import { describe, expect, test } from 'vitest'
import { createExchange } from '../../../../src/bridge/http/exchange.ts'
import { createInFlight } from '../../../../src/bridge/message/inFlight.ts'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createSession } from '../../../../src/bridge/session/session.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createHurryingClock } from '../../../fakes/fakeClock.ts'
import { respond } from '../../../fakes/fakeHttp.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const CALL = message('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}')
const NOTE = message('{"jsonrpc":"2.0","method":"notifications/initialized"}')
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{"n":12345678901234567890}}'
const ERROR = '{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}'

async function ask(response: HttpResponse, one = CALL) {
  const { send } = createFakeSend(() => response)
  const inFlight = createInFlight()
  const renew = () => Promise.reject(new Error('no session is made again here'))
  const clock = createHurryingClock()
  const { exchange } = createExchange({
    send,
    session: createSession(),
    inFlight,
    clock,
    limit: 10_000,
    timeoutMs: 1_000,
    renew,
  })
  const delivered: string[] = []
  const outcome = exchange(
    inFlight.begin(one),
    async ({ bytes }) => void delivered.push(Buffer.from(bytes).toString('utf8')),
  )
  return { delivered, outcome }
}

const typed = (type: string | undefined, body: string, status = 200) =>
  respond(status, type === undefined ? {} : { 'content-type': type }, body)

describe('one whole message for a request that waits is its answer', () => {
  const TYPES = [
    undefined,
    '',
    'text/plain',
    'text/plain; charset=utf-8',
    'application/octet-stream',
    'application/jsonrpc',
    'application/json-rpc',
    'application/problem+json',
    'application/vnd.api+json; charset=utf-8',
    'application/x-ndjson',
    'text/json',
    'text/event-stream',
    'application/xml',
    'multipart/form-data',
    'nonsense',
  ]
  test.each(TYPES.flatMap((type) => [200, 201, 202, 206].map((status) => [type, status] as const)))(
    'with the content type %s and the status %i',
    async (type, status) => {
      for (const body of [RESULT, ERROR, ` \n${RESULT}\n`]) {
        const { delivered, outcome } = await ask(typed(type, body, status))
        await outcome
        expect(delivered.map((text) => text.trim())).toEqual([body.trim()])
      }
    },
  )

  test.each(['application/json', 'text/plain', 'text/html', 'application/problem+json', undefined])(
    'with the content type %s and an error status',
    async (type) => {
      for (const status of [400, 404, 422, 500, 502]) {
        const { delivered, outcome } = await ask(typed(type, ERROR, status))
        await outcome
        expect(delivered).toEqual([ERROR])
      }
    },
  )

  test('though the connection breaks off after it', async () => {
    for (const type of ['application/json', 'text/event-stream', 'text/plain']) {
      async function* broken() {
        yield Buffer.from(type === 'text/event-stream' ? `data: ${RESULT}` : RESULT)
        throw new BridgeError('server_unreachable')
      }
      const { delivered, outcome } = await ask(respond(200, { 'content-type': type }, broken()))
      await outcome
      expect(delivered).toEqual([RESULT])
    }
  })
})

describe('no answer', () => {
  const PAGE = '<!DOCTYPE html><title>Sign in</title>'
  test.each([
    ['a page', typed('text/html', PAGE), 'text/html'],
    ['a page as XHTML', typed('application/xhtml+xml; charset=utf-8', PAGE), 'Sign in'],
    ['a page with another type', typed('text/plain', PAGE), 'text/plain'],
    ['a page without a type', typed(undefined, PAGE), 'no content type'],
    ['a page that is called JSON', typed('application/json', PAGE), 'Sign in'],
    ['a page that is called JSON, after white space', typed('application/json', `\n ${PAGE}`), 'Sign in'],
    ['a page that is called a stream', typed('text/event-stream', PAGE), 'text/event-stream'],
    ['a message that is called a page', typed('text/html', RESULT), 'text/html'],
    ['an event that is called a page', typed('text/html', `data: ${RESULT}\n\n`), 'text/html'],
    ['another id', typed('text/plain', '{"jsonrpc":"2.0","id":8,"result":{}}'), 'does not match a request'],
    ['the id as text', typed('text/plain', '{"jsonrpc":"2.0","id":"7","result":{}}'), 'does not match a request'],
    ['half a message', typed('text/plain', RESULT.slice(0, -1)), 'not an MCP message'],
    ['a message and a half', typed('application/json', `${RESULT.slice(0, -1)}${RESULT}`), 'not an MCP message'],
    ['JSON that is no message', typed(undefined, '{"ok":true}'), '{\\"ok\\":true}'],
    ['JSON-RPC 1.0', typed('application/json', '{"id":7,"result":{}}'), 'not an MCP message'],
    ['a word', typed('text/plain', 'Accepted', 202), 'answered 202 with text/plain: "Accepted"'],
    ['202 without a body', typed(undefined, '', 202), 'answered 202 with nothing, but this request needs an answer'],
    ['204', typed(undefined, '', 204), 'answered 204 with nothing'],
    ['200 with white space', typed('text/plain', ' \r\n'), 'answered 200 with'],
  ])('is %s, and the error says what came', async (_, response, words) => {
    const { delivered, outcome } = await ask(response)
    expect((await errorOf(outcome)).message).toContain(words)
    expect(delivered).toEqual([])
  })
})

test.each([
  ['202 as text/plain', typed('text/plain', 'Accepted', 202)],
  ['202 as JSON', typed('application/json', '{"status":"accepted"}', 202)],
  ['202 as a page', typed('text/html', '<p>Accepted</p>', 202)],
  ['200 with null', typed('application/json', 'null')],
  ['200 with an answer to nobody', typed('application/json', '{"jsonrpc":"2.0","id":null,"result":{}}')],
  ['204', typed('text/plain', '', 204)],
  ['an empty stream', typed('text/event-stream', '')],
  ['a stream of one word', typed('text/event-stream', 'data: ok\n\n')],
])('%s to a notification does no harm', async (_, response) => {
  const { delivered, outcome } = await ask(response, NOTE)
  await outcome
  expect(delivered).toEqual([])
})
