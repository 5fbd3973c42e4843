// Outputs that are no objects reach hosts of 2025 as the SDK's own servers give them to those, and to the byte.
import { type CallToolResult, CallToolResultSchema, ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { type JSONRPCMessage, Server } from '@modelcontextprotocol/server'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { createNames } from '../../../../src/bridge/message/names.ts'
import { wrapOutput, wrapTools } from '../../../../src/bridge/translation/output.ts'

const messageOf = (value: unknown): Message => {
  const message = parseMessage(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  if (!message) throw new Error('no message')
  return message
}
const answerOf = (result: unknown) => messageOf({ jsonrpc: '2.0', id: 1, result })
const resultOf = ({ bytes }: Message) => JSON.parse(Buffer.from(bytes).toString()).result
const toolWith = (outputSchema: unknown, more = {}) => ({
  name: 't',
  inputSchema: { type: 'object' },
  outputSchema,
  ...more,
})
const wrapped = (outputSchema: unknown) =>
  resultOf(wrapTools(answerOf({ tools: [toolWith(outputSchema)] }))).tools[0].outputSchema
const callOf = (name: string) => messageOf({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

/** What a server of the SDK gives to a host of 2025 for such a tool. */
async function bySdk(outputSchema: Record<string, unknown>): Promise<unknown> {
  const server = new Server({ name: 's', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools: [toolWith(outputSchema)] }) as never)
  let answer: (message: JSONRPCMessage) => void = () => {}
  const transport = {
    start: async () => {},
    close: async () => {},
    send: async (message: JSONRPCMessage) => answer(message),
    onmessage: undefined as ((message: JSONRPCMessage) => void) | undefined,
  }
  await server.connect(transport as never)
  const ask = (id: number, method: string, params: object) =>
    new Promise<{ result: { tools: { outputSchema: unknown }[] } }>((resolve) => {
      answer = (message) => resolve(message as never)
      transport.onmessage?.({ jsonrpc: '2.0', id, method, params } as JSONRPCMessage)
    })
  const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } }
  await ask(1, 'initialize', client)
  const { result } = await ask(2, 'tools/list', {})
  await server.close()
  return result.tools[0]?.outputSchema
}

const SCHEMAS: readonly Record<string, unknown>[] = [
  {},
  { type: 'object', properties: { a: { $ref: '#/$defs/a' } } },
  { type: 'array', items: { $ref: '#/$defs/a' }, $defs: { a: { type: 'object', properties: { b: { $ref: '#' } } } } },
  { type: ['object', 'null'] },
  { anyOf: [{ type: 'object' }, { type: 'string' }], $schema: 'https://json-schema.org/draft/2020-12/schema' },
  { type: 'string', default: { $ref: '#/a' }, enum: ['#/a'], const: { $ref: '#' }, examples: [{ $ref: '#' }] },
  { type: 'array', $defs: { const: { $ref: '#/$defs/b' }, b: {}, $id: { $ref: '#/$defs/b' } } },
  { type: 'array', $id: 'https://example.com/a', items: { $ref: '#/$defs/a' } },
  { type: 'array', items: { $ref: '#/x', $id: 'b.json', not: { $ref: '#' } }, contains: { $ref: '#/x' } },
  { type: 'array', items: { $id: '#anchor', $ref: '#/x' } },
  { type: 'array', items: { $ref: '#anchor' }, contains: { $ref: 'other.json#/a' }, not: { $dynamicRef: '#/a~1b%20' } },
  { $schema: 'https://json-schema.org/draft/2019-09/schema', type: 'array', items: { $recursiveRef: '#' } },
  { $schema: 'https://json-schema.org/draft/2019-09/schema#', anyOf: [{ $recursiveRef: '#', $ref: '#/$defs/a' }] },
  { $schema: 'https://json-schema.org/draft/2019-09/schema', $recursiveAnchor: true, not: { $recursiveRef: '#' } },
  { type: 'array', items: { $recursiveRef: '#' } },
  {
    $schema: 7,
    type: 'array',
    dependencies: { a: ['$ref'], b: { $ref: '#' } },
    patternProperties: { '^$': { $ref: '#' } },
  },
]

describe('a schema of an output', () => {
  test.each(SCHEMAS.map((schema) => ({ schema, text: JSON.stringify(schema) })))(
    '$text is wrapped as the SDK does it',
    async ({ schema }) => {
      expect(wrapped(schema)).toEqual(await bySdk(schema))
    },
  )

  test('keeps its meaning: what it took before, it takes inside the object', () => {
    const list = {
      type: 'array',
      items: { $ref: '#/$defs/node' },
      $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' }, all: { $ref: '#' } } } },
    }
    const [before, after] = [list, wrapped(list)].map((schema) => new Ajv2020().compile(schema)) as [never, never]
    const check = (validate: (value: unknown) => boolean, value: unknown) => validate(value)
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.array(fc.record({ next: fc.jsonValue(), all: fc.jsonValue() }))),
        (value) => {
          expect(check(after, { result: value })).toBe(check(before, value))
        },
      ),
    )
    expect(check(after, { result: [{ next: { all: [] } }] })).toBe(true)
    expect(check(after, { result: [{ next: { all: [7] } }] })).toBe(false)
  })

  test('of one word becomes one that hosts of 2025 take', () => {
    expect(wrapped(true)).toEqual({ type: 'object', properties: { result: {} }, required: ['result'] })
    expect(wrapped(false)).toEqual({ type: 'object', properties: { result: { not: {} } }, required: ['result'] })
  })

  test('that is an object keeps every byte, and so does a list without any', () => {
    for (const tools of [
      [toolWith({ type: 'object', properties: {} })],
      [{ name: 't', inputSchema: {} }],
      [],
      [7, null],
      {},
      null,
    ]) {
      const answer = answerOf({ tools })
      expect(wrapTools(answer)).toBe(answer)
    }
    const refused = messageOf({ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'no' } })
    expect(wrapTools(refused)).toBe(refused)
  })

  test('changes nothing else of the list, and no number in it', () => {
    const schema = '{ "maximum":12345678901234567890.0 , "\\u0024ref":"#\\u002fa" }'
    const text = `{"jsonrpc":"2.0","id":9007199254740993,"result":{"tools":[ {"name":"a","outputSchema":${schema}, "x":1.0} ],"ttlMs":5}}`
    expect(Buffer.from(wrapTools(messageOf(text)).bytes).toString()).toBe(
      text.replace(
        schema,
        '{"type":"object","properties":{"result":{ "maximum":12345678901234567890.0 , "\\u0024ref":"#/properties/result/a" }},"required":["result"]}',
      ),
    )
    expect(wrapTools(messageOf(text)).answers).toEqual(['9007199254740993'])
  })

  test('of any depth breaks nothing', () => {
    const deep = `${'{"items":'.repeat(100_000)}{"$ref":"#"}${'}'.repeat(100_000)}`
    const text = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","outputSchema":${deep}}]}}`
    const after = Buffer.from(wrapTools(messageOf(text)).bytes).toString()
    expect(after).toContain(`"result":${deep}}`)
  })
})

