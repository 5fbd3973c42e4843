// The first request with new tokens: only a refused initialize says that the server does not take them; and what it tells of the server's revisions.
import { expect, test } from 'vitest'
import { type VerifyOptions, verifyTokens } from '../../../../src/auth/grants/verifyTokens.ts'
import type { EraMemory } from '../../../../src/eraMemory.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeAuthorizer } from '../../../fakes/fakeAuthorizer.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { settled } from '../../../fakes/gate.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const URL_1 = new URL('https://mcp.example/mcp')

interface Given {
  readonly onNonce?: (answer: Pick<HttpResponse, 'status'>) => 'again' | undefined
  readonly protocol?: VerifyOptions['protocol']
  readonly save?: EraMemory['save']
}

function setUp(answers: (number | Error | HttpResponse)[], given: Given = {}) {
  const { onNonce = () => undefined, protocol = 'auto' } = given
  const saved: unknown[] = []
  const save = given.save ?? (async (known) => void saved.push(known))
  const clock = createFakeClock()
  const http = createFakeHttp({
    [URL_1.href]: () => {
      const answer = answers.shift() ?? 500
      if (answer instanceof Error) throw answer
      return typeof answer === 'number' ? respond(answer) : answer
    },
  })
  const authorizer = {
    ...createFakeAuthorizer({ authorization: 'Bearer new' }, () => ({})),
    onNonce: async (answer: Pick<HttpResponse, 'status'>) => onNonce(answer),
  }
  const log = createFakeLogger()
  const work = verifyTokens({ http, url: URL_1, authorizer, clock, log, protocol, eras: { save } })
  work.catch(() => undefined)
  return { work, http, clock, saved }
}

const DISCOVERED = { jsonrpc: '2.0', id: 'signed-in', result: { supportedVersions: ['2026-07-28'], capabilities: {} } }
const UNKNOWN_METHOD = { jsonrpc: '2.0', id: 'signed-in', error: { code: -32601, message: 'Method not found' } }
const unsupported = (...supported: string[]) => ({
  jsonrpc: '2.0',
  id: 'x',
  error: { code: -32022, data: { supported } },
})

const methodsOf = (http: ReturnType<typeof setUp>['http']) =>
  http.requests.map(({ method, body }) => (method === 'POST' ? JSON.parse(String(body)).method : method))

test.each([200, 202, 400, 403, 404, 405, 500])('an answer %i means that the token is accepted', async (status) => {
  const { work, http } = setUp([status])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['server/discover'])
  expect(http.requests[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer new' } })
})

test('a server that refuses everything but initialize takes the token, and its session is deleted', async () => {
  const begun = respond(200, { 'mcp-session-id': 'session-1' })
  const { work, http, saved } = setUp([401, begun, 200, 401])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['server/discover', 'initialize', 'DELETE', 'server/discover'])
  expect(saved).toEqual([{ era: '2025' }])
  expect(http.requests[2]?.headers).toMatchObject({ 'mcp-session-id': 'session-1', authorization: 'Bearer new' })
})

test.each([
  ['refuses the DELETE', 405],
  ['breaks off', new BridgeError('server_unreachable')],
])('a server that %s at the end of the session takes the token all the same', async (_, end) => {
  const { work } = setUp([401, respond(200, { 'mcp-session-id': 'session-1' }), end, 401])
  await expect(work).resolves.toBeUndefined()
})

test.each([400, 403, 404, 500])('initialize answered with %i is not a refusal of the token', async (status) => {
  const { work, http, saved } = setUp([401, status, 401])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['server/discover', 'initialize', 'server/discover'])
  expect(saved).toEqual([])
})

test('a server that learns of the token a moment later is asked once more', async () => {
  const { work, http, clock, saved } = setUp([401, 401, 200, json(DISCOVERED)])
  await settled()
  expect(http.requests).toHaveLength(2)
  clock.advance(1_000)
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['server/discover', 'initialize', 'initialize', 'server/discover'])
  expect(saved).toEqual([{ era: '2026', discover: JSON.stringify(DISCOVERED.result) }])
})

test.each([
  ['401', () => 401],
  ['400 with invalid_token', () => respond(400, { 'www-authenticate': 'Bearer error="invalid_token"' })],
  ['403 with invalid_token', () => respond(403, { 'www-authenticate': 'Bearer realm="x", error=invalid_token' })],
])('%s to server/discover and initialize is unauthorized, with the server’s name and a remedy', async (_, refusal) => {
  const { work, http, clock } = setUp([refusal(), refusal(), refusal()])
  await settled()
  clock.advance(1_000)
  const error = await errorOf(work)
  expect(error).toMatchObject({ code: 'unauthorized' })
  expect(error.message).toContain('https://mcp.example refuses it')
  expect(error.hint).toContain('audience')
  expect(http.requests).toHaveLength(3)
})

test('what the server says beside its last refusal is quoted', async () => {
  const refusal = () =>
    respond(401, { 'www-authenticate': 'Bearer error="invalid_token", error_description="Wrong audience\\u001b"' })
  const { work, clock } = setUp([refusal(), refusal(), refusal()])
  await settled()
  clock.advance(1_000)
  expect((await errorOf(work)).message).toMatch(/refuses it \(401\)\. It says "Wrong audience\S*"\.$/)
})

test('a server that cannot be reached says nothing about the token', async () => {
  const { work } = setUp([new BridgeError('server_unreachable')])
  await expect(work).resolves.toBeUndefined()
})

