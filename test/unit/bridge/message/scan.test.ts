// The scanner agrees with JSON.parse on what is JSON, and says where the members of a message stand.
import { describe, expect, test } from 'vitest'
import { type Members, scan as pass, skipValue, textAt } from '../../../../src/bridge/message/scan.ts'

function scan(bytes: Uint8Array) {
  const messages: (Members | undefined)[] = []
  const scanned = pass(bytes, (members) => messages.push(members) > 0)
  return scanned && { batch: scanned === 'batch', messages }
}

const SAMPLES = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[1,2.5,-3e10,true,false,null]}}}',
  '{"jsonrpc":"2.0","id":"a\\"b\\u0041\\\\","result":{"content":[{"type":"text","text":"ü€😀\\n\\t"}],"isError":false}}',
  ' [ {"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":-1,"message":""}} , {"jsonrpc":"2.0","method":"x"} ] ',
  '{"a":{"b":{"c":{"d":[[[[]]]]}}},"id":null,"\\u0069d":0,"result":{},"error":[]}',
  '[[],{},"",0,-0,1E-2,[{"id":1}]]',
]
const ALPHABET = Buffer.from('{}[]",:\\/0123456789-+.eEtrufalsn \n\r\t\0\x1fü')

/** The same numbers in every run (mulberry32). */
function randoms(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}

const valuesOf = (bytes: Uint8Array, members: Members) =>
  Object.fromEntries(Object.entries(members).map(([name, span]) => [name, JSON.parse(textAt(bytes, span))]))

const NAMES = ['jsonrpc', 'id', 'method', 'result', 'error']
const wantedOf = (value: unknown) =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? undefined
    : Object.fromEntries(Object.entries(value).filter(([name]) => NAMES.includes(name)))

/** What JSON.parse says, in the scanner's form. */
function expected(bytes: Uint8Array) {
  const value = parsed(bytes)
  if (typeof value !== 'object' || value === null) return undefined
  return { batch: Array.isArray(value), messages: [value].flat().map(wantedOf) }
}

function seen(bytes: Uint8Array) {
  const scanned = scan(bytes)
  return scanned && { ...scanned, messages: scanned.messages.map((members) => members && valuesOf(bytes, members)) }
}

test.each(SAMPLES)('agrees with JSON.parse on %s', (text) => {
  expect(seen(Buffer.from(text))).toEqual(expected(Buffer.from(text)))
  expect(seen(Buffer.from(text))).toBeDefined()
})

const LONG_SAMPLES = [300, 700].map(
  (length) => `{"id":"${'long text '.repeat(length / 10)}","result":["ü\\n${'x'.repeat(length)}\\"",{"a":[]}]}`,
)

test.each([
  ['60 000 short texts', SAMPLES, 60_000],
  ['3 000 texts with long strings', LONG_SAMPLES, 3_000],
])('agrees with JSON.parse on %s with bytes changed, left out and put in', (_, samples, rounds) => {
  const random = randoms(20251125)
  let valid = 0
  for (let round = 0; round < rounds; round++) {
    const bytes = [...Buffer.from(samples[random(samples.length)] ?? '')]
    for (let change = random(3); change >= 0; change--) {
      const byte = ALPHABET[random(ALPHABET.length)] ?? 0
      bytes.splice(random(bytes.length), random(2), ...(random(3) === 0 ? [] : [byte]))
    }
    const text = Uint8Array.from(bytes)
    const wanted = expected(text)
    if (wanted) valid++
    const found = seen(text)
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      expect(found, Buffer.from(text).toString('latin1')).toEqual(wanted)
  }
  expect(valid).toBeGreaterThan(rounds / 12)
})

test.each([0, 1, 2, 3])('long strings are scanned to their end, wherever they are in memory (offset %d)', (offset) => {
  const place = (text: string) => Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).subarray(offset)
  for (let length = 240; length < 300; length++) {
    const string = 'ü'.repeat(20) + 'x'.repeat(length)
    const text = place(`{"id":"${string}","method":"m"}`)
    expect(seen(text)).toEqual(expected(text))
    for (const special of ['\n', '\u001f', '"', '\\', '\\"']) {
      const broken = place(`{"id":"${string}${special}${string}","method":"m"}`)
      expect(seen(broken), special).toEqual(expected(broken))
    }
  }
})

