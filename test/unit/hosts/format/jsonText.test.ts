// JSON with comments, changed in place.
import { describe, expect, test } from 'vitest'
import { readJson, writeJson } from '../../../../src/hosts/format/jsonText.ts'

const ENTRY = { command: '/usr/bin/node', args: ['a'] }
const FULL = `{
  // what I use
  "servers": {
    "old": { "command": "x" }, /* keep me */
  },
  "inputs": [1,2,   3],
}
`

describe('a file', () => {
  test('keeps comments, order and formatting around what is added', () => {
    const added = '\n    "new": {\n      "command": "/usr/bin/node",\n      "args": [\n        "a"\n      ]\n    },'
    expect(writeJson(FULL, ['servers', 'new'], ENTRY)).toBe(FULL.replace('/* keep me */', `/* keep me */${added}`))
  })

  test('on one line stays valid', () => {
    const written = writeJson('{"servers":{"old":1}}', ['servers', 'new'], ENTRY)
    expect(readJson(written)).toEqual({ value: { servers: { old: 1, new: ENTRY } } })
  })

  test('gets an entry that is there replaced, and nothing else', () => {
    const written = writeJson(FULL, ['servers', 'old'], ENTRY)
    expect(readJson(written)).toEqual({ value: { servers: { old: ENTRY }, inputs: [1, 2, 3] } })
    expect(written).toContain('// what I use')
    expect(written).toContain('"inputs": [1,2,   3],')
  })

  test.each(['', '\n', '{}', '{\n}\n', '\ufeff{}'])('that says nothing (%j) gets its first server', (text) => {
    const written = writeJson(text, ['mcpServers', 'a'], ENTRY)
    expect(readJson(written)).toEqual({ value: { mcpServers: { a: ENTRY } } })
    expect(written.startsWith('\ufeff')).toBe(text.startsWith('\ufeff'))
  })

  test.each([
    ['tabs', '{\n\t"mcpServers": {\n\t\t"b": 1\n\t}\n}\n', '\n\t\t"a": {\n\t\t\t"command"'],
    ['four spaces', '{\n    "mcpServers": {\n        "b": 1\n    }\n}\n', '\n        "a": {\n            "command"'],
    ['Windows line ends', '{\r\n  "mcpServers": {\r\n    "b": 1\r\n  }\r\n}\r\n', '\r\n    "a": {\r\n      "command"'],
  ])('with %s stays like that', (_, text, part) => {
    expect(writeJson(text, ['mcpServers', 'a'], ENTRY)).toContain(part)
  })

  test.each([
    '{\n  "mcpServers": {\n    "b": { "x": 1 }\n  }\n}\n',
    '{\r\n\t"mcpServers": {\r\n\t\t"b": 1 // mine\r\n\t}\r\n}\r\n',
    FULL.replace('servers', 'mcpServers'),
  ])('is what it was, after what was added is removed: %j', (text) => {
    expect(writeJson(writeJson(text, ['mcpServers', 'a'], ENTRY), ['mcpServers', 'a'], undefined)).toBe(text)
  })

  test.each([
    ['{\n  "s": {\n    "a": 1, // of a\n    // of b\n    "b": 2,\n    "c": 3\n  }\n}', 'a', ['// of b', '"b": 2,']],
    ['{\n  "s": {\n    "a": 1, // of a\n    // of b\n    "b": 2,\n    "c": 3\n  }\n}', 'c', ['// of a', '"b": 2\n']],
    ['{"s":{"a":1,"b":2}}', 'a', ['"b":2']],
    ['{"s":{"a":1}}', 'a', ['{"s":{']],
    ['{\n  "s": {\n    "a": 1\n  }\n}', 'a', ['"s": {\n  }']],
  ])('from which a property is removed (%j, %s) keeps the comments of the others', (text, name, kept) => {
    const written = writeJson(text, ['s', name], undefined)
    const { [name]: _, ...rest } = (readJson(text) as { value: { s: Record<string, number> } }).value.s
    expect(readJson(written)).toEqual({ value: { s: rest } })
    for (const part of kept) expect(written).toContain(part)
  })

  test('keeps a name with a dot, a quote and a slash as one name', () => {
    const name = 'a.b/"c"\\d'
    expect(readJson(writeJson('{}', ['mcpServers', name], ENTRY))).toEqual({ value: { mcpServers: { [name]: ENTRY } } })
  })
})

describe('a fault', () => {
  test.each([
    ['{\n  "a": 1\n  "b": 2\n}', 'line 3: CommaExpected'],
    ['{\n  "a": ', 'line 2: '],
    ['[]', 'it is not an object'],
    ['"text"', 'it is not an object'],
    ['null', 'it is not an object'],
  ])('of %j is named', (text, fault) => {
    expect(readJson(text)).toEqual({ fault: expect.stringContaining(fault) })
  })
})
