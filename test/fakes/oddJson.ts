// JSON texts that a server could put in the place of any value: of any type, and every number that has broken a timer, a date or a sum.
import fc from 'fast-check'

export const ODD_NUMBERS = [
  ...['0', '-0', '-1', '0.5', '1', '1.5', '3600', '4294968', '2147483648', '4294967296', '9007199254740993'],
  ...['1e15', '8640000000001', '1e308', '-1e308', '1e999', '-1e999', '5e-324'],
]
export const ODD_JSON = [
  ...ODD_NUMBERS,
  ...ODD_NUMBERS.map((number) => `"${number}"`),
  ...[
    'null',
    'true',
    'false',
    '""',
    '" "',
    '"NaN"',
    '"Infinity"',
    '"0x10"',
    '"1,5"',
    '"2031-01-01T00:00:00Z"',
    '"\\u0000"',
  ],
  ...[
    '[]',
    '{}',
    '[null]',
    '["a","b"]',
    '["none"]',
    '{"toString":1,"valueOf":1}',
    '[{"toString":null}]',
    '{"__proto__":{"a":1}}',
  ],
  ...['"x\\ny"', '"\\u202e\\u001b]52;c;eA==\\u0007"', '"\\ud800"', '"http://127.0.0.1:1/"', '"javascript:alert(1)"'],
  `"${'x'.repeat(70_000)}"`,
  '['.repeat(20_000) + ']'.repeat(20_000),
]

export const oddJson = fc.oneof(
  fc.constantFrom(...ODD_JSON),
  fc.jsonValue().map((value) => JSON.stringify(value)),
)

/** The text of `good` with other JSON in the place of some of its members, or beside them. */
export function written(good: Readonly<Record<string, unknown>>, odd: Readonly<Record<string, string>>): string {
  const whole = Object.fromEntries(Object.entries(good).map(([name, value]) => [name, JSON.stringify(value)]))
  const members = Object.entries({ ...whole, ...odd }).map(([name, text]) => `${JSON.stringify(name)}:${text}`)
  return `{${members.join(',')}}`
}

/** Some of `names`, each with odd JSON. */
export const oddMembers = (names: readonly string[]) =>
  fc.dictionary(fc.constantFrom(...names), oddJson, { maxKeys: 3 })
