// response_transform.hide_tools: hidden tools are neither seen nor called, and everything else stays as it came.
import { afterEach, expect, test } from 'vitest'
import { event } from '../servers/mcpServer.ts'
import { startScriptedStage } from '../servers/scriptedStage.ts'

let stage: Awaited<ReturnType<typeof startScriptedStage>>
afterEach(() => stage?.close())

const JSON_TYPE = { 'content-type': 'application/json' }
const PAGES: Record<string, string> = {
  first: '"tools":[{"name":"admin_reset","x":1}, {"name":"echo","max":12345678901234567890}],"nextCursor":"2"',
  2: '"tools":[ {"name":"echo2","v":1.0},{"name":"delete_all"},{"name":"admin_drop"} ]',
}

async function start(config: string) {
  stage = await startScriptedStage({
    'tools/list': ({ message, reply }) =>
      reply(
        200,
        `{"jsonrpc":"2.0","id":${message.id},"result":{${PAGES[message.params.cursor ?? 'first']}}}`,
        JSON_TYPE,
      ),
  })
  const host = stage.host(stage.config(config))
  await host.initialize()
  return { host, server: stage.server }
}

test('hidden tools disappear from every page, and no other byte changes', async () => {
  const { host } = await start('response_transform:\n  hide_tools: [admin_*, delete_all]\n')
  await host.request('tools/list')
  expect(host.lines.at(-1)).toBe(
    '{"jsonrpc":"2.0","id":2,"result":{"tools":[ {"name":"echo","max":12345678901234567890}],"nextCursor":"2"}}',
  )
  await host.request('tools/list', { cursor: '2' })
  expect(host.lines.at(-1)).toBe('{"jsonrpc":"2.0","id":3,"result":{"tools":[ {"name":"echo2","v":1.0} ]}}')
})

test('a call to a hidden tool is refused before anything is sent', async () => {
  const { host, server } = await start('response_transform:\n  hide_tools: [admin_*]\n')
  const { error } = await host.request('tools/call', { name: 'admin_reset' })
  expect(error).toMatchObject({ code: 1421, data: { code: 'tool_hidden' } })
  expect(error.message).toContain('admin_reset')
  expect(server.count('tools/call')).toBe(0)
  expect((await host.request('tools/call', { name: 'delete_all' })).result).toEqual({})
})

test('without hide_tools the list is passed on unchanged', async () => {
  const { host } = await start('response_transform: {}\n')
  await host.request('tools/list')
  expect(host.lines.at(-1)).toBe(`{"jsonrpc":"2.0","id":2,"result":{${PAGES.first}}}`)
})

test('hidden tools disappear also from a list that comes on the stream of a call', async () => {
  const { host, server } = await start('response_transform:\n  hide_tools: [admin_*]\n')
  server.script['tools/call'] = ({ stream }) => void stream()
  host.send({ jsonrpc: '2.0', id: 'call', method: 'tools/call', params: { name: 'echo' } })
  const { response } = await server.until(({ message }) => message?.method === 'tools/call')
  server.script['tools/list'] = ({ message, stream }) => {
    stream()
    response.write(
      event({ jsonrpc: '2.0', id: message.id, result: { tools: [{ name: 'admin_reset' }, { name: 'echo' }] } }),
    )
  }
  expect((await host.request('tools/list')).result.tools).toEqual([{ name: 'echo' }])
})
