// From an unknown client to an answered call, on both engines, with the built program.
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { closePostgres, startGatewayStage } from '../servers/gatewayStage.ts'
import { whyNoPostgres } from '../servers/postgres.ts'
import { until } from '../servers/until.ts'

afterAll(closePostgres)

describe.each(['sqlite', 'postgres'] as const)('on %s', (engine) => {
  test.skipIf(engine === 'postgres' && whyNoPostgres() !== undefined)(
    'an unknown client gets to an answered call',
    async () => {
      const stage = await startGatewayStage({ engine })
      onTestFinished(() => stage.close())
      const bare = await fetch(stage.url, { method: 'POST' })
      expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
        401,
        `Bearer resource_metadata="${stage.origin}/.well-known/oauth-protected-resource/mcp", scope="mcp"`,
      ])
      const { access_token: token } = await stage.signIn()
      const answer = await fetch(stage.url, {
        method: 'POST',
        headers: {
          ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify({
          ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
          params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
        }),
      })
      expect([answer.status, await answer.text()]).toEqual([
        200,
        expect.stringContaining('"protocolVersion":"2025-11-25"'),
      ])
    },
  )
})

test('nobody may sign in where no access is configured: the client is told access_denied, and why', async () => {
  const stage = await startGatewayStage({ serve: { access: undefined } })
  onTestFinished(() => stage.close())
  expect(stage.first.said()).toMatch(/warning: .*nobody may sign in/i)
  await expect(stage.signIn()).rejects.toThrow(/^access_denied: .*no access rules/)
  await until('the log to name it', () => stage.first.said().includes('access_not_granted'), stage.first.said)
})
