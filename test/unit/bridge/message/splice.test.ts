// Members change in the bytes of a message as they would in the object that JSON.parse makes of it, and nothing else does.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Change, splice } from '../../../../src/bridge/message/splice.ts'
import { jsonText } from '../../../fakes/jsonText.ts'

type Json = unknown
const isObject = (value: Json): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const own = (entries: readonly (readonly [string, Json])[]) => {
  const object: Record<string, Json> = {}
  for (const [name, value] of entries)
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  return object
}

/** One change, as plain code would make it in an object. */
function changed(value: Json, [name = '', ...rest]: readonly string[], json: string | undefined): Json {
  if (!isObject(value)) return json === undefined ? value : changed({}, [name, ...rest], json)
  const entries = Object.entries(value)
  const others = entries.filter(([other]) => other !== name)
  if (rest.length === 0) return own(json === undefined ? others : [...others, [name, JSON.parse(json)]])
  if (!Object.hasOwn(value, name)) return json === undefined ? value : own([...others, [name, changed({}, rest, json)]])
  return own([...others, [name, changed(value[name], rest, json)]])
}

const naively = (text: string, changes: readonly Change[]) =>
  changes.reduce<Json>((value, { path, json }) => changed(value, path, json as string | undefined), JSON.parse(text))

const done = (text: string, changes: readonly Change[]) => Buffer.from(splice(Buffer.from(text), changes)).toString()

const NAMES = ['params', '_meta', 'a', 'result', '', '__proto__', 'é"\\', '\u2028']
const json = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom('1e400', '-0', '[ 1 ]'),
)
const change: fc.Arbitrary<Change> = fc.record({
  path: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
  json: fc.option(json, { nil: undefined }),
})
/** No path begins with another one. */
const changes = fc
  .array(change, { maxLength: 4 })
  .map((all) =>
    all.filter(
      ({ path }, at) => !all.slice(0, at).some((other) => startsWith(path, other.path) || startsWith(other.path, path)),
    ),
  )
const startsWith = (path: readonly string[], start: readonly string[]) => start.every((name, at) => path[at] === name)

