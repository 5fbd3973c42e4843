// The parameters of a statement, as PostgreSQL numbers them: `?` and `:name` become `$1`, `$2`
import type { Value, Values } from '../sql.ts'
import { PARTS } from '../values/parameters.ts'

export interface Prepared {
  readonly text: string
  /** The values in the order of their numbers; undefined where there are none, so that a text may hold several statements. */
  readonly order: (values: Values) => (string | number | null)[] | undefined
}

export interface Statements {
  readonly prepared: (sql: string) => Prepared
}

/** Each text is read once: the stores have a fixed number of them, but for lists of columns. */
const MOST_TEXTS = 1_000

export function createStatements(): Statements {
  const known = new Map<string, Prepared>()
  return {
    prepared(sql) {
      const found = known.get(sql)
      if (found) return found
      if (known.size >= MOST_TEXTS) known.clear()
      const made = prepare(sql)
      known.set(sql, made)
      return made
    },
  }
}

function prepare(sql: string): Prepared {
  const names: string[] = []
  let positions = 0
  const text = sql.replace(PARTS, (part: string, _tag: string | undefined, name: string | undefined) => {
    if (part === '?') return `$${++positions}`
    if (name === undefined) return part
    if (!names.includes(name)) names.push(name)
    return `$${names.indexOf(name) + 1}`
  })
  return {
    text,
    order(values) {
      const [first] = values
      if (names.length > 0) return named(names, first)
      if (values.length !== positions) throw new TypeError('The statement has another number of parameters.')
      return values.length === 0 ? undefined : values.map((value) => sent(value as Value))
    },
  }
}

function named(names: readonly string[], values: Values[number] | undefined): (string | number | null)[] {
  const given = Object(values) as Readonly<Record<string, Value>>
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown !== undefined) throw new TypeError(`The statement has no parameter :${unknown}.`)
  return names.map((name) => sent(given[name]))
}

function sent(value: Value | undefined): string | number | null {
  if (value === undefined) throw new TypeError('A parameter of the statement has no value.')
  return value instanceof Date ? value.toISOString() : value
}
