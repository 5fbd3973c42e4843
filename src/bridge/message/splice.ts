// Puts members into a JSON text, takes them out and replaces them, in its bytes: numbers, order, layout and unknown members stay as they were written.
import { type Bytes, eachPlace, whole } from './pick.ts'
import { Pieces } from './pieces.ts'
import { type Span, skipSpace, textAt } from './scan.ts'

export interface Change {
  /** The names from the outermost object to the member. */
  readonly path: readonly string[]
  /** Its new value, as JSON text. undefined: it is taken out. */
  readonly json: string | Uint8Array | undefined
}

/**
 * The text with all changes made, in one pass; the same bytes where nothing changes. What is missing on a path is made, what stands
 * there and is no object is replaced by one. If a name occurs twice, each of them changes: parsers differ in which counts. The text
 * must be valid JSON. No path of `changes` may begin with another one.
 */
export function splice(bytes: Bytes, changes: readonly Change[], from: Span = whole(bytes)): Bytes {
  const tree = treeOf(changes)
  if (!isWanted(bytes, from, tree)) return bytes
  const out = new Pieces()
  out.add(bytes.subarray(0, from.start))
  write(bytes, from, tree, out)
  if (from.end < bytes.length) out.add(bytes.subarray(from.end))
  return out.take()
}

/** What changes below one object, by name. */
type Tree = Map<string, Tree | { readonly json: Change['json'] }>

function treeOf(changes: readonly Change[]): Tree {
  const root: Tree = new Map()
  for (const { path, json } of changes) {
    let tree = root
    for (const name of path.slice(0, -1)) {
      let inner = tree.get(name)
      if (!(inner instanceof Map)) {
        inner = new Map()
        tree.set(name, inner)
      }
      tree = inner
    }
    tree.set(path.at(-1) ?? '', { json })
  }
  return root
}

const OPEN_BRACE = 123
const COMMA = Buffer.from(',')

/** Whether anything in the tree is put in. */
const putsIn = (tree: Tree): boolean =>
  [...tree.values()].some((inner) => (inner instanceof Map ? putsIn(inner) : inner.json !== undefined))

/** Whether the value at `span` becomes another one. */
function isWanted(bytes: Bytes, span: Span, tree: Tree): boolean {
  if (putsIn(tree)) return true
  let wanted = false
  eachPlace(bytes, span, (name, value) => {
    const inner = tree.get(nameAt(bytes, name))
    wanted ||= inner instanceof Map ? isWanted(bytes, value, inner) : inner !== undefined
  })
  return wanted
}

const nameAt = (bytes: Bytes, name: Span) => JSON.parse(textAt(bytes, name)) as string

function write(bytes: Bytes, span: Span, tree: Tree, out: Pieces): void {
  if (bytes[span.start] !== OPEN_BRACE) {
    out.add(putsIn(tree) ? Buffer.from(jsonOf(tree)) : bytes.subarray(span.start, span.end))
    return
  }
  const missing = new Map(tree)
  let kept = 0
  let from = span.start + 1
  let brace = skipSpace(bytes, from)
  out.add(bytes.subarray(span.start, from))
  eachPlace(bytes, span, (at, value, after) => {
    const name = nameAt(bytes, at)
    const change = tree.get(name)
    missing.delete(name)
    if (change === undefined || change instanceof Map || change.json !== undefined) {
      if (kept++ > 0) out.add(COMMA)
      out.add(bytes.subarray(from, value.start))
      if (change === undefined) out.add(bytes.subarray(value.start, value.end))
      else if (change instanceof Map) write(bytes, value, change, out)
      else out.add(toBytes(change.json ?? ''))
      out.add(bytes.subarray(value.end, after))
    }
    from = after + 1
    brace = after
  })
  for (const [name, change] of missing) {
    const json = change instanceof Map ? (putsIn(change) ? jsonOf(change) : undefined) : change.json
    if (json === undefined) continue
    if (kept++ > 0) out.add(COMMA)
    out.add(Buffer.from(`${JSON.stringify(name)}:`))
    out.add(toBytes(json))
  }
  out.add(bytes.subarray(brace, span.end))
}

const toBytes = (json: string | Uint8Array) => (typeof json === 'string' ? Buffer.from(json) : json)

function jsonOf(tree: Tree): string {
  const members = [...tree].flatMap(([name, inner]) => {
    const json = inner instanceof Map ? (putsIn(inner) ? jsonOf(inner) : undefined) : inner.json
    return json === undefined ? [] : [`${JSON.stringify(name)}:${typeof json === 'string' ? json : textOf(json)}`]
  })
  return `{${members.join(',')}}`
}

const textOf = (json: Uint8Array) => Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('utf8')
