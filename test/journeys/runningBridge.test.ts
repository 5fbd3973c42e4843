// A bridge that runs while others sign out and in: its next message goes with the newest token, or with none.
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startStage } from '../servers/stage.ts'
import { until } from '../servers/until.ts'

let stage: Awaited<ReturnType<typeof startStage>>
afterEach(() => stage?.close())

const here = () => ['--callback-url', stage.callbackUrl]
const login = (...more: string[]) => stage.command(['login', stage.server.url, ...here(), ...more])

async function running() {
  await login()
  const host = stage.host(['--login', 'never'])
  await host.initialize()
  const call = async () => {
    const before = stage.server.state.passed.length
    const answer = await host.request('tools/call', { name: 'echo', arguments: { message: 'hi' } })
    const sent = stage.server.state.passed.slice(before).find(({ rpc }) => rpc === 'tools/call')
    return { answer, token: sent?.headers.authorization }
  }
  return { host, call, first: (await call()).token }
}

test('after logout, the next message of a running bridge is sent without the token', async () => {
  stage = await startStage()
  const { call, first } = await running()
  expect(first).toMatch(/^Bearer /)
  expect((await stage.command(['logout', stage.server.url, ...here(), '--keep-remote'])).code).toBe(0)
  const { answer, token } = await call()
  expect(token).toBeUndefined()
  expect(answer.error.data.code).toBe('not_signed_in')
})

test('after another account signed in, the next message is sent with its token', async () => {
  stage = await startStage()
  const { call, first } = await running()
  stage.authorization.state.accountId = 'another'
  expect((await login('--force')).code).toBe(0)
  const { answer, token } = await call()
  expect(answer.result.content[0].text).toBe('Echo: hi')
  expect(token).toMatch(/^Bearer /)
  expect(token).not.toBe(first)
  expect((await call()).token).toBe(token)
})

test('a running bridge changes to the key that a new token is bound to', async () => {
  stage = await startStage({ dpop: 'required' })
  const { call, first } = await running()
  expect((await login('--force')).code).toBe(0)
  const { answer, token } = await call()
  expect(answer.result.content[0].text).toBe('Echo: hi')
  expect(token).not.toBe(first)
})

test('deleting the database takes the token from a running bridge', async () => {
  stage = await startStage()
  const { host, call } = await running()
  for (const end of ['', '-wal', '-shm']) rmSync(join(stage.environment.MCP_OAUTH_BRIDGE_HOME, `oauth.db${end}`))
  // The folder is looked at ten times a second at most.
  const started = performance.now()
  while (performance.now() - started < 150) await host.request('ping')
  const { answer, token } = await call()
  expect(token).toBeUndefined()
  expect(answer.error.data.code).toBe('not_signed_in')
  expect((await login()).code).toBe(0)
  expect((await call()).token).toMatch(/^Bearer /)
})

test('an open stream ends with the sign-in that it was opened with', async () => {
  stage = await startStage()
  const { call } = await running()
  const streams = () =>
    new Set(
      stage.server.state.passed
        .filter(({ method }) => method === 'GET')
        .map(({ headers }) => createHash('sha256').update(String(headers.authorization)).digest('hex')),
    )
  await until('one stream', () => streams().size === 1)
  stage.authorization.state.accountId = 'another'
  expect((await login('--force')).code).toBe(0)
  await call()
  await until('a stream with the new token', () => streams().size === 2)
})
