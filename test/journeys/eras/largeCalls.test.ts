// More bytes of calls than may wait, at a server of the other era: what it has taken does not keep the host's next lines from being read.
import { afterEach, expect, test } from 'vitest'
import { speakModern } from '../../servers/modernScript.ts'
import { startScriptedStage } from '../../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

/** Three of them are more than may wait. */
const LARGE = 'x'.repeat(25 * 1024 * 1024)
const IDS = [101, 102, 103]
const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'a', arguments: { LARGE } } })

const FORM = { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: {} } }
const complete = (more: object) => ({ resultType: 'complete', ...more })

test.each([
  ['lines', '2025-11-25', call],
  ['batches', '2025-03-26', (id: number) => [call(id), { jsonrpc: '2.0', id: id + 100, method: 'ping' }]],
])(
  'calls of a 2025 host in %s that wait for its answers go on with them',
  async (_, revision, line) => {
    stage = await startScriptedStage({
      'server/discover': ({ result }) =>
        result(
          complete({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ttlMs: 0, cacheScope: 'private' }),
        ),
      'tools/call': ({ message, result }) =>
        message.params.inputResponses
          ? result(complete({ content: [] }))
          : result({
              resultType: 'input_required',
              inputRequests: { sure: { method: 'elicitation/create', params: FORM } },
            }),
    })
    const host = stage.host()
    await host.initialize({ elicitation: {} }, revision)
    for (const id of IDS) host.send(line(id))
    for (let asked = 1; asked <= IDS.length; asked++) {
      const questions = () => host.heard.filter(({ method }) => method === 'elicitation/create')
      await host.hear(() => questions().length >= asked)
    }
    for (const { id, method } of host.heard)
      if (method === 'elicitation/create') host.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: {} } })
    for (const id of IDS) await host.hear((one) => [one].flat().some((part) => part.id === id && part.result))
    expect(await host.close()).toBe(0)
  },
  60_000,
)

test('calls of a 2026 host that a 2025 server is at work for let it say more', async () => {
  stage = await startScriptedStage({
    'server/discover': ({ reply }) => reply(400),
    'tools/call': ({ stream }) => void stream(),
    'tools/list': ({ result }) => result({ tools: [] }),
  })
  const host = stage.host()
  const { envelope, tools } = speakModern(host)
  for (const id of IDS) host.send({ ...call(id), params: envelope(call(id).params) })
  // What is read together with the last of them says nothing.
  await stage.server.until(() => stage.server.count('tools/call') === IDS.length)
  expect(await tools()).toEqual([])
}, 60_000)
