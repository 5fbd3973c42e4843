// Bytes → lines, at every chunk boundary.
import { describe, expect, test } from 'vitest'
import { createLineReader } from '../../../../src/bridge/host/stdin.ts'

function read(limit: number, chunks: readonly (string | Uint8Array)[], end = true) {
  const lines: string[] = []
  const tooLong: Uint8Array[] = []
  const events: string[] = []
  const reader = createLineReader(
    limit,
    (line) => {
      lines.push(Buffer.from(line).toString('utf8'))
      events.push('line')
    },
    (start) => {
      tooLong.push(Buffer.from(start))
      events.push('too long')
    },
  )
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  if (end) reader.end()
  return { lines, tooLong, events }
}

describe('the line reader', () => {
  const text = '{"a":1}\n{"b":"zwölf €"}\r\n\n{"c":"😀"}\nlast'
  const expected = ['{"a":1}', '{"b":"zwölf €"}\r', '{"c":"😀"}', 'last']

  test('returns the same lines wherever the bytes are cut', () => {
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(read(100, [bytes.subarray(0, cut), bytes.subarray(cut)]).lines).toEqual(expected)
    }
  })

  test('returns the same lines when every byte arrives alone', () => {
    const bytes = [...Buffer.from(text)].map((byte) => Uint8Array.of(byte))
    expect(read(100, bytes).lines).toEqual(expected)
  })

  test('returns a last line without a line feed only when the stream ends', () => {
    expect(read(100, ['one\ntwo'], false).lines).toEqual(['one'])
    expect(read(100, ['one\ntwo']).lines).toEqual(['one', 'two'])
  })

  test('returns nothing more at the end when the last line had its line feed', () => {
    expect(read(100, ['one\n']).lines).toEqual(['one'])
  })

  test('skips empty lines', () => {
    expect(read(100, ['\n\n\none\n\n']).lines).toEqual(['one'])
  })

  test('makes a line over the limit fail alone, in its place', () => {
    const { lines, tooLong, events } = read(5, ['one\n123456\ntwo\n'])
    expect(lines).toEqual(['one', 'two'])
    expect(tooLong.map(String)).toEqual(['123456'])
    expect(events).toEqual(['line', 'too long', 'line'])
  })

  test('accepts a line of exactly the limit', () => {
    expect(read(5, ['12345\n', '12', '345\n']).lines).toEqual(['12345', '12345'])
  })

  test('reports an endless line once, however many chunks it has', () => {
    const { lines, tooLong } = read(10, [...Array.from({ length: 50 }, () => 'xxxxxxxx'), '\nnext\n'])
    expect(tooLong).toHaveLength(1)
    expect(lines).toEqual(['next'])
  })

  test('reports a last line over the limit at the end of the stream', () => {
    expect(read(5, ['1234567']).tooLong).toHaveLength(1)
  })

  test('keeps no more than the first and the last 64 KiB of a line over the limit', () => {
    const { tooLong } = read(100_000, ['a'.repeat(70_000), 'b'.repeat(70_000), 'c'.repeat(70_000), '\n'])
    expect(String(tooLong[0])).toBe('a'.repeat(65_536) + 'c'.repeat(65_536))
  })

  test('keeps the whole of a line just over a small limit', () => {
    expect(read(5, ['1234', '5678', '90\n']).tooLong.map(String)).toEqual(['1234567890'])
  })

  test('keeps a line of 12 MB that arrives in pipe-sized chunks', () => {
    const line = Buffer.alloc(12 * 1024 * 1024, 'abcdefghijklmnop')
    const chunks: Uint8Array[] = []
    for (let at = 0; at < line.length; at += 65_536) chunks.push(line.subarray(at, at + 65_536))
    let received: Uint8Array | undefined
    const reader = createLineReader(
      16 * 1024 * 1024,
      (found) => {
        received = found
      },
      () => undefined,
    )
    for (const chunk of chunks) reader.push(chunk)
    reader.push(Buffer.from('\n'))
    expect(received && Buffer.compare(received, line)).toBe(0)
  })
})
