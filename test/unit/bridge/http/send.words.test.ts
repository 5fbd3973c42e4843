// Whatever refuses a request in the end, its error names the server and quotes what that said.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { createAuthorizer, fixedTokens } from '../../../../src/auth/authorizer.ts'
import type { Tokens } from '../../../../src/auth/tokens/tokens.ts'
import { createSend } from '../../../../src/bridge/http/send.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpRequest, HttpResponse } from '../../../../src/ports.ts'
import { createFakeClock } from '../../../fakes/fakeClock.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'
import { errorOf } from '../../../fakes/thrown.ts'

const SERVER = 'https://mcp.example/mcp'
const TOKEN = 'the-very-secret-token'
const tokenSet = {
  issuer: 'https://as.example',
  clientId: 'client',
  redirectUri: 'http://localhost:8080/auth/callback',
  accessToken: TOKEN,
  obtainedAt: 0,
}

function post(answer: () => HttpResponse, tokens: Partial<Tokens> = {}, method: HttpRequest['method'] = 'POST') {
  const authorizer = createAuthorizer({
    tokens: { ...fixedTokens(tokenSet), ...tokens },
    userHeaders: {},
    headers: {},
    forward: ['*'],
    blocked: [],
    log: createFakeLogger(),
    clock: createFakeClock(),
  })
  const send = createSend(createFakeHttp({ [SERVER]: answer }), authorizer, new URL(SERVER), 1_000)
  return errorOf(send({ method, headers: {}, body: 'x' }, 'call'))
}

const bearer = (rest: string) => ({ 'www-authenticate': `Bearer ${rest}` })

test.each([
  ['the challenge', () => respond(401, bearer('error="invalid_token", error_description="Wrong audience"'))],
  ['a challenge without quotes', () => respond(401, bearer('error_description=Wrong error=invalid_token')), 'Wrong'],
  [
    'one of two challenges',
    () => respond(401, { 'www-authenticate': ['Basic', 'Bearer error_description="Wrong audience"'] }),
  ],
  ['an OAuth body', () => json({ error: 'invalid_token', error_description: 'Wrong audience' }, 401)],
  [
    'a JSON-RPC body',
    () => json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Wrong audience' } }, 401),
  ],
  ['message', () => json({ statusCode: 401, message: 'Wrong audience' }, 401)],
  ['detail', () => json({ detail: 'Wrong audience' }, 401)],
  ['error', () => json({ error: 'Wrong audience' }, 401)],
  ['plain text', () => respond(401, { 'content-type': 'text/plain' }, 'Wrong audience\n')],
  ['a compressed body', () => respond(401, { 'content-encoding': 'gzip' }, gzipSync('Wrong audience'))],
  ['a body beside a challenge without words', () => respond(401, bearer('error="invalid_token"'), 'Wrong audience')],
  ['a body with 403', () => json({ error: 'invalid_token', error_description: 'Wrong audience' }, 403)],
])('a new token that is refused too: the words of %s', async (_, answer, words = 'Wrong audience') => {
  const { code, message } = await post(answer)
  expect([code, message]).toEqual([
    'unauthorized',
    `The server refused the token, and also a newly obtained one. https://mcp.example says "${words}".`,
  ])
})

test.each([
  ['another error', bearer('error="access_denied", error_description="Needs the role editor"'), 'forbidden'],
  ['no error', bearer('realm="x", error_description="Needs the role editor"'), 'forbidden'],
  ['no scope', bearer('error="insufficient_scope", error_description="Needs the role editor"'), 'insufficient_scope'],
])('403 with a challenge that has %s: its words', async (_, headers, code) => {
  const error = await post(() => respond(403, headers))
  expect(error.code).toBe(code)
  expect(error.message).toMatch(/\. https:\/\/mcp\.example says "Needs the role editor"\.$/)
})

test('403 with a challenge without words: those of the body', async () => {
  const { code, message } = await post(() => json({ message: 'Needs the role editor' }, 403, bearer('realm="x"')))
  expect([code, message]).toEqual([
    'forbidden',
    'The server forbids this request. https://mcp.example says "Needs the role editor".',
  ])
})

test.each([
  ['nothing', () => respond(401)],
  ['a page', () => respond(401, { 'content-type': 'text/html' }, '<!doctype html><h1>401</h1>')],
  ['an unknown coding', () => respond(401, { 'content-encoding': 'odd' }, 'Wrong audience')],
  ['a body that breaks off', () => respond(401, {}, brokenOff())],
])('%s: the status', async (_, answer) => {
  const { message } = await post(answer)
  expect(message).toBe('The server refused the token, and also a newly obtained one. https://mcp.example answered 401.')
})

// biome-ignore lint/correctness/useYield: it breaks off before the first byte.
async function* brokenOff(): AsyncGenerator<Uint8Array> {
  throw new Error('reset')
}

test('the words are one short line without controls, addresses’ queries and tokens', async () => {
  const words = `Bearer ${TOKEN}\u001b[2J\r\nhttps://a.example/?key=1 ${'x'.repeat(500)}`
  const { message } = await post(() => json({ message: words }, 401))
  expect(message).toMatch(/says "Bearer \[hidden\] \[2J https:\/\/a\.example\/\?… x+…"\.$/)
  expect(message.length).toBeLessThan(300)
})

test('the body of a stream is not waited for', async () => {
  const never = async function* () {
    await new Promise(() => undefined)
    yield Buffer.from('')
  }
  const { message } = await post(() => respond(401, bearer('error="invalid_token"'), never()), {}, 'GET')
  expect(message).toContain('https://mcp.example answered 401.')
})

test('where nobody is signed in and no sign-in may begin: the words of the server, where it has some', async () => {
  const renew = async () => {
    throw new BridgeError('not_signed_in')
  }
  const asks = (rest: string) => post(() => respond(401, bearer(rest)), { renew, current: () => undefined })
  expect((await asks('error_description="Ask Ops for access"')).message).toBe(
    'Nobody is signed in to this server. https://mcp.example says "Ask Ops for access".',
  )
  expect((await asks('realm="x"')).message).toBe('Nobody is signed in to this server.')
})

test('how a sign-in ended is not mixed with what the answer said', async () => {
  const stepUp = async () => {
    throw new BridgeError('access_denied', { message: 'No.' })
  }
  const answer = () => respond(403, bearer('error="insufficient_scope", scope="a", error_description="Needs a"'))
  expect((await post(answer, { stepUp })).message).toBe('No.')
})
