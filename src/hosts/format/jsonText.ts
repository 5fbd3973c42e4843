// Changes a host's JSON file in place: comments, order and formatting are kept; the only file that imports jsonc-parser.
import {
  applyEdits,
  findNodeAtLocation,
  modify,
  type ParseError,
  parse,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { present } from '../../present.ts'
import { eolOf } from './blocks.ts'

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

/** Whether the object in `text` has this member more than once: which of them counts differs from program to program. */
export function isTwice(text: string, member: string): boolean {
  const tree = parseTree(withoutBom(text), [], { allowTrailingComma: true })
  return (tree?.children ?? []).filter(({ children }) => children?.[0]?.value === member).length > 1
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

/** `text` with `value` at `path`; undefined removes it. The text must have been read before. */
export function writeJson(text: string, path: readonly string[], value: unknown): string {
  const plain = withoutBom(text)
  const start = plain.trim() === '' ? `{}${eolOf(plain)}` : plain
  const options = { ...indentOf(plain), eol: eolOf(plain) }
  const [parent, name] = path
  if (name !== undefined && findNode(start, path.slice(0, -1))?.type === 'null' && value !== undefined)
    return writeJson(text, [parent ?? ''], { [name]: value })
  const careful = value === undefined ? removedLines(start, path) : addedLine(start, path, value, options)
  const formattingOptions = present({ formattingOptions: value === undefined ? undefined : options })
  const edits = careful ?? modify(start, [...path], value, formattingOptions)
  return (text.startsWith('\ufeff') ? '\ufeff' : '') + applyEdits(start, edits)
}

const findNode = (text: string, path: readonly string[]) => {
  const tree = parseTree(text, [], { allowTrailingComma: true })
  return tree && findNodeAtLocation(tree, [...path])
}

/** Adds a property after the last one, whose format is kept; jsonc-parser would also format its neighbors. */
function addedLine(text: string, path: readonly string[], value: unknown, { tabSize, insertSpaces, eol }: Layout) {
  const tree = parseTree(text, [], { allowTrailingComma: true })
  const container = tree && findNodeAtLocation(tree, path.slice(0, -1))
  const last = container?.type === 'object' ? container.children?.at(-1) : undefined
  if (!tree || !last || findNodeAtLocation(tree, [...path])) return undefined
  const indent = text.slice(text.lastIndexOf('\n', last.offset - 1) + 1, last.offset)
  if (!/^[ \t]*$/.test(indent)) return undefined
  const json = JSON.stringify(value, null, insertSpaces ? tabSize : '\t').replaceAll('\n', `${eol}${indent}`)
  const property = `${eol}${indent}${JSON.stringify(path.at(-1))}: ${json}`
  const end = last.offset + last.length
  // A comment behind the last one stays on its line.
  const [rest, comma] = /^[ \t]*(,?)[ \t]*(?:\/\/.*?|\/\*.*?\*\/)?[ \t]*(?=\r?\n)/.exec(text.slice(end)) ?? []
  if (rest === undefined) return [{ offset: end, length: 0, content: `,${property}` }]
  const own = comma === ',' ? [] : [{ offset: end, length: 0, content: ',' }]
  return [...own, { offset: end + rest.length, length: 0, content: `${property}${comma}` }]
}

/** The property's own lines, and the comma before it if it was the last; comments of its neighbors are kept. */
function removedLines(text: string, path: readonly string[]) {
  const tree = parseTree(text, [], { allowTrailingComma: true })
  const property = tree && findNodeAtLocation(tree, [...path])?.parent
  if (!property) return undefined
  const start = text.lastIndexOf('\n', property.offset - 1) + 1
  const [end, own] = /^[ \t]*(,?)[ \t]*(?:\/\/.*)?\r?\n/.exec(text.slice(property.offset + property.length)) ?? []
  if (end === undefined || !/^[ \t]*$/.test(text.slice(start, property.offset))) return undefined
  const lines = { offset: start, length: property.offset + property.length + end.length - start, content: '' }
  const before = property.parent?.children?.at((property.parent.children.indexOf(property) || 1) - 1)
  if (own === ',' || !before || before === property) return [lines]
  const [comma] = /^\s*,/.exec(text.slice(before.offset + before.length)) ?? []
  if (comma === undefined) return undefined
  return [{ offset: before.offset + before.length + comma.length - 1, length: 1, content: '' }, lines]
}

interface Layout {
  readonly insertSpaces: boolean
  readonly tabSize: number
  readonly eol: string
}

export const withoutBom = (text: string) => text.replace(/^\ufeff/, '')

/** The indentation of the file; two spaces if it has none. */
function indentOf(text: string): { insertSpaces: boolean; tabSize: number } {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  '
  return indent.startsWith('\t') ? { insertSpaces: false, tabSize: 1 } : { insertSpaces: true, tabSize: indent.length }
}
