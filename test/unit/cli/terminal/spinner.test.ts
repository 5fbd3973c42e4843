// The waiting line: only at a terminal that can move, never wider than it, and gone afterwards.
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { clockText, startSpinner } from '../../../../src/cli/terminal/spinner.ts'

function terminal(columns?: number, isTTY = true) {
  const stream = Object.assign(new PassThrough(), { isTTY, ...(columns === undefined ? {} : { columns }) })
  return { stream, said: () => String(stream.read() ?? '') }
}

const CLEAR = '\r\u001b[2K'

describe('the waiting line', () => {
  test('is drawn at once, with the cursor at its beginning, and cleared at the end', () => {
    const { stream, said } = terminal(80)
    const stop = startSpinner(stream, {}, () => 'Waiting')
    expect(said()).toBe(`${CLEAR}⠋ Waiting\r`)
    stop()
    expect(said()).toBe(CLEAR)
  })

  test.each([10, 40])('leaves the last of %d columns free', (columns) => {
    const { stream, said } = terminal(columns)
    startSpinner(stream, {}, () => 'x'.repeat(300))()
    expect(said().split(CLEAR)[1]?.replace('\r', '')).toHaveLength(columns - 1)
  })

  test.each([
    [false, {}],
    [true, { TERM: 'dumb' }],
    [true, { CI: 'true' }],
  ])('is not drawn if nobody watches (terminal %s, %j)', (isTTY, environment) => {
    const { stream, said } = terminal(80, isTTY)
    startSpinner(stream, environment, () => 'Waiting')()
    expect(said()).toBe('')
  })
})

test.each([
  [245_000, '4:05'],
  [299_001, '5:00'],
  [59_000, '0:59'],
  [0, '0:00'],
  [-5, '0:00'],
])('%d ms are %s', (ms, text) => {
  expect(clockText(ms)).toBe(text)
})
