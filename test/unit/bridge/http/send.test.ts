// One request, authorized; a refused one once more.
import { describe, expect, test } from 'vitest'
import { createSend } from '../../../../src/bridge/http/send.ts'
import { BridgeError } from '../../../../src/errors.ts'
import type { HttpResponse } from '../../../../src/ports.ts'
import { createFakeAuthorizer } from '../../../fakes/fakeAuthorizer.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { codeOf } from '../../../fakes/thrown.ts'

const URL_OF_SERVER = 'https://mcp.example/mcp'
const CHALLENGE = { 'www-authenticate': 'Bearer error="insufficient_scope"' }

function setUp(
  answers: readonly HttpResponse[],
  next: () => Record<string, string> = () => ({ authorization: 'Bearer new' }),
) {
  let index = 0
  const http = createFakeHttp({ [URL_OF_SERVER]: () => answers[index++] ?? respond(500) })
  const authorizer = createFakeAuthorizer({ authorization: 'Bearer old', 'X-User-Id': 'ada' }, next)
  const send = createSend(http, authorizer, new URL(URL_OF_SERVER), 60_000)
  return { send, http, authorizer }
}

const post = (headers: Record<string, string> = {}) => ({ method: 'POST', headers, body: 'x' }) as const

describe('a request', () => {
  test('carries the authorizer’s headers, its own, and the default idle time', async () => {
    const { send, http } = setUp([respond(200)])
    await send(post({ accept: 'a/b' }), 'call')
    expect(http.requests[0]).toMatchObject({
      method: 'POST',
      body: 'x',
      idleMs: 60_000,
      headers: { authorization: 'Bearer old', 'X-User-Id': 'ada', accept: 'a/b' },
    })
    expect(http.urls).toEqual([URL_OF_SERVER])
  })

  test('may set its own idle time', async () => {
    const { send, http } = setUp([respond(200)])
    await send({ ...post(), idleMs: 0 }, 'background')
    expect(http.requests[0]?.idleMs).toBe(0)
  })

  test('never has a configured header beside the protocol’s own, whatever its case', async () => {
    const http = createFakeHttp({ [URL_OF_SERVER]: () => respond(200) })
    const authorizer = createFakeAuthorizer({ Accept: 'text/plain', 'MCP-Session-Id': 'mine' }, () => ({}))
    await createSend(
      http,
      authorizer,
      new URL(URL_OF_SERVER),
      1,
    )(post({ accept: 'a/b', 'mcp-session-id': 's' }), 'call')
    expect(Object.keys(http.requests[0]?.headers ?? {}).sort()).toEqual(['accept', 'mcp-session-id'])
    expect(http.requests[0]?.headers).toEqual({ accept: 'a/b', 'mcp-session-id': 's' })
  })
})

describe('a request to another address of the origin', () => {
  test('is authorized for that address', async () => {
    const elsewhere = new URL('/messages', URL_OF_SERVER)
    const http = createFakeHttp({ [elsewhere.href]: () => respond(200) })
    const authorizer = createFakeAuthorizer({}, () => ({}))
    const asked: string[] = []
    authorizer.headers = async (method, url) => {
      asked.push(`${method} ${url.href}`)
      return {}
    }
    await createSend(http, authorizer, new URL(URL_OF_SERVER), 1)({ ...post(), url: elsewhere }, 'call')
    expect(asked).toEqual([`POST ${elsewhere.href}`])
    expect(http.urls).toEqual([elsewhere.href])
  })
})

