// Changes a host's JSON file in place: comments, order and formatting are kept; the only file that imports jsonc-parser.
import {
  applyEdits,
  findNodeAtLocation,
  type Node,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
  visit,
} from 'jsonc-parser'
import { eolOf } from './blocks.ts'
import { added, type Edit, type Layout, removed, replaced } from './jsonEdits.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** The object in `text`, which may have comments and trailing commas; an empty text is an empty object. */
export function readJson(text: string): { value: JsonObject } | { fault: string } {
  const plain = withoutBom(text)
  if (plain.trim() === '') return { value: {} }
  if (depthOf(plain) > DEEPEST) return { fault: `it is nested deeper than ${DEEPEST} levels` }
  const errors: ParseError[] = []
  const value: unknown = parse(plain, errors, { allowTrailingComma: true })
  const [error] = errors
  if (error)
    return { fault: `line ${plain.slice(0, error.offset).split('\n').length}: ${printParseErrorCode(error.error)}` }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { fault: 'it is not an object' }
  return { value: value as JsonObject }
}

/** Whether a member of this path is there more than once: which of them counts differs from program to program. */
export function isTwice(text: string, path: readonly string[]): boolean {
  let node = treeOf(withoutBom(text))
  for (const member of path) {
    const found: Node[] = (node?.children ?? []).filter(({ children }) => children?.[0]?.value === member)
    if (found.length > 1) return true
    node = found[0]?.children?.[1]
  }
  return false
}

/** The parser calls itself for each level. */
const DEEPEST = 500

/** Brackets in texts and comments count too: no file of a host comes near. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0]
  for (const character of text) {
    if (character === '{' || character === '[') deepest = Math.max(deepest, ++depth)
    else if (character === '}' || character === ']') depth--
  }
  return deepest
}

/** `text` with `value` at `path`, of a key and a name; undefined removes it. The text must have been read before. */
export function writeJson(text: string, [key, name]: readonly [string, string], value: unknown): string {
  const plain = withoutBom(text)
  const start = plain.trim() === '' ? `{}${eolOf(plain)}` : plain
  const mark = text.startsWith('\ufeff') ? '\ufeff' : ''
  return mark + applyEdits(start, editsOf(start, [key, name], value, { unit: indentOf(plain), eol: eolOf(plain) }))
}

function editsOf(text: string, [key, name]: readonly [string, string], value: unknown, layout: Layout): Edit[] {
  const tree = treeOf(text)
  const [map, entry] = [tree && findNodeAtLocation(tree, [key]), tree && findNodeAtLocation(tree, [key, name])]
  if (value === undefined) return entry?.parent ? removed(text, entry.parent) : []
  if (entry?.parent) return replaced(text, entry.parent, value, layout)
  if (map?.type === 'object') return added(text, map, name, value, layout)
  if (map?.parent) return replaced(text, map.parent, { [name]: value }, layout)
  return tree ? added(text, tree, key, { [name]: value }, layout) : []
}

const treeOf = (text: string) => parseTree(text, [], { allowTrailingComma: true })

/** The comments of `text`, in their order, without those inside the property at `path`. */
export function commentsOf(text: string, path: readonly [string, string]): string[] {
  const plain = withoutBom(text)
  const tree = treeOf(plain)
  const { offset: start = 0, length = 0 } = (tree && findNodeAtLocation(tree, [...path])?.parent) ?? {}
  const comments: string[] = []
  visit(plain, {
    onComment: (at, size) => {
      if (at < start || at >= start + length) comments.push(plain.slice(at, at + size))
    },
  })
  return comments
}

export const withoutBom = (text: string) => text.replace(/^\ufeff/, '')

/** One level of the file's indentation; two spaces if it has none. */
function indentOf(text: string): string {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  '
  return indent.startsWith('\t') ? '\t' : indent
}
