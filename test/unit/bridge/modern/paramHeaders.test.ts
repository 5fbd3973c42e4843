// Arguments go into the headers that the tool's schema names, and tools whose schema breaks a rule are not on the list.
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Message, parseMessage } from '../../../../src/bridge/message/message.ts'
import { encodeHeaderValue } from '../../../../src/bridge/modern/headers.ts'
import { createParamHeaders, type ParamHeaders } from '../../../../src/bridge/modern/paramHeaders.ts'
import { createFakeLogger } from '../../../fakes/fakeLogger.ts'

type Schema = Record<string, unknown>
const KEY = 'x-mcp-header'
const messageOf = (text: string): Message => {
  const message = parseMessage(Buffer.from(text))
  if (!message) throw new Error(`no message: ${text}`)
  return message
}
const listOf = (tools: unknown) => messageOf(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } }))
const tool = (name: string, properties: unknown, more: Schema = {}) => ({
  name,
  inputSchema: { type: 'object', properties, ...more },
})
const namesIn = ({ bytes }: Message): string[] =>
  JSON.parse(Buffer.from(bytes).toString()).result.tools.map(({ name }: { name: string }) => name)
const header = (name: unknown, type: unknown = 'string', more: Schema = {}) => ({ type, [KEY]: name, ...more })