describe('hostile texts', () => {
  test('a long string is scanned once, however many escapes it contains', () => {
    const text = Buffer.from(`{"id":"${`${'x'.repeat(300)}\\n`.repeat(60_000)}"}`)
    expect(scan(text)?.messages[0]?.id).toEqual({ start: 6, end: text.length - 1 })
  })

  test('a million open brackets are refused, and a million closed ones are accepted', () => {
    const deep = 1_000_000
    expect(scan(Buffer.from('['.repeat(deep)))).toBeUndefined()
    const nested = `{"result":${'['.repeat(deep)}${']'.repeat(deep)}}`
    const found = scan(Buffer.from(nested))
    expect(found?.messages[0]?.result).toEqual({ start: 10, end: nested.length - 1 })
  })

  test.each([
    ['a control character in a string', '{"id":"a\nb"}'],
    ['an unknown escape', '{"id":"\\x41"}'],
    ['a short unicode escape', '{"id":"\\u12"}'],
    ['a string without end', '{"id":"abc'],
    ['a backslash at the end', '{"id":"abc\\'],
    ['a leading zero', '{"id":01}'],
    ['a bare minus', '{"id":-}'],
    ['a point without digits', '{"id":1.}'],
    ['an exponent without digits', '{"id":1e}'],
    ['a name without quotes', '{id:1}'],
    ['a comma at the end', '{"id":1,}'],
    ['two values', '{"id":1}{"id":2}'],
    ['the wrong bracket', '{"id":[1}]'],
    ['nothing', ''],
    ['white space', ' \n'],
    ['a word cut short', '{"id":tru'],
  ])('%s is not JSON', (_, text) => {
    expect(scan(Buffer.from(text))).toBeUndefined()
    expect(parsed(Buffer.from(text))).toBeUndefined()
  })

  test('invalid UTF-8 inside a string is not JSON', () => {
    expect(scan(Buffer.from('{"id":"\xff"}', 'latin1'))).toBeUndefined()
  })
})

describe('a value of a message that was scanned', () => {
  const long = (size: number, letter = 'x') => letter.repeat(size)
  const row = { id: 4711, name: 'Ada "the first"', tags: ['engine', long(70), {}], deep: [[[[1]]]] }
  const rows = Array.from({ length: 1500 }, () => row)
  const texts = [
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: { rows, more: { rows, text: long(70_000) }, last: [1] } }),
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: [[rows], [[rows]], rows], error: {} }, null, 1),
    JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { a: rows, b: rows, c: { d: { e: { f: rows } } } } }),
    JSON.stringify([
      { jsonrpc: '2.0', id: 1, result: { rows } },
      { jsonrpc: '2.0', id: 2, result: { rows } },
    ]),
    JSON.stringify({ jsonrpc: '2.0', id: 1, result: { rows: rows.slice(0, 3) } }),
  ]
  const beginnings = (bytes: Uint8Array) =>
    [...bytes.keys()].filter((at) => '{['.includes(String.fromCharCode(bytes[at] as number)) && at % 7 < 3)

  test('ends where it does in a text that was not, whatever else was scanned and skipped between', () => {
    const scanned = texts.map((text) => Buffer.from(text))
    for (const [at, bytes] of scanned.entries()) {
      expect(scan(bytes)).toBeDefined()
      // A skip leaves nothing behind for the text that was scanned before it: here everything begins at the same places and ends later.
      const longer = Buffer.from((texts[at] as string).replaceAll('engine', 'engines'))
      for (const from of beginnings(longer).slice(0, 20)) skipValue(longer, from)
    }
    for (const [at, text] of texts.entries()) {
      const fresh = Buffer.from(text)
      const known = scanned[at] as Buffer
      const places = beginnings(fresh).slice(0, 60)
      expect(places.map((from) => skipValue(known, from))).toEqual(places.map((from) => skipValue(fresh, from)))
      expect(places.map((from) => skipValue(known, from))).toEqual(places.map((from) => skipValue(fresh, from)))
    }
  })
})
