// One look at a message: its kind, its id's own text, and the bytes untouched.
import { describe, expect, test } from 'vitest'
import { guessId, guessIdAtEnd, parseMessage, toOneLine, withoutBom } from '../../../../src/bridge/message/message.ts'
import { eachMember, whole } from '../../../../src/bridge/message/pick.ts'

const see = (text: string) => parseMessage(Buffer.from(text))

describe('the kind of a message', () => {
  test.each([
    ['request', '{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ['request', '{"method":"ping","params":{},"id":"a","jsonrpc":"2.0"}'],
    ['notification', '{"jsonrpc":"2.0","method":"notifications/initialized"}'],
    ['response', '{"jsonrpc":"2.0","id":1,"result":{}}'],
    ['response', '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}'],
    ['response', '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}'],
    ['batch', '[{"jsonrpc":"2.0","method":"a"}]'],
  ])('is %s for %s', (kind, text) => {
    expect(see(text)?.kind).toBe(kind)
  })

  test.each([
    ['nothing', ''],
    ['broken JSON', '{"jsonrpc":"2.0","id":1,'],
    ['two texts', '{"jsonrpc":"2.0","method":"a"} {"jsonrpc":"2.0","method":"b"}'],
    ['a number', '1'],
    ['null', 'null'],
    ['a string', '"2.0"'],
    ['no version', '{"id":1,"method":"ping"}'],
    ['version 1.0', '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['version as a number', '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
    ['a method that is no text', '{"jsonrpc":"2.0","id":1,"method":7}'],
    ['a request with id null', '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
    ['an id that is a boolean', '{"jsonrpc":"2.0","id":true,"method":"ping"}'],
    ['neither method nor result', '{"jsonrpc":"2.0","id":1}'],
    ['a result without an id', '{"jsonrpc":"2.0","result":{}}'],
    ['an empty batch', '[]'],
    ['a batch with a stranger in it', '[{"jsonrpc":"2.0","method":"a"},1]'],
    ['a batch in a batch', '[[{"jsonrpc":"2.0","method":"a"}]]'],
    ['comments', '{"jsonrpc":"2.0","method":"a"} // b'],
    ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"a"}'],
  ])('is undefined for %s', (_, text) => {
    expect(see(text)).toBeUndefined()
  })

  test('is undefined for invalid UTF-8', () => {
    const text = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"?"}')
    text[text.indexOf(0x3f)] = 0xff
    expect(parseMessage(text)).toBeUndefined()
  })

  test('is undefined for UTF-8 cut in the middle of a character', () => {
    expect(parseMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"€"}').subarray(0, -3))).toBeUndefined()
  })
})

test.each([
  ['"result":{}', false],
  ['"error":{"code":1,"message":"x"}', true],
  ['"error":null,"result":{}', false],
  ['"result":null,"error":null', false],
  ['"result":null,"error":{"code":1,"message":"x"}', true],
  ['"error":null', true],
])('an answer with %s is a failure: %s', (members, failed) => {
  expect(see(`{"jsonrpc":"2.0","id":1,${members}}`)?.failed).toBe(failed)
})

describe('the id of a message', () => {
  test.each([
    ['1', '1'],
    ['0', '0'],
    ['-7', '-7'],
    ['9007199254740991', '9007199254740991'],
    ['9007199254740993', '9007199254740993'],
    ['12345678901234567890', '12345678901234567890'],
    ['-12345678901234567890', '-12345678901234567890'],
    ['1.5', '1.5'],
    ['1e400', '1e400'],
    ['"a"', '"a"'],
    ['""', '""'],
    ['"1"', '"1"'],
    ['"\\u0061\\"b"', '"a\\"b"'],
    ['"ü"', '"ü"'],
  ])('%s is kept as %s', (raw, kept) => {
    expect(see(`{"jsonrpc":"2.0","id":${raw},"method":"ping"}`)?.asks).toEqual([kept])
    expect(see(`{"jsonrpc":"2.0","id":${raw},"result":{}}`)?.answers).toEqual([kept])
  })

  test('beyond 2^53 keeps its text also when an "id" stands nested before it', () => {
    const text =
      '{"jsonrpc":"2.0","method":"tools/call","params":{"id":5,"list":[{"id":6}],"text":"\\"id\\": 8 } ]"},"id" : 12345678901234567890}'
    expect(see(text)?.asks).toEqual(['12345678901234567890'])
  })

  test('beyond 2^53 keeps its text when a value before it is the word "id"', () => {
    expect(see('{"jsonrpc":"2.0","method":"id","id":12345678901234567890}')?.asks).toEqual(['12345678901234567890'])
  })

  test.each([
    ['plain text', 'a'.repeat(12 * 1024 * 1024)],
    ['escapes', '\\n'.repeat(6 * 1024 * 1024)],
    ['brackets', '[{]}'.repeat(3 * 1024 * 1024)],
  ])('beyond 2^53 keeps its text in a message with 12 MB of %s', (_, big) => {
    const text = `{"jsonrpc":"2.0","method":"x","params":{"text":"${big}"},"id":12345678901234567890}`
    expect(see(text)?.asks).toEqual(['12345678901234567890'])
  })

  test('is the last of two when the key is given twice, as for every JSON parser', () => {
    expect(see('{"jsonrpc":"2.0","id":1,"method":"a","id":2}')?.asks).toEqual(['2'])
  })

  test('is the last of two beyond 2^53 when the key is given twice', () => {
    const text = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"a","id":98765432109876543210}'
    expect(see(text)?.asks).toEqual(['98765432109876543210'])
  })

  test('null of an error answer is kept as null', () => {
    expect(see('{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}')?.answers).toEqual(['null'])
  })

  test('is undefined for a notification', () => {
    const message = see('{"jsonrpc":"2.0","method":"a"}')
    expect([message?.asks, message?.answers]).toEqual([[], []])
  })
})

