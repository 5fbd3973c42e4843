// Colours only at a terminal, and lines that fit it.
import { describe, expect, test } from 'vitest'
import { createStyle, wrap, wrapWords } from '../../../../src/cli/terminal/style.ts'

describe('colours', () => {
  test('are used at a terminal', () => {
    expect(createStyle({ isTTY: true }, {}).good('x')).toBe('\u001b[32mx\u001b[39m')
  })

  test('are those of the stream and environment that they are for, whatever this process has', () => {
    const { isTTY } = process.stdout
    const { NO_COLOR } = process.env
    process.stdout.isTTY = false
    process.env.NO_COLOR = '1'
    try {
      const { warning, bad, dim, strong } = createStyle({ isTTY: true }, {})
      expect([warning('x'), bad('x'), dim('x'), strong('x')]).toEqual([
        '\u001b[33mx\u001b[39m',
        '\u001b[31mx\u001b[39m',
        '\u001b[2mx\u001b[22m',
        '\u001b[1mx\u001b[22m',
      ])
    } finally {
      process.stdout.isTTY = isTTY
      if (NO_COLOR === undefined) delete process.env.NO_COLOR
      else process.env.NO_COLOR = NO_COLOR
    }
  })

  test.each([
    [{ isTTY: false }, {}],
    [{}, {}],
    [{ isTTY: true }, { NO_COLOR: '1' }],
    [{ isTTY: true }, { TERM: 'dumb' }],
  ])('are not used for %j with %j', (stream, environment) => {
    expect(createStyle(stream, environment).bad('x')).toBe('x')
  })
})

describe('lines', () => {
  test('have the width of the terminal, and no limit without one', () => {
    expect(createStyle({ isTTY: true, columns: 132 }, {}).width).toBe(132)
    expect(createStyle({ isTTY: true, columns: 0 }, {}).width).toBe(80)
    expect(createStyle({ columns: 80 }, {}).width).toBe(Number.POSITIVE_INFINITY)
  })

  test.each([
    ['one two three', 8, ['one two', 'three']],
    ['short', 80, ['short']],
    ['abcdefghij', 4, ['abcd', 'efgh', 'ij']],
    ['a abcdefghij b', 4, ['a', 'abcd', 'efgh', 'ij b']],
  ])('%j at %i columns is %j', (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines)
  })

  test.each([
    ['one two three\nfour', 8, 'one two\nthree\nfour'],
    ['Open this:\nhttps://long.example/address here', 12, 'Open this:\nhttps://long.example/address here'],
    ['  a line that is set in', 8, '  a line that is set in'],
    ['no terminal at all', Number.POSITIVE_INFINITY, 'no terminal at all'],
  ])('of a text, %j at %i columns, are %j: addresses stay whole', (text, width, wrapped) => {
    expect(wrapWords(text, width)).toBe(wrapped)
  })

  test('may begin with a shorter one', () => {
    expect(wrap('one two three', 9, 5)).toEqual(['one', 'two three'])
  })
})
