// YAML text: places, and maps that grow while the rest stays.
import { describe, expect, test } from 'vitest'
import { addToMap, asYaml, parseYaml } from '../../../../src/config/file/yamlText.ts'

describe('a text', () => {
  test('gives the place of a value and its key', () => {
    const yaml = parseYaml('a: 1\nb:\n  c: [x, y]\n')
    expect([yaml.keyAt(['b', 'c']), yaml.valueAt(['b', 'c']), yaml.valueAt(['b', 'c', 1])]).toEqual([
      '3:3',
      '3:6',
      '3:10',
    ])
  })

  test('returns its data anew each time, with texts replaced if requested', () => {
    const yaml = parseYaml('a: x\nb: 1\n')
    expect(yaml.toData((text, place) => `${text}@${place}`)).toEqual({ a: 'x@1:4', b: 1 })
    expect(yaml.toData()).toEqual({ a: 'x', b: 1 })
  })

  test('reports what is not YAML', () => {
    expect(parseYaml('a: [1\nb: 2').faults[0]?.place).toMatch(/^\d+:\d+$/)
    expect(parseYaml('a: 1').faults).toEqual([])
  })

  test.each([
    [
      'a: 1\nb: [x, *_delete, admin*]',
      '2:8',
      'the alias "*_delete" has no anchor. Put a text that begins with * in quotes',
    ],
    ['a: [*]', '1:5', 'the alias "*" has no anchor. Put a text that begins with * in quotes'],
    ['a: *x\nb: &x 1', '1:4', 'the alias "*x" has no anchor. Put a text that begins with * in quotes'],
    ['a: &a { b: { c: *a } }', '1:17', 'the alias "*a" stands inside its own anchor'],
    [
      `a: &a [x, x]\nb: &b [${'*a, '.repeat(9)}]\nc: &c [${'*b, '.repeat(9)}]\nd: [*c, *c]`,
      '4:9',
      'the aliases together stand for too much. Write out what they stand for',
    ],
  ])('reports aliases that have no data: %s', (text, place, message) => {
    expect(parseYaml(text).faults).toEqual([{ place, message }])
  })

  test.each([
    [`servers: { a: { client_secret: \${SECRET} } }`, '1:32', `\${SECRET}`],
    [`a: { b: 1,\n  c: Bearer \${TOKEN}, d: 2 }`, '2:13', `\${TOKEN}`],
    [`a: [x, \${A}]`, '1:8', `\${A}`],
  ])('says what a variable inside { } or [ ] needs: %s', (text, place, variable) => {
    const message = `a text with ${variable} inside { } or [ ] has to be in quotes`
    expect(parseYaml(text).faults).toEqual([{ place, message }])
  })

  test('reports what is wrong before such a variable too', () => {
    const places = parseYaml(`a: "x" y\nb: { c: \${A} }\n`).faults.map(({ place }) => place)
    expect(places).toEqual(['1:8', '2:9'])
  })

  test('takes a variable elsewhere, and in quotes', () => {
    expect(parseYaml(`a: \${A}\nb: { c: "\${A}", d: '\${A}' }\n`).faults).toEqual([])
  })

  test('has the data that an alias stands for', () => {
    const yaml = parseYaml('a: &x { b: 1 }\nc: [*x, "*y"]\n')
    expect([yaml.faults, yaml.toData()]).toEqual([[], { a: { b: 1 }, c: [{ b: 1 }, '*y'] }])
  })
})

describe('a map to which an entry is added', () => {
  const entry = { url: 'https://x.example/' }

  test.each([
    ['', 'servers:\n  a:\n    url: https://x.example/\n'],
    [
      '# mine\nlog_level: warn # loud\n',
      '# mine\nlog_level: warn # loud\nservers:\n  a:\n    url: https://x.example/\n',
    ],
    [
      'servers:\n  # old one\n  b: { url: y } # keep\n\nlog_level: warn\n',
      'servers:\n  # old one\n  b: { url: y } # keep\n  a:\n    url: https://x.example/\n\nlog_level: warn\n',
    ],
    ['servers:\n', 'servers:\n  a:\n    url: https://x.example/\n'],
    [
      'servers:\n  # mine\n  # none yet\nlog_level: warn\n',
      'servers:\n  # mine\n  # none yet\n  a:\n    url: https://x.example/\nlog_level: warn\n',
    ],
    ['servers: null # none yet\n', 'servers:\n  # none yet\n  a:\n    url: https://x.example/\n'],
  ])('keeps everything else: %j', (before, after) => {
    expect(addToMap(before, 'servers', { a: entry })).toBe(after)
  })

  test('accepts names and values that YAML would otherwise read differently', () => {
    const text = addToMap('', 'servers', { no: { url: '# x: y' }, '1': { url: '- z' } })
    expect(parseYaml(text).toData()).toEqual({ servers: { no: { url: '# x: y' }, 1: { url: '- z' } } })
  })
})

test.each(['\n', '\r\n'])(
  'every text comes back as it was written, also as the last one of a file, with line breaks %j',
  (eol) => {
    const odd = [
      '',
      '  ',
      'a  b',
      '\u00a0\u00a0',
      '\u3000',
      '\u2028',
      '\u0085',
      '\ufeff',
      '\t',
      '\r',
      'a\nb',
      '  a\n',
      '  \n ',
      'x\n\n',
    ]
    const meaning = [
      '~',
      'null',
      '1',
      'true',
      '|',
      '>',
      '- x',
      'a #b',
      'a: b',
      "it's",
      '"',
      '\\',
      '{',
      '&a',
      '*a',
      '!t',
      '\u{1f600}',
      'x y '.repeat(99),
    ]
    for (const word of [...odd, ...meaning]) {
      const data = { list: { [word]: [word], last: word } }
      expect(parseYaml(asYaml(data).replaceAll('\n', eol)).toData(), JSON.stringify(word)).toEqual(data)
    }
  },
)
