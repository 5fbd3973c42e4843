// hide_tools against every spelling of a list that leaves and of a call that goes in.
import { describe, expect, test } from 'vitest'
import { createHiddenTools } from '../../../src/bridge/hideTools.ts'
import { type Message, parseMessage } from '../../../src/bridge/message/message.ts'
import { createRelay } from '../../../src/bridge/relay.ts'
import { createRecall } from '../../../src/bridge/standIn/recall.ts'
import { createFakeClock } from '../../fakes/fakeClock.ts'
import { json, respond } from '../../fakes/fakeHttp.ts'
import { createFakeLineWriter } from '../../fakes/fakeLineWriter.ts'
import { createFakeLogger } from '../../fakes/fakeLogger.ts'
import { createFakeSend } from '../../fakes/fakeSend.ts'
import { createGate } from '../../fakes/gate.ts'
import { codeOf } from '../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const { strip, refuse, visible } = createHiddenTools(['admin', 'h_*', 'Grüße', '*a*a*b'])
const LIST = message('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
const textOf = ({ bytes }: Message) => Buffer.from(bytes).toString()

describe('hide_tools applies to every list that reaches the host', () => {
  test.each([
    ['an escaped name', '{"id":1,"result":{"tools":[{"name":"\\u0061dmin"}]}}'],
    ['a name that stands twice, hidden first', '{"id":1,"result":{"tools":[{"name":"admin","name":"x"}]}}'],
    ['a name that stands twice, hidden last', '{"id":1,"result":{"tools":[{"name":"x","name":"admin"}]}}'],
    ['a name in capitals', '{"id":1,"result":{"tools":[{"NAME":"admin"}]}}'],
    ['an escaped member', '{"id":1,"result":{"tools":[{"n\\u0061me":"admin"}]}}'],
    ['a list that stands twice', '{"id":1,"result":{"tools":[{"name":"admin"}],"tools":[{"name":"admin"}]}}'],
    ['a list in capitals', '{"id":1,"result":{"Tools":[{"name":"admin"}]}}'],
    ['an escaped list', '{"id":1,"result":{"\\u0074ools":[{"name":"admin"}]}}'],
    ['a result that stands twice', '{"id":1,"result":{"tools":[{"name":"admin"}]},"result":{"tools":[]}}'],
    ['a result in capitals', '{"id":1,"result":{},"RESULT":{"tools":[{"name":"admin"}]}}'],
    ['an id of another form', '{"id":1.0,"result":{"tools":[{"name":"admin"}]}}'],
    ['an error beside it', '{"id":1,"error":{"code":1,"message":""},"result":{"tools":[{"name":"admin"}]}}'],
    ['a method beside it', '{"id":1,"method":"x","result":{"tools":[{"name":"admin"}]}}'],
    ['a method and no id beside it', '{"method":"x","result":{"tools":[{"name":"admin"}]}}'],
    ['no id that anybody asked', '{"id":null,"result":{"tools":[{"name":"admin"}]}}'],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"}]}}]'],
    ['another spelling of the same letters', '{"id":1,"result":{"tools":[{"name":"Gru\\u0308ße"}]}}'],
    ['a name too long to be read', `{"id":1,"result":{"tools":[{"name":"${'n'.repeat(70_000)}"}]}}`],
    ['a name that many stars would be tried on', `{"id":1,"result":{"tools":[{"name":"${'a'.repeat(60_000)}b"}]}}`],
  ])('in %s', (_, text) => {
    const given = message(text.replace(/^\{/, '{"jsonrpc":"2.0",'))
    for (const asked of [LIST, undefined]) expect(textOf(strip(given, asked))).not.toMatch(/name"|NAME"|u0061me"/)
  })

  test('as the result of a task, too', () => {
    const given = message('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"}]}}')
    const task = message('{"jsonrpc":"2.0","id":1,"method":"tasks/result"}')
    expect(textOf(strip(given, task))).toBe('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
  })

  test('from memory, whatever is stored there', async () => {
    const hiddenTools = Promise.resolve(createHiddenTools(['admin']))
    const last = { tools: [{ name: 'admin' }, { name: 'a' }, null, 'admin', { Name: 'admin' }] }
    const known = { load: async () => last, save: async () => undefined }
    const recall = createRecall({ known, hiddenTools, log: createFakeLogger() })
    expect(await recall.load('tools/list')).toEqual({ tools: [{ name: 'a' }, null, 'admin'] })
    expect(visible([{ name: 'h_1' }])).toEqual([])
  })

  test.each([
    [
      'the answer that was asked for elsewhere',
      '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"admin"},{"name":"a"}]}}',
    ],
    ['an answer to nobody', '{"jsonrpc":"2.0","id":null,"result":{"tools":[{"name":"admin"},{"name":"a"}]}}'],
    [
      'a request of the server',
      '{"jsonrpc":"2.0","id":9,"method":"x","result":{"tools":[{"name":"admin"},{"name":"a"}]}}',
    ],
  ])('on the standing stream: %s', async (_, text) => {
    const gate = createGate<void>()
    const { send } = createFakeSend(async ({ method, body }) => {
      if (method === 'GET') {
        await gate.passed
        return respond(200, { 'content-type': 'text/event-stream' }, `data: ${text}\n\n`)
      }
      if (method !== 'POST') return respond(405)
      const { id, method: name } = JSON.parse(body) as { id?: number; method: string }
      if (name === 'tools/list') {
        gate.open()
        return new Promise(() => undefined)
      }
      return id === undefined ? respond(202) : json({ jsonrpc: '2.0', id, result: {} })
    })
    const writer = createFakeLineWriter()
    const relay = createRelay({
      ...{ send, writer, clock: createFakeClock(), log: createFakeLogger(), answerLimit: 10_000, timeoutMs: 60_000 },
      ...{ url: new URL('https://mcp.example.com/mcp'), transport: 'http', protocol: '2025' },
      hiddenTools: Promise.resolve(createHiddenTools(['admin'])),
    })
    const say = (value: object) => relay.line(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...value })))
    await say({ id: 0, method: 'initialize' })
    await say({ method: 'notifications/initialized' })
    void say({ id: 1, method: 'tools/list' })
    await writer.whenWritten(2)
    expect(writer.lines[1]).toContain('"tools":[{"name":"a"}]')
  })
})

describe('a call to a hidden tool is not sent', () => {
  const params = '"params":{"name":"admin"}'
  test.each([
    ['with an escaped name', '{"id":1,"method":"tools/call","params":{"name":"\\u0061dmin"}}'],
    ['with an escaped method', '{"id":1,"method":"tools\\/c\\u0061ll","params":{"name":"admin"}}'],
    ['with two names, the hidden one first', '{"id":1,"method":"tools/call","params":{"name":"admin","name":"x"}}'],
    ['with two names, the hidden one last', '{"id":1,"method":"tools/call","params":{"name":"x","name":"admin"}}'],
    ['with a name in capitals', '{"id":1,"method":"tools/call","params":{"name":"x","Name":"admin"}}'],
    ['with two params', `{"id":1,"method":"tools/call",${params},"params":{}}`],
    ['with two methods', `{"id":1,"method":"tools/call","method":"ping",${params}}`],
    ['with two methods, as a notification', `{"method":"tools/call","method":"notifications/x",${params}}`],
    ['without an id', `{"method":"tools/call",${params}}`],
    ['beside a result', `{"id":1,"Method":"tools/call","result":{},${params}}`],
    ['with a list for a name', '{"id":1,"method":"tools/call","params":{"name":["admin"]}}'],
    ['with a list in a list for a name', '{"id":1,"method":"tools/call","params":{"name":[["admin"]]}}'],
    [
      'in a batch',
      `[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"tools/call",${params}}]`,
    ],
    ['with another spelling of the same letters', '{"id":1,"method":"tools/call","params":{"name":"Gru\\u0308ße"}}'],
  ])('%s', async (_, text) => {
    const call = message(text.replace(/^\{/, '{"jsonrpc":"2.0",'))
    expect(await codeOf(Promise.resolve().then(() => refuse(call)))).toBe('tool_hidden')
  })

  test.each(['null', '7', '{}', '[]', '[{"toString":1}]', '{"toString":1}', `${'['.repeat(2000)}${']'.repeat(2000)}`])(
    'and a name that is %s causes no internal error',
    (name) => {
      expect(() =>
        refuse(message(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${name}}}`)),
      ).not.toThrow()
    },
  )
})
