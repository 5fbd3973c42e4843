// What the MCP server asks for without a token.
import { expect, test } from 'vitest'
import { challengeOf } from '../../../../src/signin/attempt/challenge.ts'
import type { SignInSettings } from '../../../../src/signin/deps.ts'
import { createFakeHttp, respond } from '../../../fakes/fakeHttp.ts'
import { KEY } from '../../../fakes/storeKit.ts'

const SIGN_IN = respond(401, { 'www-authenticate': 'Bearer resource_metadata="https://mcp.example/prm"' })

async function ask(answers: Readonly<Record<string, ReturnType<typeof respond>>>) {
  const methodOf = (body: unknown) => JSON.parse(String(body)).method as string
  const http = createFakeHttp({ [KEY.server]: ({ body }) => answers[methodOf(body)] ?? respond(500) })
  const settings = { key: KEY, headers: {}, requestTimeoutMs: 60_000 } as unknown as SignInSettings
  const challenge = await challengeOf({ http, settings })
  return { challenge, asked: http.requests.map(({ body }) => methodOf(body)) }
}

test('a challenge to a ping is the answer, and nothing else is asked', async () => {
  const { challenge, asked } = await ask({ ping: SIGN_IN })
  expect(challenge).toMatchObject({ status: 401, resourceMetadata: 'https://mcp.example/prm' })
  expect(asked).toEqual(['ping'])
})

test.each([400, 404, 405])(
  'a server that answers a ping with %i is asked with the headers of 2026-07-28 too',
  async (status) => {
    const { challenge, asked } = await ask({ ping: respond(status), 'server/discover': SIGN_IN })
    expect(challenge).toMatchObject({ status: 401, resourceMetadata: 'https://mcp.example/prm' })
    expect(asked).toEqual(['ping', 'server/discover'])
  },
)

test('where that asks for no sign-in either, the first answer counts', async () => {
  expect((await ask({ ping: respond(400), 'server/discover': respond(200) })).challenge.status).toBe(400)
  expect((await ask({ ping: respond(404) })).challenge.status).toBe(404)
})