describe('a property whose schema is one word', () => {
  test('gets the same as an object, in what goes in and in what comes out', () => {
    const schema = { type: 'object', properties: { any: true, none: false, x: { properties: { y: true } } } }
    const [tool] = resultOf(wrapTools(answerOf({ tools: [toolWith(schema, { inputSchema: schema })] }))).tools
    const wanted = { any: {}, none: { not: {} }, x: { properties: { y: true } } }
    expect(tool.inputSchema.properties).toEqual(wanted)
    expect(tool.outputSchema.properties).toEqual(wanted)
    expect(ListToolsResultSchema.safeParse({ tools: [toolWith(schema)] }).success).toBe(false)
    expect(ListToolsResultSchema.safeParse({ tools: [tool] }).success).toBe(true)
  })
})

describe('an output', () => {
  const result = (structuredContent: unknown) => ({ content: [], structuredContent })

  test.each([[[1]], ['text'], [7], [true], [null], [[]]])('%j is put into an object', (output) => {
    const after = resultOf(wrapOutput(answerOf(result(output))))
    expect(after).toEqual(result({ result: output }))
    expect((CallToolResultSchema.parse(after) as CallToolResult).structuredContent).toEqual({ result: output })
  })

  test('that is an object stays as it is, unless its schema was wrapped', () => {
    const names = createNames()
    wrapTools(answerOf({ tools: [toolWith({ anyOf: [] }), { ...toolWith({ type: 'object' }), name: 'o' }] }), names)
    const answer = answerOf(result({ a: 1 }))
    expect(wrapOutput(answer)).toBe(answer)
    expect(wrapOutput(answer, callOf('o'), names)).toBe(answer)
    expect(wrapOutput(answer, callOf('unknown'), names)).toBe(answer)
    expect(resultOf(wrapOutput(answer, callOf('t'), names))).toEqual(result({ result: { a: 1 } }))
  })

  test('of a tool whose schema is an object by now stays as it is', () => {
    const names = createNames()
    wrapTools(answerOf({ tools: [toolWith({ anyOf: [] })] }), names)
    wrapTools(answerOf({ tools: [toolWith({ type: 'object' })] }), names)
    const answer = answerOf(result({ a: 1 }))
    expect(wrapOutput(answer, callOf('t'), names)).toBe(answer)
  })

  test('keeps its numbers, and all around it', () => {
    const text = '{"jsonrpc":"2.0","id":"x","result":{"structuredContent": [ 1.0,1e400 ] ,"content":[],"isError":true}}'
    expect(Buffer.from(wrapOutput(messageOf(text)).bytes).toString()).toBe(
      text.replace('[ 1.0,1e400 ]', '{"result":[ 1.0,1e400 ]}'),
    )
  })

  test('that is not there changes nothing', () => {
    for (const answer of [
      answerOf({ content: [] }),
      answerOf({ content: [{ structuredContent: [] }] }),
      answerOf(null),
      messageOf({ jsonrpc: '2.0', id: 1, error: { code: 1, message: '', data: { structuredContent: [] } } }),
    ])
      expect(wrapOutput(answer)).toBe(answer)
  })
})
