// An address as a QR code for a terminal: its shape, and its colours whatever the terminal's.
import { expect, test } from 'vitest'
import { qrCode } from '../../../../src/system/person/qrCode.ts'

const ADDRESS = 'https://as.example/device?user_code=ABCD-1234'
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are what is looked at
const FRAME = /^\u001b\[97;40m(.*)\u001b\[0m$/
const linesOf = (text: string) => text.split('\n').map((line) => FRAME.exec(line)?.[1] ?? 'no colours of its own')

/** Light modules of both rows that a line of half blocks holds. */
const modules = (lines: readonly string[]) =>
  lines.flatMap((line) => [[...line].map((half) => '█▀'.includes(half)), [...line].map((half) => '█▄'.includes(half))])

test('it is a square with a light border and a finder pattern in three corners', () => {
  const lines = linesOf(qrCode(ADDRESS))
  const size = lines[0]?.length ?? 0
  expect(lines.every((line) => line.length === size)).toBe(true)
  const rows = modules(lines).slice(0, size)
  expect(rows[0]?.every(Boolean) && rows[1]?.every(Boolean)).toBe(true)
  const ring = (row: number, column: number) =>
    rows[row + 1]?.slice(column, column + 7).map((light) => (light ? '.' : '#'))
  for (const [row, column] of [
    [2, 2],
    [2, size - 9],
    [size - 9, 2],
  ] as const)
    expect(ring(row, column)?.join('')).toBe('#.....#')
  expect(ring(size - 9, size - 9)?.join('')).not.toBe('#.....#')
})

test('another address gives another code', () => {
  expect(qrCode(ADDRESS)).not.toBe(qrCode(`${ADDRESS}5`))
})
