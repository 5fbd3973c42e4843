// Cutting tools out of a list without touching what is left.
import { describe, expect, test } from 'vitest'
import { createHiddenTools } from '../../../src/bridge/hideTools.ts'
import { type Message, parseMessage } from '../../../src/bridge/message/message.ts'
import { codeOf } from '../../fakes/thrown.ts'

const message = (text: string) => parseMessage(Buffer.from(text)) as Message
const LIST = message('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
const answer = (tools: string) => message(`{"jsonrpc":"2.0","id":1,"result":{"tools":${tools}}}`)
const toolsOf = ({ bytes }: Message) => /"tools":(.*)\}\}$/s.exec(Buffer.from(bytes).toString('utf8'))?.[1]
const { strip, refuse } = createHiddenTools(['hidden', 'h_*', '*.x'])

describe('a list', () => {
  test.each([
    ['[{"name":"hidden"}]', '[]'],
    ['[{"name":"hidden"},{"name":"a"}]', '[{"name":"a"}]'],
    ['[{"name":"a"},{"name":"hidden"}]', '[{"name":"a"}]'],
    ['[{"name":"a"},{"name":"hidden"},{"name":"b"}]', '[{"name":"a"},{"name":"b"}]'],
    ['[{"name":"hidden"},{"name":"h_1"},{"name":"a"}]', '[{"name":"a"}]'],
    ['[{"name":"a"},{"name":"hidden"},{"name":"h_1"}]', '[{"name":"a"}]'],
    ['[{"name":"h_1"},{"name":"hidden"}]', '[]'],
    ['[{"name":"h_1"},{"name":"a"},{"name":"hidden"},{"name":"b"}]', '[{"name":"a"},{"name":"b"}]'],
    ['[ {"name":"a"} , {"name":"hidden"} ]', '[ {"name":"a"}  ]'],
    [
      '[{"name":"a","n":1.0,"s":"]},\\"{"},{"x":[{"name":"hidden"}],"name":"p.x"}]',
      '[{"name":"a","n":1.0,"s":"]},\\"{"}]',
    ],
    ['[{"n\\u0061me":"hidd\\u0065n"},{"name":"a"}]', '[{"name":"a"}]'],
  ])('%s becomes %s', (before, after) => {
    expect(toolsOf(strip(answer(before), LIST))).toBe(after)
  })

  test.each([
    '[]',
    '[{"name":"a"}]',
    '[null,1,"hidden",{"title":"hidden"}]',
    '[{"name":["hidden"]}]',
    '{"name":"hidden"}',
  ])('%s is the very same message afterwards', (tools) => {
    const given = answer(tools)
    expect(strip(given, LIST)).toBe(given)
  })

  test('in a batch is filtered too', () => {
    const asked = message('[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/list"}]')
    const given = message(
      '[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"hidden"}]}}]',
    )
    const { bytes } = strip(given, asked)
    expect(Buffer.from(bytes).toString()).toBe(
      '[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{"tools":[]}}]',
    )
  })

  test('that a server gives on the stream of another request is filtered', () => {
    const call = message('{"jsonrpc":"2.0","id":2,"method":"tools/call"}')
    expect(toolsOf(strip(answer('[{"name":"hidden"},{"name":"a"}]'), call))).toBe('[{"name":"a"}]')
  })

  test('in the answer to another request stays', () => {
    const given = answer('[{"name":"hidden"}]')
    expect(strip(given, message('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'))).toBe(given)
  })
})

describe('a call', () => {
  const call = (name: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":${JSON.stringify(name)}}}`

  test.each(['hidden', 'h_', 'h_any\nthing', 'x.x'])('of %j is refused', async (name) => {
    expect(await codeOf(Promise.resolve().then(() => refuse(message(call(name)))))).toBe('tool_hidden')
    expect(await codeOf(Promise.resolve().then(() => refuse(message(`[${call(name)}]`))))).toBe('tool_hidden')
  })

  test.each(['Hidden', 'hidden2', 'ahidden', 'h', 'xx', 'x.xx'])('of %j is not refused', (name) => {
    expect(() => refuse(message(call(name)))).not.toThrow()
  })

  test('of a hidden name by another method is not refused', () => {
    expect(() =>
      refuse(message('{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"hidden"}}')),
    ).not.toThrow()
  })
})