let log: ReturnType<typeof createFakeLogger>
let headers: ParamHeaders
beforeEach(() => {
  log = createFakeLogger()
  headers = createParamHeaders({ log })
})
const call = (name: string, args: string) =>
  headers.headersFor(
    messageOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`),
  )

describe('a call', () => {
  test('says in headers what its tool declares, at any depth', () => {
    headers.learn(
      listOf([
        tool('sql', {
          region: header('Region'),
          limit: header('Limit', 'integer'),
          dry: header('Dry-Run', 'boolean'),
          nested: { type: 'object', properties: { tenant: header('Tenant') } },
          plain: { type: 'string' },
        }),
      ]),
    )
    const args = {
      plain: 'no',
      nested: { tenant: 'ü' },
      dry: false,
      limit: 7,
      region: 'us-west1',
      other: { tenant: 1 },
    }
    expect(call('sql', JSON.stringify(args))).toEqual({
      'mcp-param-region': 'us-west1',
      'mcp-param-limit': '7',
      'mcp-param-dry-run': 'false',
      'mcp-param-tenant': '=?base64?w7w=?=',
    })
  })

  test('has no header for what is null, left out, or not a single value', () => {
    headers.learn(listOf([tool('t', { a: header('A'), b: { properties: { c: header('C') } } })]))
    for (const args of [
      '{}',
      '{"a":null,"b":null}',
      '{"a":{},"b":7}',
      '{"a":["x"],"b":[{"c":"x"}]}',
      'null',
      '[]',
      '"a"',
    ])
      expect(call('t', args)).toEqual({})
    expect(
      headers.headersFor(messageOf('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}')),
    ).toEqual({})
    expect(headers.headersFor(messageOf('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'))).toEqual({})
    expect(call('unknown', '{"a":"x"}')).toEqual({})
  })

  test.each([
    ['42', '42'],
    ['42.0', '42'],
    ['-7', '-7'],
    ['-0', '0'],
    ['0.0', '0'],
    ['1e3', '1000'],
    ['1.5E+2', '150'],
    ['4200e-2', '42'],
    ['9007199254740993', '9007199254740993'],
    ['1e21', '1000000000000000000000'],
    ['0.50', '0.5'],
    ['1e-3', '0.001'],
    ['true', 'true'],
    ['false', 'false'],
    ['"007"', '007'],
    ['"\\u0041\\n"', encodeHeaderValue('A\n')],
    ['"\\ud800"', encodeHeaderValue('\ud800')],
    ['""', encodeHeaderValue('')],
    ['1e999', undefined],
    ['1e99999999999999999999', undefined],
  ])('with %s says %s', (value, said) => {
    headers.learn(listOf([tool('t', { a: header('A', 'integer') })]))
    expect(call('t', `{"a":${value}}`)['mcp-param-a']).toBe(said)
  })

  test('counts the last of two arguments with one name, as servers do', () => {
    headers.learn(listOf([tool('t', { a: header('A'), b: { properties: { c: header('C') } } })]))
    expect(call('t', '{"a":"1","\\u0061":"2","b":{"c":"1"},"b":{}}')).toEqual({ 'mcp-param-a': '2' })
  })

  test('says what its server declares now', () => {
    headers.learn(listOf([tool('t', { a: header('A') }), tool('u', { a: header('A') })]))
    headers.learn(listOf([tool('t', { a: header('B') })]))
    expect(call('t', '{"a":"1"}')).toEqual({ 'mcp-param-b': '1' })
    expect(call('u', '{"a":"1"}')).toEqual({ 'mcp-param-a': '1' })
    headers.learn(listOf([tool('t', { a: {} })]))
    expect(call('t', '{"a":"1"}')).toEqual({})
  })

  test('is the only message with such headers', () => {
    headers.learn(listOf([tool('t', { a: header('A') })]))
    const other = '{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"t","arguments":{"a":"1"}}}'
    expect(headers.headersFor(messageOf(other))).toEqual({})
    expect(headers.headersFor(messageOf('{"jsonrpc":"2.0","id":1,"result":{}}'))).toEqual({})
  })

  test('of a tool with a name of Object is nothing special', () => {
    headers.learn(listOf([tool('__proto__', { constructor: header('C'), ['__proto__']: header('P') })]))
    expect(call('toString', '{"constructor":"x"}')).toEqual({})
    expect(call('__proto__', '{"constructor":"x"}')).toEqual({ 'mcp-param-c': 'x' })
  })
})

describe('a tool', () => {
  const bad: readonly (readonly [string, Schema])[] = [
    ['without a name', tool('bad', { a: header('') })],
    ['with a name that is no text', tool('bad', { a: header(7) })],
    ['with null for a name', tool('bad', { a: header(null) })],
    ['with a space', tool('bad', { a: header('My Region') })],
    ['with a colon', tool('bad', { a: header('Region:Primary') })],
    ['with a letter that is not ASCII', tool('bad', { a: header('Région') })],
    ['with a control', tool('bad', { a: header('Region\t1') })],
    ['with a line break', tool('bad', { a: header('Region\r\nx: y') })],
    ['with a line break at the end', tool('bad', { a: header('Region\n') })],
    ['twice', tool('bad', { a: header('Region'), b: header('Region') })],
    ['twice but for case', tool('bad', { a: header('Region'), b: { properties: { c: header('region') } } })],
    ['on a number', tool('bad', { a: header('A', 'number') })],
    ['on an object', tool('bad', { a: header('A', 'object') })],
    ['on an array', tool('bad', { a: header('A', 'array') })],
    ['on null', tool('bad', { a: header('A', 'null') })],
    ['on several types', tool('bad', { a: header('A', ['string', 'null']) })],
    ['on no type', tool('bad', { a: { [KEY]: 'A' } })],
    ['at the root', tool('bad', {}, { [KEY]: 'A' })],
    ['in items', tool('bad', { a: { type: 'array', items: header('A') } })],
    ['below items', tool('bad', { a: { type: 'array', items: { properties: { b: header('A') } } } })],
    ['in a list of items', tool('bad', { a: { prefixItems: [{}, header('A')] } })],
    ['in oneOf', tool('bad', {}, { oneOf: [{ properties: { a: header('A') } }] })],
    ['in anyOf of a property', tool('bad', { a: { anyOf: [header('A')] } })],
    ['in not', tool('bad', { a: { not: header('A') } })],
    ['in else', tool('bad', {}, { if: {}, else: { properties: { a: header('A') } } })],
    ['in $defs', tool('bad', { a: { $ref: '#/$defs/a' } }, { $defs: { a: header('A') } })],
    ['in additionalProperties', tool('bad', {}, { additionalProperties: header('A') })],
    ['in patternProperties', tool('bad', {}, { patternProperties: { '^a': header('A') } })],
    ['in dependencies', tool('bad', {}, { dependencies: { a: header('A'), b: ['a'] } })],
    ['101 levels deep', tool('bad', nest(101))],
  ]
  function nest(depth: number): Schema {
    return depth === 1 ? { a: header('A') } : { a: { properties: nest(depth - 1) } }
  }

  test.each(bad)('with a header %s is not on the list, with a warning; the others are', (_, wrong) => {
    const good = ['one', 'two'].map((name) => tool(name, { a: header('A') }))
    expect(namesIn(headers.learn(listOf([good[0], wrong, good[1]])))).toEqual(['one', 'two'])
    expect(log.entries.filter(({ level }) => level === 'warn')).toHaveLength(1)
    expect(JSON.stringify(log.entries)).toContain('bad')
    expect(call('bad', '{"a":"1"}')).toEqual({})
    expect(call('two', '{"a":"1"}')).toEqual({ 'mcp-param-a': '1' })
  })

  const fine: readonly (readonly [string, Schema])[] = [
    ['a property of that name', tool('t', { [KEY]: { type: 'string' } })],
    [
      'it in data',
      tool('t', { a: { default: header(''), const: header(''), examples: [header('')], enum: [header('')] } }),
    ],
    ['it in a text', tool('t', { a: { description: KEY } })],
    ['it in its output', { ...tool('t', {}), outputSchema: { properties: { a: header('') } } }],
    ['it 100 levels deep', tool('t', nest(100))],
    ['a schema that is no object', { name: 't', inputSchema: KEY }],
  ]
  test.each(fine)('with %s stays, to the byte', (_, right) => {
    const list = listOf([right])
    expect(headers.learn(list)).toBe(list)
  })

  test('is warned of once, however often it is listed', () => {
    const list = listOf([tool('bad', { a: header('') }), tool('worse', { a: header('') })])
    for (let times = 0; times < 3; times++) headers.learn(list)
    expect(log.entries.filter(({ level }) => level === 'warn')).toHaveLength(2)
  })

  test('that breaks a rule by now is left out, and its headers are forgotten', () => {
    headers.learn(listOf([tool('t', { a: header('A') })]))
    expect(namesIn(headers.learn(listOf([tool('t', { a: header('A', 'number') })])))).toEqual([])
    expect(call('t', '{"a":"1"}')).toEqual({})
  })

  test('is cut out with one comma, and nothing else of the answer changes', () => {
    const wrong = JSON.stringify(tool('bad', { a: header('') }))
    const right = '{ "name":"ok" , "n":12345678901234567890.0 }'
    const around = (tools: string) =>
      `{"jsonrpc":"2.0","id":9007199254740993,"result":{"ttlMs":1.0,"tools":[${tools}]}}`
    const after = (tools: string) => {
      const message = headers.learn(messageOf(around(tools)))
      expect(message.answers).toEqual(['9007199254740993'])
      return Buffer.from(message.bytes).toString()
    }
    expect(after(`${wrong},${right}`)).toBe(around(right))
    expect(after(`${right},${wrong}`)).toBe(around(right))
    expect(after(`${right},${wrong},${right}`)).toBe(around(`${right},${right}`))
    expect(after(`${wrong},${right},${wrong}`)).toBe(around(right))
    expect(after(`${wrong},${wrong}`)).toBe(around(''))
  })

  test('may be of any kind and any depth', () => {
    const deep = `${'{"properties":{"a":'.repeat(100_000)}{"${KEY}":"A","type":"string"}${'}}'.repeat(100_000)}`
    const tools = `{"name":"deep","inputSchema":${deep}},7,null,[],{},{"name":7,"inputSchema":[]}`
    const answer = headers.learn(messageOf(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${tools}]}}`))
    expect(Buffer.from(answer.bytes).toString()).toContain('"tools":[7,null,[],{},{"name":7,"inputSchema":[]}]')
  })

  test('among a million names is remembered up to a limit', () => {
    const long = 'x'.repeat(300_000)
    headers.learn(listOf(['a', 'b', 'c', 'd'].map((name) => tool(name, { [`${long}${name}`]: header('A') }))))
    const said = ['a', 'b', 'c', 'd'].map(
      (name) => Object.keys(call(name, JSON.stringify({ [`${long}${name}`]: 'v' }))).length,
    )
    expect(said).toEqual([1, 1, 1, 0])
  })
})