describe('a batch', () => {
  test('asks with its requests and answers with its responses', () => {
    const batch = see(
      '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"},{"jsonrpc":"2.0","id":"x","result":1},{"jsonrpc":"2.0","id":2,"method":"c"}]',
    )
    expect(batch?.asks).toEqual(['1', '2'])
    expect(batch?.answers).toEqual(['"x"'])
    expect(batch?.method).toBeUndefined()
  })

  test('keeps the text of ids beyond 2^53', () => {
    expect(see('[{"jsonrpc":"2.0","id":12345678901234567890,"method":"a"}]')?.asks).toEqual(['12345678901234567890'])
  })
})

describe('the bytes of a message', () => {
  test('are those that arrived, key order, spaces and unknown fields included', () => {
    const raw = Buffer.from(' {"zz":1e2, "jsonrpc":"2.0","method":"a",  "params":{"n":12345678901234567890}} ')
    expect(parseMessage(raw)?.bytes).toBe(raw)
  })

  test('lose a byte order mark', () => {
    const message = parseMessage(Buffer.from('\ufeff{"jsonrpc":"2.0","id":1,"method":"a"}'))
    expect(Buffer.from(message?.bytes ?? []).toString('utf8')).toBe('{"jsonrpc":"2.0","id":1,"method":"a"}')
  })

  test('lose no more than one byte order mark', () => {
    expect([...withoutBom(Buffer.from('\ufeff\ufeffa'))]).toEqual([0xef, 0xbb, 0xbf, 0x61])
    expect([...withoutBom(Uint8Array.of(0xef, 0xbb))]).toEqual([0xef, 0xbb])
  })
})

describe('hostile JSON', () => {
  test('with __proto__ changes no prototype', () => {
    const message = see('{"jsonrpc":"2.0","id":1,"method":"a","__proto__":{"polluted":true},"constructor":{}}')
    expect(message?.kind).toBe('request')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
    const names: string[] = []
    if (message) eachMember(message.bytes, whole(message.bytes), (name) => void names.push(name))
    expect(names).not.toContain('polluted')
  })

  test('cannot set its id or version through __proto__', () => {
    expect(see('{"__proto__":{"jsonrpc":"2.0","id":1},"method":"a"}')).toBeUndefined()
    expect(see('{"jsonrpc":"2.0","method":"a","__proto__":{"id":1}}')?.kind).toBe('notification')
  })

  test('nested a hundred thousand deep is still read', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const message = see(`{"jsonrpc":"2.0","method":"a","params":${deep},"id":12345678901234567890}`)
    expect(message === undefined || message.asks[0] === '12345678901234567890').toBe(true)
    expect(see(deep)).toBeUndefined()
  })
})

describe('one line', () => {
  test('has spaces in place of line breaks between tokens, and the same value', () => {
    const pretty = '{\r\n  "jsonrpc": "2.0",\n  "method": "a\\nb",\r  "id": 1\n}'
    const line = Buffer.from(toOneLine(Buffer.from(pretty))).toString('utf8')
    expect(line).not.toMatch(/[\r\n]/)
    expect(JSON.parse(line)).toEqual({ jsonrpc: '2.0', method: 'a\nb', id: 1 })
  })

  test('is the very same bytes when there was no line break', () => {
    const bytes = Buffer.from('{"a":"ü\u2028"}')
    expect(toOneLine(bytes)).toBe(bytes)
  })

  test('does not change the given bytes', () => {
    const bytes = Buffer.from('[\n1]')
    toOneLine(bytes)
    expect(bytes.toString()).toBe('[\n1]')
  })
})

describe('a guessed id', () => {
  const guess = (text: string) => guessId(Buffer.from(text))
  test.each([
    ['{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":"', '7'],
    ['{"method":"tools/call","jsonrpc":"2.0","id":"a\\"b","params":', '"a\\"b"'],
    [' { "id" : -12345678901234567890 , "method" : "x', '-12345678901234567890'],
  ])('is found at the top of %s', (text, id) => {
    expect(guess(text)).toBe(id)
  })

  test.each([
    ['the answer of the host to the server', '{"jsonrpc":"2.0","id":7,"result":{"x":"'],
    ['an id that may be nested', '{"method":"a","params":{"id":7,'],
    ['a notification', '{"jsonrpc":"2.0","method":"a","params":{'],
    ['an id inside a text', '{"method":"a","params":"x,\\"id\\":7}'],
    ['a number that is no JSON', '{"id":007,"method":"a"}'],
    ['a text that is no JSON', '{"id":"\\q","method":"a"}'],
    ['noise', 'hello "method": "id": 5'],
  ])('is undefined for %s', (_, text) => {
    expect(guess(text)).toBeUndefined()
  })

  test.each([
    ['{"method":"tools/call","params":{"x":"…"},"jsonrpc":"2.0","id":3}', '3'],
    ['{"method":"tools/call","params":{"x": …},"id":"a b" , "jsonrpc":"2.0" }', '"a b"'],
  ])('is found at the end of %s', (text, id) => {
    expect(guessIdAtEnd(Buffer.from(text))).toBe(id)
  })

  test.each([
    ['something nested', '{"method":"a","params":{"x":[…],"id":7}}'],
    ['a text', '{"method":"a","params":"x,\\"id\\":7}'],
    ['an answer', '{"result":{"x":"…"},"jsonrpc":"2.0","id":7}'],
  ])('is undefined at the end of %s', (_, text) => {
    expect(guessIdAtEnd(Buffer.from(text))).toBeUndefined()
  })
})