describe('a refused request', () => {
  test('is sent once more with the new headers', async () => {
    const refusal = respond(401)
    const { send, http, authorizer } = setUp([refusal, respond(200)])
    expect((await send(post(), 'start')).status).toBe(200)
    expect(http.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new'])
    expect(authorizer.challenges).toEqual([
      { status: 401, refused: { authorization: 'Bearer old', 'X-User-Id': 'ada' }, cause: 'start' },
    ])
    expect(refusal.discarded).toBe(true)
  })

  test('that is refused again is unauthorized; it is not sent a third time', async () => {
    const { send, http } = setUp([respond(401), respond(401), respond(200)])
    expect(await codeOf(send(post(), 'call'))).toBe('unauthorized')
    expect(http.requests).toHaveLength(2)
  })

  test('is not sent again if the authorizer has no remedy', async () => {
    const { send, http } = setUp([respond(401)], () => {
      throw new BridgeError('not_signed_in')
    })
    expect(await codeOf(send(post(), 'call'))).toBe('not_signed_in')
    expect(http.requests).toHaveLength(1)
  })

  test('with 403 and a challenge goes to the authorizer', async () => {
    const { send, authorizer } = setUp([respond(403, CHALLENGE), respond(200)])
    await send(post(), 'call')
    expect(authorizer.challenges[0]?.status).toBe(403)
  })

  test('with 403 and no challenge ends with the server’s answer', async () => {
    const { send, http, authorizer } = setUp([respond(403)])
    expect((await send(post(), 'call')).status).toBe(403)
    expect(authorizer.challenges).toEqual([])
    expect(http.requests).toHaveLength(1)
  })

  test('whose new token lacks a scope says so, not that the token was refused', async () => {
    const { send } = setUp([respond(401), respond(403, CHALLENGE), respond(403, CHALLENGE), respond(200)])
    expect(await codeOf(send(post(), 'call'))).toBe('insufficient_scope')
  })

  test('that needed a token and then a scope gets both', async () => {
    const { send, http, authorizer } = setUp([respond(401), respond(403, CHALLENGE), respond(200)])
    expect((await send(post(), 'call')).status).toBe(200)
    expect(http.requests).toHaveLength(3)
    expect(authorizer.challenges.map(({ status, cause }) => [status, cause])).toEqual([
      [401, 'call'],
      [403, 'call'],
    ])
  })

  test('that is refused for its scope a second time asks nobody again (P21)', async () => {
    const { send, http, authorizer } = setUp([respond(403, CHALLENGE), respond(403, CHALLENGE), respond(200)])
    expect(await codeOf(send(post(), 'call'))).toBe('insufficient_scope')
    expect(http.requests).toHaveLength(2)
    expect(authorizer.challenges.map(({ cause }) => cause)).toEqual(['call', 'background'])
  })

  test('whose stepped-up token is then refused is unauthorized', async () => {
    const { send, http } = setUp([respond(403, CHALLENGE), respond(401), respond(200)])
    expect(await codeOf(send(post(), 'call'))).toBe('unauthorized')
    expect(http.requests).toHaveLength(2)
  })

  test.each([400, 404, 429, 500])('with %i is returned unchanged', async (status) => {
    const { send, authorizer } = setUp([respond(status)])
    expect((await send(post(), 'call')).status).toBe(status)
    expect(authorizer.challenges).toEqual([])
  })
})

describe('a nonce that the server requires in proofs', () => {
  const nonce = { 'dpop-nonce': 'n', ...CHALLENGE }
  const withNonce = (answers: readonly HttpResponse[]) => {
    const { send, http, authorizer } = setUp(answers)
    const seen: number[] = []
    authorizer.onNonce = async ({ status }) => {
      seen.push(status)
      return status === 401 && seen.length === 1 ? 'again' : undefined
    }
    return { send, http, authorizer, seen }
  }

  test('causes one more try that costs no token', async () => {
    const refusal = respond(401, nonce)
    const { send, http, authorizer } = withNonce([refusal, respond(200)])
    expect((await send(post(), 'call')).status).toBe(200)
    expect([http.requests.length, authorizer.challenges.length, refusal.discarded]).toEqual([2, 0, true])
  })

  test('makes a refused request count as never sent', async () => {
    const http = createFakeHttp({ [URL_OF_SERVER]: () => respond(401, nonce) })
    const authorizer = createFakeAuthorizer({}, () => ({}))
    const transmission = { sent: true }
    const seen: boolean[] = []
    authorizer.headers = async () => {
      seen.push(transmission.sent)
      return {}
    }
    authorizer.onNonce = async () => (seen.length === 1 ? 'again' : undefined)
    authorizer.onChallenge = () => Promise.reject(new BridgeError('not_signed_in'))
    const send = createSend(http, authorizer, new URL(URL_OF_SERVER), 1)
    expect(await codeOf(send({ ...post(), transmission }, 'call'))).toBe('not_signed_in')
    expect(seen).toEqual([true, false])
  })

  test('leaves a refused token its own one more try', async () => {
    const { send, http, authorizer } = withNonce([respond(401, nonce), respond(401, CHALLENGE), respond(200)])
    expect((await send(post(), 'call')).status).toBe(200)
    expect([http.requests.length, authorizer.challenges.length]).toEqual([3, 1])
  })

  test('is also passed to the authorizer from a successful answer', async () => {
    const { send, seen } = withNonce([respond(200, { 'dpop-nonce': 'n2' })])
    await send(post(), 'call')
    expect(seen).toEqual([200])
  })
})
