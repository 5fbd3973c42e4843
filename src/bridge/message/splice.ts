// Puts members into a JSON text, takes them out and replaces them, in its bytes: numbers, order, layout and unknown members stay as they were written.
import { cutOut, type Edit, edited } from './edits.ts'
import { type Bytes, whole } from './pick.ts'
import { type Span, skipValue, textAt } from './scan.ts'
import { isObjectAt, named, walk } from './walk.ts'

export interface Change {
  /** The names from the outermost object to the member; at least one. */
  readonly path: readonly string[]
  /** Its new value, as JSON text. undefined: it is taken out. */
  readonly json: string | Uint8Array | undefined
}

/**
 * The text with all changes made, in one pass; the same bytes where nothing changes. What is missing on a path is made, what stands
 * there and is not an object is replaced by one; nothing is made in order to take something out of it. If a name occurs twice, each
 * of them changes: parsers differ in which counts. The text must be valid JSON. No path of `changes` may begin with another one.
 */
export function splice(bytes: Bytes, changes: readonly Change[], from: Span = whole(bytes)): Bytes {
  if (changes.length === 0) return bytes
  const edits: Edit[] = []
  collect(bytes, from.start, treeOf(changes), edits)
  return edited(bytes, edits)
}

type Json = NonNullable<Change['json']>

/** What changes below one object, by name. */
type Tree = Map<string, Tree | { readonly json: Json | undefined }>

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

/** Collects what changes in the value at `start`. Returns the index after it. */
function collect(bytes: Bytes, start: number, tree: Tree, edits: Edit[]): number {
  if (!isObjectAt(bytes, start)) {
    const end = skipValue(bytes, start)
    const members = membersOf(tree, [])
    if (members !== '') edits.push({ start, end, by: `{${members}}` })
    return end
  }
  const found: unknown[] = []
  let kept = 0
  const end = walk(bytes, start, (at, value) => {
    const change = named(tree, bytes, at)
    if (!change) {
      kept++
      return undefined
    }
    if (!found.includes(change)) found.push(change)
    if (change instanceof Map) {
      kept++
      return collect(bytes, value, change, edits)
    }
    const after = skipValue(bytes, value)
    if (change.json === undefined) edits.push(cutOut(bytes, { start: at.start, end: after }, kept))
    else {
      kept++
      edits.push({ start: value, end: after, by: change.json })
    }
    return after
  })
  const members = found.length === tree.size ? '' : membersOf(tree, found)
  if (members !== '') edits.push({ start: end - 1, end: end - 1, by: kept > 0 ? `,${members}` : members })
  return end
}

/** The members that changes put into an object where those of `found` stand already, as JSON text; '' where they only take out. */
function membersOf(tree: Tree, found: readonly unknown[]): string {
  let members = ''
  for (const [name, change] of tree) {
    if (found.includes(change)) continue
    const json = change instanceof Map ? objectOf(change) : change.json
    if (json === undefined) continue
    members += `${members === '' ? '' : ','}${JSON.stringify(name)}:${typeof json === 'string' ? json : textOf(json)}`
  }
  return members
}

function objectOf(tree: Tree): string | undefined {
  const members = membersOf(tree, [])
  return members === '' ? undefined : `{${members}}`
}

const textOf = (json: Uint8Array) => textAt(json, { start: 0, end: json.length })
