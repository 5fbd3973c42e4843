// The `x-mcp-header` declarations of one tool: checks them, and says where in its arguments the values stand (MCP 2026-07-28, "Schema Extension").
import type { Wanted } from '../message/walk.ts'

export interface Declared {
  /** Where the values stand in the arguments, by slots. */
  readonly wanted: Wanted
  /** The names of the headers by slots, without the prefix. */
  readonly headers: readonly string[]
  /** Characters of all names, and 0 where nothing is declared. */
  readonly size: number
}

const KEYWORD = 'x-mcp-header'
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const TYPES = new Set<unknown>(['string', 'integer', 'boolean'])
/** Steps to a property; nobody needs more, and each is walked on every call. */
const DEEPEST = 100

/** Keywords whose value is a schema, or a list of them, that a declaration must not stand in. */
const SCHEMAS =
  `items prefixItems additionalItems contains additionalProperties unevaluatedProperties unevaluatedItems propertyNames
  contentSchema oneOf anyOf allOf not if then else`.split(/\s+/)
/** Keywords whose value has such schemas by name. */
const SCHEMAS_BY_NAME = ['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions']

/** A property on the way from the root of the schema. */
interface Step {
  readonly name: string
  readonly parent: Step | undefined
  readonly depth: number
}

interface Place {
  readonly schema: unknown
  /** 'elsewhere': it is not reached by `properties` alone. */
  readonly at: Step | 'root' | 'elsewhere'
}

/** `inputSchema`: as JSON.parse makes it, of any depth. Returns what is wrong, in words, where a declaration breaks a rule. */
export function declaredIn(inputSchema: unknown): Declared | string {
  const wanted: Tree = new Map()
  const headers: string[] = []
  const seen = new Set<string>()
  let size = 0
  const places: Place[] = [{ schema: inputSchema, at: 'root' }]
  for (let place = places.pop(); place; place = places.pop()) {
    const { schema, at } = place
    if (!isObject(schema)) continue
    if (Object.hasOwn(schema, KEYWORD)) {
      const header = schema[KEYWORD]
      const wrong = fault(header, schema.type, at, seen)
      if (wrong !== undefined) return wrong
      const path = pathOf(at)
      put(wanted, path, headers.push(String(header)) - 1)
      seen.add(String(header).toLowerCase())
      size += path.reduce((sum, name) => sum + name.length, String(header).length)
    }
    for (const inner of below(schema, at)) places.push(inner)
  }
  return { wanted, headers, size }
}

function fault(header: unknown, type: unknown, at: Place['at'], seen: ReadonlySet<string>): string | undefined {
  if (at === 'elsewhere' || at === 'root') return `${KEYWORD} stands where properties alone do not lead.`
  if (typeof header !== 'string' || !TOKEN.test(header))
    return `${KEYWORD} is not the name of a header (RFC 9110 token).`
  if (!TYPES.has(type)) return `${KEYWORD} is on a property that is not of type string, integer or boolean.`
  if (seen.has(header.toLowerCase())) return `Two properties have the same ${KEYWORD}.`
  return at.depth > DEEPEST ? `${KEYWORD} is nested more than ${DEEPEST} levels deep.` : undefined
}

/** The schemas inside a schema. */
function below(schema: Readonly<Record<string, unknown>>, at: Place['at']): readonly Place[] {
  const parent = typeof at === 'string' ? undefined : at
  const properties = entriesOf(schema.properties).map(([name, inner]): Place => {
    const depth = (parent?.depth ?? 0) + 1
    return { schema: inner, at: at === 'elsewhere' ? at : { name, parent, depth } }
  })
  const others = [
    ...SCHEMAS.flatMap((keyword) => own(schema, keyword)),
    ...SCHEMAS_BY_NAME.flatMap((keyword) => entriesOf(schema[keyword]).map(([, inner]) => inner)),
  ]
  return [...properties, ...others.map((inner): Place => ({ schema: inner, at: 'elsewhere' }))]
}

const own = (schema: Readonly<Record<string, unknown>>, keyword: string): readonly unknown[] =>
  Object.hasOwn(schema, keyword) ? [schema[keyword]].flat() : []

const entriesOf = (value: unknown) => (isObject(value) ? Object.entries(value) : [])

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function pathOf(at: Place['at']): readonly string[] {
  const path: string[] = []
  for (let step = typeof at === 'string' ? undefined : at; step; step = step.parent) path.unshift(step.name)
  return path
}

type Tree = Map<string, { slot?: number; below?: Tree }>

function put(tree: Tree, [name = '', ...rest]: readonly string[], slot: number): void {
  const entry = tree.get(name) ?? {}
  tree.set(name, entry)
  if (rest.length === 0) entry.slot = slot
  else {
    entry.below ??= new Map()
    put(entry.below, rest, slot)
  }
}
