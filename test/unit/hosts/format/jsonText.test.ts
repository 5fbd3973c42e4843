// JSON with comments, changed in place.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commentsOf, readJson, writeJson } from '../../../../src/hosts/format/jsonText.ts'

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

  test.each([
    ['comma first', '{\n  "s": {\n      "a": 1\n    , "b": 2\n  }\n}', '{\n  "s": {\n      "b": 2\n  }\n}'],
    ['comma first, the last', '{\n  "s": {\n      "b": 2\n    , "a": 1\n  }\n}', '{\n  "s": {\n      "b": 2\n  }\n}'],
    ['its comma on the next line', '{\n  "s": {\n    "a": 1\n    ,\n  }\n}', '{\n  "s": {\n  }\n}'],
    ['alone, with a comment', '{\n  "s": {\n    "a": 1, /* note */\n  }\n}', '{\n  "s": {\n    /* note */\n  }\n}'],
    [
      'a comment between it and its comma',
      '{\n  "s": {\n    "b": 2 /* k */, // of b\n    // "old": 3\n    "a": 1\n  }\n}',
      '{\n  "s": {\n    "b": 2 /* k */ // of b\n    // "old": 3\n  }\n}',
    ],
    ['one line', '{ "s": { "b": 2, "a": 1 } }', '{ "s": { "b": 2 } }'],
  ])('from which a property is removed (%s) loses it and one comma', (_, text, after) => {
    expect(writeJson(text, ['s', 'a'], undefined)).toBe(after)
  })

  test.each([
    ['no key yet', '{\n  "x":   1,\n  "y": { "z":2 } // of y\n}\n', '"y": { "z":2 }, // of y\n  "s": {\n    "a"'],
    ['an empty map with a comment', '{\n  "s": {\n    // none yet\n  },\n  "x":   1\n}', '// none yet\n    "a": {\n'],
    ['a comment before and behind its end', '{"s":{\n  "b":1 /* c */ } /* d */\n}', '"b":1,\n  "a": {'],
    ['one line', '{"s":{"b":{"k":[1,2]}},"x":[1,2]}', '{"s":{"b":{"k":[1,2]}, "a": {"command":'],
    ['an empty map on one line', '{"s":{},"x":[1,2]}', '},"x":[1,2]}'],
  ])('with %s keeps the writing of the neighbors', (_, text, part) => {
    expect(writeJson(text, ['s', 'a'], ENTRY)).toContain(part)
  })

  test('however it is written, only the entry and one comma change', () => {
    const blank = fc.constantFrom(
      '',
      '',
      ' ',
      '\n',
      '\n  ',
      '\n    // c\n    ',
      ' /* c */ ',
      '\t',
      '\r\n  ',
      ' // c\n  ',
    )
    const value = fc.constantFrom('1', '"x, // y"', '{}', '{"command":"y","args":[1,  2]}', '[1,2]', '{\n "a":1 }')
    const member = fc
      .tuple(fc.constantFrom('a', 'b', 'own', 'c'), blank, blank, value, blank)
      .map(([name, before, space, v, after]) => ({ name, text: `${before}"${name}":${space}${v}${after}` }))
    const map = fc
      .tuple(fc.uniqueArray(member, { selector: ({ name }) => name }), fc.constantFrom('', ','), blank)
      .map(([all, more, end]) => `{${all.map(({ text }) => text).join(',')}${all.length > 0 ? more : ''}${end}}`)
    const file = fc
      .tuple(blank, blank, map, blank, fc.constantFrom('', ',"z":[1,  2]'), blank)
      .map(([a, b, inner, c, z, d]) => `{${a}"servers":${b}${inner}${c}${z}${d}}\n`)
    const rest = (text: string) => {
      const { own: _, ...others } = (readJson(text) as { value: { servers: Record<string, unknown> } }).value.servers
      const { value } = readJson(text) as { value: object }
      return [{ ...value, servers: others }, commentsOf(text, ['servers', 'own'])]
    }
    // Everything but blanks and commas, without the entry.
    const bare = (text: string) => writeJson(text, ['servers', 'own'], undefined).replace(/[\s,]/g, '')
    fc.assert(
      fc.property(file, fc.boolean(), (text, isAdded) => {
        const after = writeJson(text, ['servers', 'own'], isAdded ? ENTRY : undefined)
        expect(rest(after)).toEqual(rest(text))
        expect(bare(after)).toBe(bare(text))
        expect((readJson(after) as { value: { servers: object } }).value.servers).toEqual(
          isAdded ? expect.objectContaining({ own: ENTRY }) : expect.not.objectContaining({ own: expect.anything() }),
        )
      }),
      { numRuns: 2000 },
    )
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
