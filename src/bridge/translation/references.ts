// Moves a JSON Schema to another place in its document: references to the whole of it, or to a part by its path, follow.
import type { Edit } from '../message/edits.ts'
import { type Bytes, stringIn } from '../message/pick.ts'
import { type Span, skipValue } from '../message/scan.ts'
import { isArrayAt, isObjectAt, nameAt, pluck, walk, walkArray } from '../message/walk.ts'

/** Their values are data: what looks like a reference there is none. */
const DATA = new Set(['const', 'enum', 'default', 'examples'])
/** Their values have schemas by names that the author chose. */
const BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'])
/** References deeper than this stay: nobody writes such a schema by hand, and no nesting may exhaust the stack. */
const DEEPEST = 500
const DRAFT_2019 = /^https?:\/\/json-schema\.org\/draft\/2019-09\/schema#?$/

/**
 * The edits for the schema at `natural`, when it is to stand at the JSON Pointer fragment `place`. A part with a base of its own
 * (`$id`) stays as it is (JSON Schema 2020-12, Core section 8.2.1), as do references to anchors and other documents.
 */
export function moveReferences(bytes: Bytes, natural: Span, place: string): readonly Edit[] {
  const [schema, anchor] = pluck(bytes, ROOT, natural)
  const isRecursive = DRAFT_2019.test(stringIn(bytes, schema) ?? '') && !(anchor && bytes[anchor.start] === LETTER_T)
  const edits: Edit[] = []
  inSchema({ bytes, edits, place, isRecursive }, natural.start, 0)
  return edits
}

const ROOT = new Map([
  ['$schema', { slot: 0 }],
  ['$recursiveAnchor', { slot: 1 }],
])
const LETTER_T = 116

interface Move {
  readonly bytes: Bytes
  readonly edits: Edit[]
  readonly place: string
  /** `$recursiveRef` means the root (JSON Schema 2019-09, Core section 8.2.4.2.1). */
  readonly isRecursive: boolean
}

/** Returns the index after the value. */
function inSchema(move: Move, start: number, depth: number): number {
  const { bytes, edits } = move
  if (depth > DEEPEST) return skipValue(bytes, start)
  if (isArrayAt(bytes, start)) return walkArray(bytes, start, (value) => inSchema(move, value, depth + 1))
  if (!isObjectAt(bytes, start)) return skipValue(bytes, start)
  const before = edits.length
  const keywords = new Set<string>()
  let hasBase = false
  let recursive: { readonly name: Span; readonly value: Span } | undefined
  const end = walk(bytes, start, (name, value) => {
    const keyword = nameAt(bytes, name)
    keywords.add(keyword)
    if (DATA.has(keyword)) return undefined
    if (BY_NAME.has(keyword)) return inNames(move, value, depth + 1)
    if (!keyword.startsWith('$')) return inSchema(move, value, depth + 1)
    const span = { start: value, end: skipValue(bytes, value) }
    const text = stringIn(bytes, span, bytes.length)
    if (keyword === '$id') hasBase = text?.startsWith('#') !== true
    else if (keyword === '$recursiveRef' && text === '#') recursive = { name, value: span }
    else if ((keyword === '$ref' || keyword === '$dynamicRef') && text !== undefined) follow(move, span, text)
    else return inSchema(move, value, depth + 1)
    return span.end
  })
  if (recursive && move.isRecursive) point(move, recursive, keywords)
  if (hasBase) edits.length = before
  return end
}

function inNames(move: Move, start: number, depth: number): number {
  if (!isObjectAt(move.bytes, start)) return inSchema(move, start, depth)
  return walk(move.bytes, start, (_, value) => inSchema(move, value, depth + 1))
}

function follow({ edits, place }: Move, span: Span, reference: string): void {
  if (reference !== '' && reference !== '#' && !reference.startsWith('#/')) return
  edits.push({ ...span, by: JSON.stringify(`${place}${reference.slice(1)}`) })
}

/** A reference to the root of the document becomes one to the place; beside a `$ref`, inside the first keyword that is free. */
function point(
  { edits, place }: Move,
  { name, value }: { readonly name: Span; readonly value: Span },
  keywords: Set<string>,
) {
  const to = JSON.stringify(place)
  const free = ['allOf', 'anyOf', 'oneOf'].find((keyword) => !keywords.has(keyword))
  if (!keywords.has('$ref')) edits.push({ ...name, by: '"$ref"' }, { ...value, by: to })
  else if (free) edits.push({ ...name, by: `"${free}"` }, { ...value, by: `[{"$ref":${to}}]` })
}
