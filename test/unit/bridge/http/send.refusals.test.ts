// Refusals that are no plain 401: sessions, invalid_token under another status, redirects to a login page, and what the background may spend.
import { describe, expect, test } from 'vitest'
import { createSend } from '../../../../src/bridge/http/send.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { Authorizer, Cause, HttpRequest, HttpResponse, MaybePromise } from '../../../../src/ports.ts'
import { createFakeHttp, json, respond } from '../../../fakes/fakeHttp.ts'
import { createGate, settled } from '../../../fakes/gate.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const SERVER = 'https://mcp.example/mcp'

/** Tokens count up with each renewal; the server is a function of what it gets. */
function setUp(answer: (token: string | undefined, request: HttpRequest) => MaybePromise<HttpResponse>) {
  const state: { token: string | undefined; ended: string[] } = { token: 't1', ended: [] }
  const renewals: { status: number; cause: Cause }[] = []
  const refused: (string | undefined)[] = []
  const authorizer: Authorizer = {
    headers: async () => (state.token === undefined ? {} : { authorization: state.token }),
    onNonce: async () => undefined,
    async onChallenge({ status }, _refused, cause) {
      renewals.push({ status, cause })
      state.token = `t${renewals.length + 1}`
    },
    async onRefused({ authorization = '' }) {
      refused.push(authorization)
      return state.ended.includes(authorization) ? 'ended' : undefined
    },
    outlived: async () => false,
  }
  const http = createFakeHttp({
    [SERVER]: async (request) => {
      const response = await answer(request.headers.authorization, request)
      const { redirect } = request
      if (response.status < 300 || response.status > 399) return response
      return typeof redirect === 'function' && redirect(response) === 'return' ? response : followed(request, response)
    },
  })
  const send = createSend(http, authorizer, new URL(SERVER), 1_000)
  const post = (cause: Cause = 'call', headers: Record<string, string> = {}) =>
    send({ method: 'POST', headers, body: 'x' }, cause)
  const get = (whenOutlived = () => {}) => send({ method: 'GET', headers: {}, whenOutlived }, 'background')
  return { send, post, get, state, renewals, refused, http }
}

/** As the real client does with a POST. */
function followed({ url }: HttpRequest, { status, headers: { location } }: HttpResponse): HttpResponse {
  const isKept = status === 307 || status === 308
  if (typeof location !== 'string' || !isKept || new URL(location, url).origin !== url.origin)
    throw new BridgeError('redirect_refused')
  return respond(200)
}

const S1 = { 'mcp-session-id': 's1' }
const challenge = (text: string) => ({ 'www-authenticate': text })

describe('invalid_token means 401, whatever the status', () => {
  test.each([
    ['400', () => respond(400, challenge('Bearer error="invalid_token"'))],
    ['402', () => respond(402, challenge('Bearer error="invalid_token"'))],
    ['403', () => respond(403, challenge('Bearer realm="x", error="invalid_token", error_description="expired"'))],
    ['403 without quotes', () => respond(403, challenge('Bearer error=invalid_token'))],
    ['403 token_expired', () => respond(403, challenge('Bearer error="token_expired"'))],
    ['418', () => respond(418, challenge('Bearer error = "invalid_token"'))],
    ['498', () => respond(498, challenge('Bearer error="invalid_token"'))],
    ['500', () => respond(500, challenge('Bearer error="invalid_token"'))],
    ['400 in the body', () => json({ error: 'invalid_token', error_description: 'expired' }, 400)],
    ['403 in the body', () => json({ error: 'invalid_token' }, 403)],
  ])('%s', async (_, refusal) => {
    const { post, renewals } = setUp((token) => (token === 't1' ? refusal() : respond(200)))
    expect((await post()).status).toBe(200)
    expect(renewals).toEqual([{ status: 401, cause: 'call' }])
  })

  test.each([
    ['200 with an answer', () => respond(200, challenge('Bearer error="invalid_token"'))],
    ['403 in words', () => json({ error: 'the token is invalid' }, 403)],
    [
      '400 in a JSON-RPC error',
      () => json({ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'invalid_token' } }, 400),
    ],
    ['403 in a page', () => respond(403, { 'content-type': 'text/html' }, '{"error":"invalid_token"}')],
    ['404 in the body', () => json({ error: 'invalid_token' }, 404)],
    ['400 with another error', () => respond(400, challenge('Bearer error="invalid_request"'))],
  ])('but not %s', async (_, answer) => {
    const { post, renewals } = setUp(answer)
    const { status } = answer()
    expect((await post()).status).toBe(status)
    expect(renewals).toEqual([])
  })

  test('a body that was looked at is still there', async () => {
    const { post } = setUp(() => json({ error: 'nope' }, 403))
    let text = ''
    for await (const chunk of (await post()).body) text += Buffer.from(chunk).toString()
    expect(text).toBe('{"error":"nope"}')
  })
})

