// One server/discover of the bridge: what its answer means, and the words of a server that speaks nothing that this program does.
import { expect, test } from 'vitest'
import { askEra } from '../../../../src/bridge/era/ask.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { type FakeResponse, json, leftOpen, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../../fakes/fakeSend.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const HOST = { clientInfo: '{"name":"host","version":"1"}', capabilities: '{"roots":{}}' }
const RESULT = '{ "supportedVersions":["2026-07-28"], "capabilities":{"x":{"big":12345678901234567890}} }'

/** Answers get the id of the question as JSON text. */
function ask(...answers: ((id: string) => HttpResponse)[]) {
  const { send, sent } = createFakeSend(({ body }, index) => {
    const answer = answers[index]
    if (!answer) throw new BridgeError('server_unreachable')
    return answer(JSON.stringify(JSON.parse(body).id))
  })
  const options = {
    send,
    clock: createFakeClock(),
    log: createFakeLogger(),
    answerLimit: 1_000_000,
    protocol: 'auto',
  } as const
  return { asked: askEra(options, HOST, 'start'), sent }
}

const refusing = (code: number, data?: object) => (id: string) =>
  json({ jsonrpc: '2.0', id: JSON.parse(id), error: { code, message: 'not so', data } }, 400)
const discovered = (id: string) =>
  respond(200, { 'content-type': 'application/json' }, `{"jsonrpc":"2.0","id":${id},"result":${RESULT}}`)

test('it is asked in the name of the host, with the headers of the revision', async () => {
  const { asked, sent } = ask(discovered)
  const { era, discover } = await asked
  expect([era, Buffer.from(discover ?? '').toString()]).toEqual(['2026', RESULT])
  expect(sent[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' })
  const { id, params } = JSON.parse(sent[0]?.body ?? '')
  expect(id).toMatch(/^mcp-oauth-bridge-/)
  expect(params._meta).toEqual({
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'host', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { roots: {} },
  })
})

test('newer revisions only is version_unsupported, which names them', async () => {
  const error = await errorOf(ask(refusing(-32022, { supported: ['2027-03-01'] })).asked)
  expect([error.code, error.message]).toEqual(['version_unsupported', expect.stringContaining('"2027-03-01"')])
  expect(error.message).toContain('"not so"')
})

test.each([-32020, -32021])('%i is headers_stripped', async (code) => {
  expect((await errorOf(ask(refusing(code)).asked)).code).toBe('headers_stripped')
})

test('a version that is listed and refused is asked for once more, and then a server_error', async () => {
  const refused = refusing(-32022, { supported: ['2026-07-28'] })
  expect((await ask(refused, discovered).asked).era).toBe('2026')
  const { asked, sent } = ask(refused, refused)
  expect((await errorOf(asked)).code).toBe('server_error')
  expect(sent).toHaveLength(2)
})

test.each([
  ['401', () => respond(401)],
  ['403', () => respond(403)],
  ['503', () => respond(503)],
  ['400 with a challenge', () => respond(400, { 'www-authenticate': 'Bearer error="invalid_token"' })],
  ['400 with invalid_token in its body', () => json({ error: 'invalid_token' }, 400)],
])('%s says nothing', async (_, answer) => {
  expect(await ask(answer).asked).toMatchObject({ era: undefined })
})

test('an unknown method means a revision of 2025', async () => {
  expect((await ask(refusing(-32601)).asked).era).toBe('2025')
})

test.each([
  ['2026', (id: string) => ({ id: JSON.parse(id), result: JSON.parse(RESULT) })],
  ['2025', (id: string) => ({ id: JSON.parse(id), error: { code: -32601, message: 'no' } })],
] as const)(
  'an answer of %s on a stream that stays open counts at once, and the stream is left',
  async (era, answer) => {
    const streams: FakeResponse[] = []
    const { asked } = ask((id) => {
      const stream = leftOpen([
        { jsonrpc: '2.0', method: 'notifications/message' },
        { jsonrpc: '2.0', ...answer(id) },
      ])
      streams.push(stream)
      return stream
    })
    expect((await asked).era).toBe(era)
    expect(streams.map(({ discarded }) => discarded)).toEqual([true])
  },
)