test('a request refused for a missing nonce is sent again with it, at once', async () => {
  const { work, http } = setUp([401, 200], { onNonce: ({ status }) => (status === 401 ? 'again' : undefined) })
  await expect(work).resolves.toBeUndefined()
  expect(http.requests).toHaveLength(2)
})

test('the first request is a server/discover with its headers and _meta, in the name of this program', async () => {
  const { work, http } = setUp([json(DISCOVERED)])
  await work
  const [request] = http.requests
  expect(request?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' })
  expect(JSON.parse(String(request?.body))).toEqual({
    jsonrpc: '2.0',
    id: 'signed-in',
    method: 'server/discover',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'mcp-oauth-bridge', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  })
})

test.each<[string, HttpResponse, unknown[]]>([
  ['a DiscoverResult', json(DISCOVERED), [{ era: '2026', discover: JSON.stringify(DISCOVERED.result) }]],
  [
    'a stream that stays open after its answer',
    respond(
      200,
      { 'content-type': 'text/event-stream' },
      neverEnding(`: hi\n\ndata: ${JSON.stringify(DISCOVERED)}\n\n`),
    ),
    [{ era: '2026', discover: JSON.stringify(DISCOVERED.result) }],
  ],
  ['an unknown method', json(UNKNOWN_METHOD), [{ era: '2025' }]],
  ['an unknown method with 404', json(UNKNOWN_METHOD, 404), [{ era: '2025' }]],
  ['a session that is missing', respond(400, {}, 'Bad Request: no session'), [{ era: '2025' }]],
  ['newer revisions only', json(unsupported('2027-01-01'), 400), []],
  ['headers that were taken out', json({ jsonrpc: '2.0', id: null, error: { code: -32020 } }, 400), []],
  ['403', json(UNKNOWN_METHOD, 403), []],
  ['503', respond(503), []],
  ['a page', respond(200, { 'content-type': 'text/html' }, '<html>'), []],
  ['a compressed body', respond(200, { 'content-encoding': 'gzip' }, Buffer.from([0x1f, 0x8b, 8])), []],
  ['a body that breaks off', respond(200, { 'content-type': 'application/json' }, broken('{"jsonrpc":')), []],
  ['a body without an end', respond(200, { 'content-type': 'application/json' }, endless()), []],
])('the revisions of the server are remembered by its answer: %s', async (_, answer, known) => {
  const { work, http, saved } = setUp([answer])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['server/discover'])
  expect(saved).toEqual(known)
})

test('a version that is refused although the server lists it is asked for once more', async () => {
  const first = setUp([json(unsupported('2026-07-28'), 400), json(DISCOVERED)])
  await first.work
  expect(first.saved).toMatchObject([{ era: '2026' }])
  const second = setUp([json(unsupported('2026-07-28'), 400), json(unsupported('2026-07-28'), 400)])
  await second.work
  expect([methodsOf(second.http), second.saved]).toEqual([['server/discover', 'server/discover'], []])
})

test('a session that a server begins for the question is ended, unless it speaks 2026-07-28', async () => {
  const begun = { 'mcp-session-id': 'stray-1' }
  const legacy = setUp([json(UNKNOWN_METHOD, 200, begun), 200])
  await legacy.work
  expect(methodsOf(legacy.http)).toEqual(['server/discover', 'DELETE'])
  expect(legacy.http.requests[1]?.headers).toMatchObject({ 'mcp-session-id': 'stray-1', authorization: 'Bearer new' })
  const modern = setUp([json(DISCOVERED, 200, begun)])
  await modern.work
  expect(methodsOf(modern.http)).toEqual(['server/discover'])
})

test('a server that is silent about what it does not know is asked by a ping', async () => {
  const { work, http, saved } = setUp([new BridgeError('server_timeout'), json(UNKNOWN_METHOD)])
  await expect(work).resolves.toBeUndefined()
  expect([methodsOf(http), saved]).toEqual([['server/discover', 'ping'], []])
  const refused = setUp([new BridgeError('server_timeout'), 401, 401, 401])
  await settled()
  refused.clock.advance(1_000)
  expect((await errorOf(refused.work)).code).toBe('unauthorized')
})

test('with protocol 2025 it is a ping, with 2026 a server/discover of which only a DiscoverResult is remembered', async () => {
  const legacy = setUp([json(DISCOVERED)], { protocol: '2025' })
  await legacy.work
  expect([methodsOf(legacy.http), legacy.saved]).toEqual([['ping'], []])
  const modern = setUp([json(UNKNOWN_METHOD)], { protocol: '2026' })
  await modern.work
  expect([methodsOf(modern.http), modern.saved]).toEqual([['server/discover'], []])
  const described = setUp([json(DISCOVERED)], { protocol: '2026' })
  await described.work
  expect(described.saved).toMatchObject([{ era: '2026' }])
  const refused = setUp([401, respond(200)], { protocol: '2026' })
  await refused.work
  expect([methodsOf(refused.http), refused.saved]).toEqual([['server/discover', 'initialize'], []])
})

test('a memory that cannot be written does not fail the sign-in', async () => {
  const { work } = setUp([json(DISCOVERED)], { save: () => Promise.reject(new BridgeError('database_unreachable')) })
  await expect(work).resolves.toBeUndefined()
})

async function* neverEnding(text: string) {
  yield Buffer.from(text)
  await new Promise(() => undefined)
}

async function* broken(text: string) {
  yield Buffer.from(text)
  throw new BridgeError('server_unreachable')
}

async function* endless() {
  for (;;) yield Buffer.alloc(64 * 1024, '{')
}