describe('a session that is refused', () => {
  test.each([
    [
      '401 No valid session ID provided',
      () => json({ error: 'invalid_token', error_description: 'No valid session ID provided' }, 401),
    ],
    [
      '401 in the challenge',
      () => respond(401, challenge('Bearer error="invalid_token", error_description="No valid session ID provided"')),
    ],
    [
      '401 in a JSON-RPC error',
      () => json({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Session not found' } }, 401),
    ],
    ['401 of another user', () => json({ error: 'Session belongs to another user' }, 401)],
    ['401 of another token', () => json({ message: 'Session was created with a different access token' }, 401)],
    [
      '403 with a challenge',
      () => respond(403, challenge('Bearer'), 'Unauthorized: session does not match the authenticated user'),
    ],
  ])('by %s costs no token', async (_, refusal) => {
    const { post, renewals } = setUp(refusal)
    expect(await codeOf(post('call', S1))).toBe('session_lost')
    expect(renewals).toEqual([])
  })

  test.each([
    ['no session was named', {}, () => json({ error: 'No valid session ID provided' }, 401)],
    ['it is about a person’s session', S1, () => json({ error: 'Your session has expired, please log in' }, 401)],
    ['it is about something else', S1, () => json({ error: 'Bank session belongs to another customer' }, 401)],
    ['it says nothing', S1, () => respond(401)],
  ])('but the token is meant where %s', async (_, headers, refusal) => {
    const { post, renewals } = setUp((token) => (token === 't1' ? refusal() : respond(200)))
    expect((await post('call', headers)).status).toBe(200)
    expect(renewals).toHaveLength(1)
  })

  test('is one begun with another token, where a wordless 401 answers a token that was never taken in it', async () => {
    const bound = (token: string | undefined, { headers }: HttpRequest) =>
      headers['mcp-session-id'] === undefined
        ? respond(200, { 'mcp-session-id': `of-${token}` })
        : respond(headers['mcp-session-id'] === `of-${token}` ? 200 : 401)
    const { post, state, renewals } = setUp(bound)
    await post()
    expect((await post('call', { 'mcp-session-id': 'of-t1' })).status).toBe(200)
    state.token = 'other'
    expect(await codeOf(post('call', { 'mcp-session-id': 'of-t1' }))).toBe('session_lost')
    expect(renewals).toEqual([])
    await post()
    expect((await post('call', { 'mcp-session-id': 'of-other' })).status).toBe(200)
  })

  test('with a token that a new session refuses too costs no further token', async () => {
    let isGood = true
    const { post, renewals, refused } = setUp((token) =>
      token === 't1' && isGood ? respond(200, { 'mcp-session-id': 's1' }) : respond(401),
    )
    await post()
    isGood = false
    expect(await codeOf(post('call', S1))).toBe('session_lost')
    expect(await codeOf(post('call'))).toBe('unauthorized')
    expect(renewals).toHaveLength(1)
    expect(refused).toEqual(['t2'])
  })
})

describe('a redirect to a login page', () => {
  const to = (location: string, status = 302) => respond(status, { location })

  test.each([
    ['302', '/login', 302],
    ['303', '/users/sign_in', 303],
    ['307', '/login?next=/mcp', 307],
    ['302 to another origin', 'https://login.example/realms/x', 302],
    ['302 to an authorization endpoint', 'https://as.example/oauth2/authorize?client_id=x', 302],
    ['302 to SSO', 'https://idp.example/sso/saml', 302],
  ])('%s means an expired token first', async (_, location, status) => {
    const { post, renewals, http } = setUp((token) => (token === 't1' ? to(location, status) : respond(200)))
    expect((await post()).status).toBe(200)
    expect(renewals).toEqual([{ status: 401, cause: 'call' }])
    expect(new Set(http.urls)).toEqual(new Set([SERVER]))
  })

  test('any temporary redirect of a request that was answered before means the same', async () => {
    let isOver = false
    const { post, renewals } = setUp((token) => (token === 't1' && isOver ? to('/welcome') : respond(200)))
    await post()
    isOver = true
    expect((await post()).status).toBe(200)
    expect(renewals).toHaveLength(1)
  })

  test('that stays is not followed, the new token counts as refused, and no further one is spent', async () => {
    const { post, renewals, refused } = setUp(() => to('https://login.example/'))
    for (let call = 0; call < 3; call++) expect(await codeOf(post())).toBe('redirect_refused')
    expect(renewals).toHaveLength(1)
    expect(refused[0]).toBe('t2')
  })

  test('is not one to a result of a message that was carried out (303)', async () => {
    let isOver = false
    const { post, renewals, http } = setUp(() => (isOver ? to('/results/1', 303) : respond(200)))
    await post()
    isOver = true
    expect(await codeOf(post())).toBe('redirect_refused')
    expect([renewals, http.requests.length]).toEqual([[], 2])
  })

  test.each([
    ['a permanent one', () => to('https://login.example/', 301)],
    ['a permanent one that keeps the method', () => to('https://elsewhere.example/login', 308)],
    ['one without a target', () => respond(302)],
    ['one to another path, before any answer', () => to('/mcp/')],
    ['one to another origin, before any answer', () => to('https://elsewhere.example/mcp')],
  ])('is not %s', async (_, answer) => {
    const { post, renewals, http } = setUp(answer)
    expect(await codeOf(post())).toBe('redirect_refused')
    expect(renewals).toEqual([])
    // A server may answer so after it has carried out the call.
    expect(http.requests).toHaveLength(1)
  })

  test('that is followed sends the message to each address once', async () => {
    const { post, http } = setUp(() => to('/mcp/', 307))
    for (let call = 1; call <= 3; call++) {
      expect((await post()).status).toBe(200)
      expect(http.requests).toHaveLength(call)
    }
  })

  test('is not what a request without a token gets', async () => {
    const { post, state, renewals } = setUp(() => to('/login'))
    state.token = undefined
    expect(await codeOf(post())).toBe('redirect_refused')
    expect(renewals).toEqual([])
  })

  test('a server that redirects every message within its origin keeps doing so', async () => {
    const { post, renewals } = setUp(() => to('/auth/mcp/', 307))
    for (let call = 0; call < 3; call++) expect((await post()).status).toBe(200)
    expect(renewals.length).toBeLessThanOrEqual(1)
  })
})

describe('a new token that is refused', () => {
  test('is followed by another one, without a person, if its life was over by then', async () => {
    const { post, state, renewals } = setUp((token) => respond(token === 't3' ? 200 : 401))
    state.ended = ['t2']
    expect((await post()).status).toBe(200)
    expect(renewals.map(({ cause }) => cause)).toEqual(['call', 'background'])
  })

  test('is the last one otherwise, and so is one more that has ended', async () => {
    const { post, state, renewals, refused } = setUp(() => respond(401))
    expect(await codeOf(post())).toBe('unauthorized')
    expect([renewals.length, refused]).toEqual([1, ['t2']])
    state.ended = ['t3', 't4']
    expect(await codeOf(post())).toBe('unauthorized')
    expect(renewals).toHaveLength(3)
  })
})

describe('what is sent in the background', () => {
  const onlyPosts = (_: string | undefined, { method }: HttpRequest) => respond(method === 'POST' ? 200 : 401)

  test('spends one token, and no other one after that did not help', async () => {
    const { get, post, renewals, refused } = setUp(onlyPosts)
    for (let time = 0; time < 5; time++) {
      expect(await codeOf(get())).toBe('unauthorized')
      expect((await post()).status).toBe(200)
    }
    expect(renewals).toEqual([{ status: 401, cause: 'background' }])
    expect(refused).toEqual([])
  })

  test('spends one token where several requests cross', async () => {
    const gate = createGate()
    let again = 0
    const { get, renewals } = setUp(async (token) => {
      // The first that goes out with the new token is answered late.
      if (token !== 't1' && again++ === 0) await gate.passed
      return respond(401)
    })
    const first = codeOf(get())
    await settled()
    expect(await codeOf(get())).toBe('unauthorized')
    gate.open()
    expect(await first).toBe('unauthorized')
    expect(renewals).toEqual([{ status: 401, cause: 'background' }])
  })

  test.each([
    ['401', 401],
    ['403', 403],
  ])('a stream that is refused with %i is told when another token is sent, and not before', async (_, status) => {
    const { get, post, state } = setUp((_token, { method }) => respond(method === 'POST' ? 200 : status))
    let told = 0
    const tell = () => void told++
    await get(tell).catch(() => undefined)
    await post()
    await post()
    expect(told).toBe(0)
    state.token = 'another'
    await post()
    expect(told).toBe(1)
  })

  test('may spend one again after it was answered', async () => {
    let works = false
    const { get, renewals } = setUp(() => respond(works ? 200 : 401))
    await codeOf(get())
    works = true
    await get()
    works = false
    await codeOf(get())
    expect(renewals).toHaveLength(2)
  })

  test.each([401, 403])('the end of a session that is answered %i spends nothing', async (status) => {
    const { send, renewals, http } = setUp(() => respond(status, challenge('Bearer error="invalid_token"')))
    expect((await send({ method: 'DELETE', headers: S1 }, 'background')).status).toBe(status)
    expect([renewals, http.requests.length]).toEqual([[], 1])
  })
})
