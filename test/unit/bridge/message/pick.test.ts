// Single values out of the bytes are those that JSON.parse would give, and gathered pieces are the bytes that came.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  eachElement,
  eachMember,
  eachMessage,
  find,
  stringIn,
  valueIn,
  whole,
} from '../../../../src/bridge/message/pick.ts'
import { Pieces } from '../../../../src/bridge/message/pieces.ts'

const bytesOf = (text: string) => Buffer.from(text)
const spaced = (value: unknown) => JSON.stringify(value, undefined, 1)

describe('a picked value', () => {
  test('equals that of JSON.parse, for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, wide) => {
        const bytes = bytesOf(wide ? ` ${spaced(value)}` : JSON.stringify(value))
        const all = whole(bytes)
        expect(valueIn(bytes, all, bytes.length)).toEqual(JSON.parse(bytes.toString()))
        const elements: unknown[] = []
        eachElement(bytes, all, (at) => void elements.push(valueIn(bytes, at, bytes.length)))
        const members: [string, unknown][] = []
        eachMember(bytes, all, (name, at) => void members.push([name, valueIn(bytes, at, bytes.length)]))
        const parsed = JSON.parse(bytes.toString()) as unknown
        expect(elements).toEqual(Array.isArray(parsed) ? parsed : [])
        const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
        expect(members).toEqual(isObject ? Object.entries(parsed) : [])
      }),
    )
  })

  test.each([
    ['{"a":{"b":1},"a":{"b":2}}', 2],
    ['{"a":{"b":1,"b":[]}}', []],
    ['{"\\u0061":{ "b" : "\\u0062" } }', 'b'],
    ['{"a":{"b":1},"a":7}', undefined],
    ['{"a":[{"b":1}]}', undefined],
    ['{"a":null}', undefined],
    ['[]', undefined],
    ['7', undefined],
  ])('at a.b of %s is %j', (text, wanted) => {
    const bytes = bytesOf(text)
    expect(valueIn(bytes, find(bytes, ['a', 'b']))).toEqual(wanted)
  })

  test('is not read if it is too long, or not a text', () => {
    const bytes = bytesOf('{"a":"12345","b":[1]}')
    expect(stringIn(bytes, find(bytes, ['a']), 7)).toBe('12345')
    expect(stringIn(bytes, find(bytes, ['a']), 6)).toBeUndefined()
    expect(stringIn(bytes, find(bytes, ['b']))).toBeUndefined()
    expect(valueIn(bytes, find(bytes, ['b']), 2)).toBeUndefined()
  })

  test('of a batch is that of each message', () => {
    const ids: unknown[] = []
    const bytes = bytesOf(' [ {"id":1} , {"id":2} ] ')
    eachMessage(bytes, (one) => void ids.push(valueIn(bytes, find(bytes, ['id'], one))))
    expect(ids).toEqual([1, 2])
  })
})

test('pieces of any size and origin are returned as they came', () => {
  const piece = fc
    .tuple(fc.nat(20_000), fc.nat(9000))
    .map(([size, from]) => new Uint8Array(30_000).fill(size).subarray(from, from + size))
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), piece), { maxLength: 30 }), (given) => {
      const pieces = new Pieces()
      for (const again of [1, 2]) {
        for (const one of given) pieces.add(one)
        expect(pieces.size).toBe(given.reduce((sum, { byteLength }) => sum + byteLength, 0))
        expect(Buffer.compare(pieces.take(), Buffer.concat(given)), String(again)).toBe(0)
        expect(pieces.size).toBe(0)
      }
    }),
  )
})