describe('the table', () => {
  const NAMES = ['a', 'b', 'c', KEY, '__proto__']
  const valid = fc
    .constantFrom('A', 'B', 'C', 'a')
    .chain((name) => fc.constantFrom('string', 'integer', 'boolean').map((type) => header(name, type)))
  const schema: fc.Arbitrary<Schema> = fc.letrec<{ schema: Schema; properties: Schema }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      fc.constant({ type: 'string' }),
      { weight: 2, arbitrary: valid },
      fc.constantFrom(header('A', 'number'), header('', 'string'), { $defs: { x: header('Z') } }),
      { weight: 4, arbitrary: tie('properties').map((properties) => ({ type: 'object', properties })) },
    ),
    properties: fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), { maxKeys: 3 }),
  })).schema
  const args = fc.object({
    key: fc.constantFrom(...NAMES),
    maxDepth: 4,
    values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
  })

  /** The rules as plain code, on objects; undefined: the tool is invalid. */
  function naively(
    node: unknown,
    value: unknown,
    seen: Set<string>,
    out: Record<string, string>,
    isRoot = true,
  ): boolean {
    if (typeof node !== 'object' || node === null) return true
    const { type, properties, $defs, ...rest } = node as Schema & { properties?: Schema }
    if ($defs !== undefined) return false
    if (Object.hasOwn(rest, KEY)) {
      const name = rest[KEY]
      const isType = type === 'string' || type === 'integer' || type === 'boolean'
      if (isRoot || !isType || typeof name !== 'string' || name === '' || seen.has(name.toLowerCase())) return false
      seen.add(name.toLowerCase())
      if (['string', 'number', 'boolean'].includes(typeof value))
        out[`mcp-param-${name.toLowerCase()}`] = encodeHeaderValue(String(value))
    }
    return Object.entries(properties ?? {}).every(([name, inner]) => {
      const isHere = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
      return naively(inner, isHere ? (value as Schema)[name] : undefined, seen, out, false)
    })
  }

  test('is that of plain code on objects, for any schema and any arguments', () => {
    fc.assert(
      fc.property(schema, args, (inputSchema, given) => {
        const table = createParamHeaders({ log: createFakeLogger() })
        const listed = namesIn(table.learn(listOf([{ name: 't', inputSchema }])))
        const out: Record<string, string> = {}
        const isValid = naively(
          JSON.parse(JSON.stringify(inputSchema)),
          JSON.parse(JSON.stringify(given)),
          new Set(),
          out,
        )
        expect(listed).toEqual(isValid ? ['t'] : [])
        const params = JSON.stringify({ name: 't', arguments: given })
        const asked = messageOf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`)
        expect(table.headersFor(asked)).toEqual(isValid ? out : {})
      }),
      { numRuns: 1_000 },
    )
  })
})
