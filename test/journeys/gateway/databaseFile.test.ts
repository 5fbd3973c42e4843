// The gateway's SQLite file: opened by a second gateway, shared with a bridge, and deleted under it.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GatewayStage, startGatewayStage } from '../../servers/gatewayStage.ts'
import { until } from '../../servers/until.ts'

let stage: GatewayStage
beforeAll(async () => {
  stage = await startGatewayStage()
})
afterAll(() => stage.close())

const answer = async (path: string) => {
  const response = await fetch(`${stage.origin}${path}`)
  return { status: response.status, body: await response.json() }
}

test('a second gateway at the same address ends with exit code 2, and says which address that is and how to change it', async () => {
  const second = await stage.command(['serve'])
  expect([second.code, second.stderr]).toEqual([2, expect.stringContaining('(listen_failed, see ')])
  expect(second.stderr).toMatch(/The address \S+:\d+ is in use by .*\nhint: .*serve\.listen/)
  expect(second.stderr).not.toContain('gateway:connection')
  expect((await answer('/health')).status).toBe(200)
})

test('a bridge on the same file leaves the gateway its key, its persons and its sign-ins', async () => {
  const tokens = await stage.signIn()
  const bridge = await stage.command(['status', '--json'])
  expect([bridge.code, bridge.stdout]).toEqual([0, expect.not.stringContaining('provider:')])
  expect((await stage.command(['logout', '--all'])).stderr).toContain('Nobody is signed in.')
  await stage.first.kill('SIGTERM')
  const second = await stage.serve()
  const called = await fetch(stage.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  })
  expect([called.status === 401, second.said()]).toEqual([false, expect.stringContaining('Listening on')])
})

test('a database file that is deleted under the gateway takes it out of service', async () => {
  for (const end of ['', '-wal', '-shm']) rmSync(join(stage.home, 'data', `oauth.db${end}`), { force: true })
  await until('the check to find it', async () => (await answer('/health/database')).status === 503)
  expect(await answer('/ready')).toMatchObject({ status: 503, body: { status: 'not ready', database: 'disconnected' } })
})
