// The first request with new tokens: any answer but 401 says that the server takes them.
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
  answers: (number | Error)[],
  onNonce: (answer: Pick<HttpResponse, 'status'>) => 'again' | undefined = () => undefined,
) {
  const clock = createFakeClock()
  const http = createFakeHttp({
    [URL_1.href]: () => {
      const answer = answers.shift() ?? 500
      if (typeof answer !== 'number') throw answer
      return respond(answer)
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

test.each([200, 202, 400, 403, 404, 405, 500])('an answer %i means that the token is accepted', async (status) => {
  const { work, http } = setUp([status])
  await expect(work).resolves.toBeUndefined()
  expect(http.requests).toHaveLength(1)
  expect(http.requests[0]).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer new' } })
})

test('a server that learns of the token a moment later is asked once more', async () => {
  const { work, http, clock } = setUp([401, 200])
  await settled()
  expect(http.requests).toHaveLength(1)
  clock.advance(1_000)
  await expect(work).resolves.toBeUndefined()
  expect(http.requests).toHaveLength(2)
})

test('401 twice is unauthorized, with the server’s name and a remedy', async () => {
  const { work, http, clock } = setUp([401, 401])
  await settled()
  clock.advance(1_000)
  const error = await errorOf(work)
  expect(error).toMatchObject({ code: 'unauthorized' })
  expect(error.message).toContain('https://mcp.example refuses it')
  expect(error.hint).toContain('audience')
  expect(http.requests).toHaveLength(2)
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
