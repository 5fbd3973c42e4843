// Random JSON texts as no serializer writes them: names twice and with escapes, white space everywhere, numbers beyond any double.
import fc from 'fast-check'

const space = fc.constantFrom('', '', '', ' ', '\n', '\t\r ', '  ')
const number = fc.constantFrom('0', '-0', '1', '-1.50', '1e400', '1E-2', '12345678901234567890', '0.1000')

/** A string as JSON text, some of its characters as escapes. */
export const quoted = (text: string): fc.Arbitrary<string> =>
  fc.infiniteStream(fc.integer({ min: 0, max: 3 })).map((choices) => {
    const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
    const isPlain = (unit: number) => unit >= 32 && unit < 127 && unit !== 34 && unit !== 92
    const written = units.map((unit) => {
      const escaped = choices.next().value === 0 || !isPlain(unit)
      return escaped ? `\\u${unit.toString(16).padStart(4, '0')}` : String.fromCharCode(unit)
    })
    return `"${written.join('')}"`
  })

const string = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.string({ unit: 'binary', maxLength: 6 }).chain(quoted),
  fc.constantFrom('"\\ud800"', '"}"', '"\\"],{"', '"\\\\"'),
)
const scalar = fc.oneof(number, string, fc.constantFrom('true', 'false', 'null'))

/** The text of any object, sometimes of another value; most of its members have one of `names`. */
export function jsonText(names: readonly string[]): fc.Arbitrary<string> {
  const name = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...names).chain(quoted) }, string)
  const { value } = fc.letrec<{ value: string; object: string; array: string; member: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      scalar,
      { weight: 4, arbitrary: tie('object') },
      { weight: 1, arbitrary: tie('array') },
    ),
    member: fc
      .tuple(space, name, space, space, tie('value'), space)
      .map(([a, b, c, d, e, f]) => `${a}${b}${c}:${d}${e}${f}`),
    object: fc
      .tuple(fc.array(tie('member'), { maxLength: 5 }), space)
      .map(([all, empty]) => `{${all.join(',') || empty}}`),
    array: fc
      .tuple(fc.array(fc.tuple(space, tie('value'), space), { maxLength: 3 }), space)
      .map(([all, empty]) => `[${all.map((one) => one.join('')).join(',') || empty}]`),
  }))
  return fc.tuple(space, value, space).map((parts) => parts.join(''))
}
