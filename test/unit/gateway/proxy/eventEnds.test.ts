// Between two events, however they are cut into pieces.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EventEnds } from '../../../../src/gateway/proxy/eventEnds.ts'

const after = (...pieces: readonly string[]) => {
  const ends = new EventEnds()
  for (const piece of pieces) ends.push(Buffer.from(piece))
  return ends
}

describe('a comment may stand', () => {
  test.each([
    '',
    '\n',
    'data: 1\n\n',
    'data: 1\r\n\r\n',
    'data: 1\r\r',
    'id: 1\n\n',
    ': comment\n',
    'data: 1\n\n: c\r\n',
    '\ufeff\n',
  ])('after %j', (text) => expect(after(text).between).toBe(true))

  test.each([
    'd',
    ':',
    ': comment',
    'data: 1',
    'data: 1\n',
    'data: 1\r\n',
    'data: 1\n: c\n',
    'id: 1\n',
    'data\n',
    '\ufeff',
  ])('not after %j', (text) => expect(after(text).between).toBe(false))
})

test('the first event that has data has a type, in whatever pieces the stream comes', () => {
  const lines = fc.constantFrom(
    'data: 1',
    'data',
    'event: endpoint',
    'event:message',
    'event',
    'id: 7',
    ': c',
    'retry: 1',
    '',
    'x'.repeat(100),
  )
  const breaks = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(
      fc.array(fc.tuple(lines, breaks), { maxLength: 12 }),
      fc.array(fc.nat(40), { maxLength: 30 }),
      (all, cuts) => {
        const text = all.map(([line, end]) => line + end).join('')
        const pieces: string[] = []
        let from = 0
        for (const cut of cuts) {
          pieces.push(text.slice(from, from + cut))
          from += cut
        }
        const [whole, cut] = [after(text), after(...pieces, text.slice(from))]
        expect([cut.between, cut.first]).toEqual([whole.between, whole.first])
        expect(whole.first).toBe(firstType(text))
      },
    ),
  )
})

/** By the words of WHATWG HTML section 9.2.6. */
function firstType(text: string): string | undefined {
  let [type, hasData] = ['', false]
  for (const line of text.split(/\r\n|\r|\n/).slice(0, -1)) {
    if (line === '' && hasData) return type
    if (line === '') [type, hasData] = ['', false]
    const [, name, value = ''] = /^([^:]*)(?::[ ]?(.*))?$/.exec(line) ?? []
    if (name === 'data') hasData = true
    if (name === 'event') type = value
  }
  return undefined
}
