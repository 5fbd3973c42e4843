// Servers of 2025 that write `result` and `error` into every answer, and null for the one that there is not: a result stays one for a host of either era.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Exchange } from '../../servers/mcpServer.ts'
import { speakModern } from '../../servers/modernScript.ts'
import { startScriptedStage } from '../../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

const answer =
  (members: object) =>
  ({ message, reply }: Exchange) =>
    reply(200, JSON.stringify({ jsonrpc: '2.0', id: message.id, ...members }), { 'content-type': 'application/json' })
const succeeds = (result: object) => answer({ result, error: null })
const fails = answer({ result: null, error: { code: -32602, message: 'no' } })

beforeEach(async () => {
  const capabilities = { tools: {}, logging: {} }
  stage = await startScriptedStage({
    'server/discover': answer({ result: null, error: { code: -32601, message: 'Method not found' } }),
    initialize: succeeds({ protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 's', version: '1' } }),
    'tools/list': succeeds({ tools: [{ name: 'echo' }] }),
    'tools/call': ({ message, ...exchange }) =>
      (message.params.name === 'echo' ? succeeds({ content: [] }) : fails)({ message, ...exchange }),
  })
})

test('a host of 2025 gets both members as they came', async () => {
  const host = stage.host()
  expect((await host.initialize()).error).toBeNull()
  expect(await host.request('tools/list')).toMatchObject({ result: { tools: [{ name: 'echo' }] }, error: null })
  expect(await host.request('tools/call', { name: 'x' })).toMatchObject({ result: null, error: { code: -32602 } })
})

test('a host of 2026 lists, calls, and hears of a failure', async () => {
  const { tools, call } = speakModern(stage.host())
  expect(await tools()).toEqual(['echo'])
  expect((await call('echo')).result).toMatchObject({ resultType: 'complete', content: [] })
  expect((await call('x')).error).toMatchObject({ code: -32602, message: 'no' })
})
