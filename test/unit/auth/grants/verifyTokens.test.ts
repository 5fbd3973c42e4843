// The first request with new tokens: only a refused initialize says that the server does not take them.
import { expect, test } from 'vitest'
import { verifyTokens } from '../../../../src/auth/grants/verifyTokens.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeAuthorizer } from '../../../fakes/fakeAuthorizer.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { settled } from '../../../fakes/gate.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const URL_1 = new URL('https://mcp.example/mcp')

function setUp(
  answers: (number | Error | HttpResponse)[],
  onNonce: (answer: Pick<HttpResponse, 'status'>) => 'again' | undefined = () => undefined,
) {
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
  const work = verifyTokens({ http, url: URL_1, authorizer, clock, log: createFakeLogger() })
  work.catch(() => undefined)
  return { work, http, clock }
}

const methodsOf = (http: ReturnType<typeof setUp>['http']) =>
  http.requests.map(({ method, body }) => (method === 'POST' ? JSON.parse(String(body)).method : method))

test.each([200, 202, 400, 403, 404, 405, 500])('an answer %i means that the token is accepted', async (status) => {
  const { work, http } = setUp([status])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['ping'])
  expect(http.requests[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer new' } })
})

test('a server that refuses everything but initialize takes the token, and its session is deleted', async () => {
  const begun = respond(200, { 'mcp-session-id': 'session-1' })
  const { work, http } = setUp([401, begun, 200])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['ping', 'initialize', 'DELETE'])
  expect(http.requests[2]?.headers).toMatchObject({ 'mcp-session-id': 'session-1', authorization: 'Bearer new' })
})

test.each([
  ['refuses the DELETE', 405],
  ['breaks off', new BridgeError('server_unreachable')],
])('a server that %s at the end of the session takes the token all the same', async (_, end) => {
  const { work } = setUp([401, respond(200, { 'mcp-session-id': 'session-1' }), end])
  await expect(work).resolves.toBeUndefined()
})

test.each([400, 403, 404, 500])('initialize answered with %i is not a refusal of the token', async (status) => {
  const { work, http } = setUp([401, status])
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['ping', 'initialize'])
})

test('a server that learns of the token a moment later is asked once more', async () => {
  const { work, http, clock } = setUp([401, 401, 200])
  await settled()
  expect(http.requests).toHaveLength(2)
  clock.advance(1_000)
  await expect(work).resolves.toBeUndefined()
  expect(methodsOf(http)).toEqual(['ping', 'initialize', 'initialize'])
})

test.each([
  ['401', () => 401],
  ['400 with invalid_token', () => respond(400, { 'www-authenticate': 'Bearer error="invalid_token"' })],
  ['403 with invalid_token', () => respond(403, { 'www-authenticate': 'Bearer realm="x", error=invalid_token' })],
])('%s to ping and initialize is unauthorized, with the server’s name and a remedy', async (_, refusal) => {
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
  const { work, http } = setUp([401, 200], ({ status }) => (status === 401 ? 'again' : undefined))
  await expect(work).resolves.toBeUndefined()
  expect(http.requests).toHaveLength(2)
})