describe('members', () => {
  test('change in any text as they do in the object that JSON.parse makes of it', () => {
    fc.assert(
      fc.property(jsonText(NAMES), changes, (text, wanted) => {
        expect(JSON.parse(done(text, wanted))).toEqual(naively(text, wanted))
      }),
      { numRuns: 1_000 },
    )
  })

  test('that do not change keep every byte, with the white space and the escapes around them', () => {
    fc.assert(
      fc.property(jsonText(NAMES), changes, (text, wanted) => {
        const output = done(text, wanted)
        expect(layers(output)).toEqual(expectedLayers(text, wanted))
      }),
      { numRuns: 1_000 },
    )
  })

  test('that stay as they are leave the same bytes, not a copy', () => {
    const bytes = Buffer.from('{ "a" : {} , "params" : { "x":1 } }')
    expect(splice(bytes, [])).toBe(bytes)
    expect(splice(bytes, [{ path: ['params', '_meta', 'x'], json: undefined }])).toBe(bytes)
    expect(splice(bytes, [{ path: ['a', 'x'], json: undefined }])).toBe(bytes)
  })

  const put = (path: string[], text = '1'): Change => ({ path, json: text })
  const out = (...path: string[]): Change => ({ path, json: undefined })
  test.each([
    ['{}', [put(['a'])], '{"a":1}'],
    [' { } ', [put(['a'])], ' { "a":1} '],
    ['{"a":2}', [put(['a'])], '{"a":1}'],
    ['{"a":2,"b":3}', [put(['c']), out('a')], '{"b":3,"c":1}'],
    ['{"a":2,"b":3}', [out('a'), out('b')], '{}'],
    ['{"a":2,"b":3}', [out('a'), out('b'), put(['c'])], '{"c":1}'],
    ['{"a":2, "b":3, "c":4}', [out('b')], '{"a":2, "c":4}'],
    ['{"a":2 , "b":3 }', [out('b')], '{"a":2  }'],
    ['{ "a":2 , "b":3 }', [out('a')], '{  "b":3 }'],
    ['{"a":2,"\\u0061":3,"b":{}}', [out('a')], '{"b":{}}'],
    ['{"a":2,"\\u0061":3}', [put(['a'])], '{"a":1,"\\u0061":1}'],
    ['{"id":1}', [put(['params', '_meta', 'v'], '"x"')], '{"id":1,"params":{"_meta":{"v":"x"}}}'],
    ['{"params":{}}', [put(['params', '_meta', 'v'])], '{"params":{"_meta":{"v":1}}}'],
    ['{"params":{"_meta":{}}}', [put(['params', '_meta', 'v'])], '{"params":{"_meta":{"v":1}}}'],
    ['{"params":null}', [put(['params', '_meta', 'v'])], '{"params":{"_meta":{"v":1}}}'],
    ['{"params":[{"_meta":{}}]}', [put(['params', '_meta', 'v'])], '{"params":{"_meta":{"v":1}}}'],
    ['{"params":{"_meta":7,"x":1}}', [put(['params', '_meta', 'v'])], '{"params":{"_meta":{"v":1},"x":1}}'],
    ['{"params":{"_meta":[]}}', [out('params', '_meta', 'v')], '{"params":{"_meta":[]}}'],
    ['{"params":{"_meta":{"v":1}}}', [out('params', '_meta', 'v')], '{"params":{"_meta":{}}}'],
    ['{"n":12345678901234567890.10}', [put(['a'])], '{"n":12345678901234567890.10,"a":1}'],
    ['[1]', [put(['a'])], '{"a":1}'],
    ['[1]', [out('a')], '[1]'],
  ])('of %s', (text, wanted, expected) => {
    expect(done(text, wanted)).toBe(expected)
  })

  test('may be of any depth and size', () => {
    const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`
    const text = `{"x":${deep},"y":"${'é'.repeat(1_000_000)}"}`
    expect(done(text, [put(['x', 'b']), out('y')])).toBe(`{"x":${deep.slice(0, -1)},"b":1}}`)
  })

  test('are found in the part of a text that is named', () => {
    const bytes = Buffer.from('[{"a":1},{"a":1}]')
    expect(splice(bytes, [out('a')], { start: 9, end: 16 }).toString()).toBe('[{"a":1},{}]')
  })

  test('may be given as bytes', () => {
    const text = Buffer.from('xx{"s":"\\ud800"}xx').subarray(2, -2)
    expect(
      done('{"a":1}', [
        { path: ['b', 'c'], json: text },
        { path: ['a'], json: text },
      ]),
    ).toBe('{"a":{"s":"\\ud800"},"b":{"c":{"s":"\\ud800"}}}')
  })
})

/** One member as it stands in the text: its name, and its value to the byte; of objects on a path, their members. */
type Layer = readonly { readonly name: string; readonly value: string | Layer }[] | string

/** A text as layers down to the depth of the longest path, by a reader of its own: each value is what JSON.parse takes for one. */
function layers(text: string, depth = 3): Layer {
  if (depth === 0 || !text.trimStart().startsWith('{')) return text.trim()
  return membersOf(text).map(({ name, value }) => ({ name, value: layers(value, depth - 1) }))
}

/** The members of an object, in the slowest way: the shortest piece that is a string is a name, the shortest that is JSON a value. */
function membersOf(text: string): { name: string; value: string }[] {
  const members: { name: string; value: string }[] = []
  let at = text.indexOf('{') + 1
  for (;;) {
    const start = text.indexOf('"', at)
    if (start === -1 || text.slice(at, start).trim().startsWith('}')) return members
    const end = endOfString(text, start)
    const from = text.indexOf(':', end) + 1
    const to = endOfValue(text, from)
    members.push({ name: text.slice(start, end), value: text.slice(from, to).trim() })
    const next = text.slice(to).trimStart()
    if (!next.startsWith(',')) return members
    at = text.length - next.length + 1
  }
}

const endOfString = (text: string, start: number) =>
  start + (/^"(?:[^"\\]|\\.)*"/.exec(text.slice(start))?.[0].length ?? 0)

function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const one = text[at]
    if (one === '"') at = endOfString(text, at) - 1
    else if (one === '{' || one === '[') depth++
    else if (one === '}' || one === ']') {
      if (depth === 0) return at
      depth--
    } else if (one === ',' && depth === 0) return at
  }
  return text.length
}

/** The same after the changes, which are made one after the other in the layers of the text. */
const expectedLayers = (text: string, wanted: readonly Change[]): Layer =>
  together(wanted).reduce<Layer>(
    (layer, { path, json: to }) => changedLayer(layer, path, to as string | undefined, 3),
    layers(text),
  )

/** What is below one name stands together, in the order of the first of it. */
function together(wanted: readonly Change[]): readonly Change[] {
  const places = ({ path }: Change) =>
    path.map((_, at) => wanted.findIndex((one) => startsWith(one.path, path.slice(0, at + 1))))
  const order = (one: Change, other: Change) => {
    const [here, there] = [places(one), places(other)]
    const at = here.findIndex((place, index) => place !== there[index])
    return at === -1 ? 0 : (here[at] ?? 0) - (there[at] ?? 0)
  }
  return wanted.toSorted(order)
}

function changedLayer(
  layer: Layer,
  [name = '', ...rest]: readonly string[],
  to: string | undefined,
  depth: number,
): Layer {
  if (typeof layer === 'string') return to === undefined ? layer : changedLayer([], [name, ...rest], to, depth)
  const isIt = (member: { name: string }) => JSON.parse(member.name) === name
  const next = (value: Layer) =>
    rest.length === 0 ? layers(to as string, depth - 1) : changedLayer(value, rest, to, depth - 1)
  if (!layer.some(isIt)) return to === undefined ? layer : [...layer, { name: JSON.stringify(name), value: next([]) }]
  if (rest.length === 0 && to === undefined) return layer.filter((member) => !isIt(member))
  return layer.map((member) => (isIt(member) ? { name: member.name, value: next(member.value) } : member))
}
