// What reaches a terminal, and how JSON spells what must not.
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { onlyPrintable, printable, printableJson } from '../../../../src/system/log/printable.ts'

const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

test('any text is printed without control characters, except line breaks', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text, 'elsewhere').replaceAll('\n', '')).not.toMatch(UNSAFE)
    }),
  )
})

test('any JSON value keeps its value, and its text has no control characters', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      for (const indent of [undefined, 2]) {
        const text = printableJson(value, indent)
        expect(text.replaceAll('\n', '')).not.toMatch(UNSAFE)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
      }
    }),
  )
})

test.each([
  '\u001b[1mbold\u001b[22m \u001b[32mgood\u001b[39m\n',
  '\r\u001b[2K⠋ waiting\r',
  '\r\u001b[Ktls …',
  '\u001b[H\u001b[2Jpage\n',
  'see \u001b]8;;file:///usr/lib/x/docs/errors.md#tls_failed\u001b\\tls_failed\u001b]8;;\u001b\\)\n',
  '\u001b[97;40m▀▄\u001b[0m\n',
])('our own %j is printed at a terminal, and nowhere else', (text) => {
  expect(printable(text, 'terminal')).toBe(text)
  expect(printable(text, 'elsewhere').replaceAll('\n', '')).not.toMatch(UNSAFE)
})

test.each([
  'name \u001b[2J\u001b[H',
  'x\r\u001b[2Khint: paste this',
  '\u001b[8mhidden',
  '\u001b[?1049h',
  '\u001b]52;c;aA==\u0007',
  '\u009d52;c;aA==\u009c',
  '\u001bP+q\u001b\\',
  '\u001b]8;;https://evil.example\u001b\\internal\u001b]8;;\u001b\\',
  '\u001b]8;;file:///x/docs/errors.md#internal\u001b\\click_here\u001b]8;;\u001b\\',
  '\u001b]0;title\u0007',
  'a\tb\u202e\u200b\ufeff',
])('%j is not printed at a terminal', (text) => {
  expect(printable(text, 'terminal')).not.toMatch(UNSAFE)
})

test('a stream that is wrapped otherwise behaves the same, also for bytes', () => {
  const written: string[] = []
  const stream = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        written.push(String(chunk))
        done()
      },
    }),
    { isTTY: true, columns: 77 },
  )
  const wrapped = onlyPrintable(stream)
  wrapped.write('a\u009bb\n')
  wrapped.write(Buffer.from('c\u0007d'))
  expect(written).toEqual(['a b\n', 'c d'])
  expect([wrapped.isTTY, wrapped.columns, wrapped.writableLength]).toEqual([true, 77, 0])
})
