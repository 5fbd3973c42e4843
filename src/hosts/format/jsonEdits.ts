// The edits that add, replace or remove one property of a JSON object, so that every other byte stays: neighbors, comments, line ends.

/** A node of the file's tree. */
export interface Node {
  readonly offset: number
  readonly length: number
  readonly children?: readonly Node[]
  readonly parent?: Node
}

export interface Edit {
  readonly offset: number
  readonly length: number
  readonly content: string
}

export interface Layout {
  /** One level of indentation. */
  readonly unit: string
  readonly eol: string
}

/** Behind the last property, in whose way it is written: on a line of its own, or on the same one. */
export function added(text: string, object: Node, name: string, value: unknown, layout: Layout): Edit[] {
  const last = object.children?.at(-1)
  if (!last) return [first(text, object, name, value, layout)]
  const indent = indentBefore(text, last.offset)
  const property =
    indent === undefined ? ` ${written(name, value)}` : `${layout.eol}${indent}${written(name, value, layout, indent)}`
  const comma = commaIn(text, endOf(last), endOf(object) - 1)
  const end = comma === undefined ? endOf(last) : comma + 1
  // A comment behind the last one stays on its line.
  const rest =
    indent === undefined ? '' : /^[ \t]*(?:\/\/.*?|\/\*(?:(?!\*\/).)*\*\/)?[ \t]*(?=\r?\n)/.exec(text.slice(end))?.[0]
  const own = comma === undefined ? [insert(end, ',')] : []
  return [...own, insert(end + (rest ?? '').length, comma === undefined ? property : `${property},`)]
}

/** Into an object that has comments at most. */
function first(text: string, object: Node, name: string, value: unknown, layout: Layout): Edit {
  const close = endOf(object) - 1
  const base = /^[ \t]*/.exec(text.slice(lineStart(text, object.offset)))?.[0] ?? ''
  const indent = base + layout.unit
  const line = `${indent}${written(name, value, layout, indent)}${layout.eol}`
  if (indentBefore(text, close) !== undefined) return insert(lineStart(text, close), line)
  const blanks = /[ \t]*$/.exec(text.slice(object.offset, close))?.[0].length ?? 0
  return { offset: close - blanks, length: blanks, content: `${layout.eol}${line}${base}` }
}

export function replaced(text: string, property: Node, value: unknown, layout: Layout): Edit[] {
  const old = property.children?.[1] ?? property
  const indent = indentBefore(text, property.offset)
  return [{ offset: old.offset, length: old.length, content: json(value, layout, indent) }]
}

/** The property with one comma, behind it or else before it. Comments stay, also those beside it: whose they are cannot be known. */
export function removed(text: string, property: Node): Edit[] {
  const all = property.parent?.children ?? []
  const before = all[all.indexOf(property) - 1]
  const own = { start: property.offset, end: endOf(property) }
  const behind = commaIn(text, own.end, endOf(property.parent ?? property) - 1)
  const comma = behind ?? (before && commaIn(text, endOf(before), own.start))
  if (comma === undefined) return [cleared(text, own)]
  // Only comments keep the two apart.
  const both = { start: Math.min(own.start, comma), end: Math.max(own.end, comma + 1) }
  const between = behind === undefined ? text.slice(comma + 1, own.start) : text.slice(own.end, comma)
  if (between.trim() === '') return [cleared(text, both)]
  return [own, { start: comma, end: comma + 1 }]
    .toSorted((one, other) => one.start - other.start)
    .map((part) => cleared(text, part))
}

/** Without its lines if nothing else is on them, else without the blanks that it would leave at a line's end or between braces. */
function cleared(text: string, { start, end }: Part): Edit {
  const isFirst = indentBefore(text, start) !== undefined
  const [, blanks = '', eol] = /^([ \t]*)(\r?\n)?/.exec(text.slice(end)) ?? []
  if (isFirst && eol !== undefined) return removal(lineStart(text, start), end + blanks.length + eol.length)
  if (isFirst) return removal(start, end + blanks.length)
  // What follows a comma is as far from what stands before it.
  if (text[start] === ',') return removal(start, end)
  if (eol === undefined) return removal(start, end + blanks.length)
  return removal(start - (/[ \t]*$/.exec(text.slice(lineStart(text, start), start))?.[0].length ?? 0), end)
}

interface Part {
  readonly start: number
  readonly end: number
}

/** Where the comma is, between two values or before the end: among blanks and comments. */
function commaIn(text: string, start: number, end: number): number | undefined {
  const [gap = ''] = /^(?:[^,/]|\/\/[^\r\n]*|\/\*[\s\S]*?\*\/)*/.exec(text.slice(start, end)) ?? []
  return start + gap.length < end && text[start + gap.length] === ',' ? start + gap.length : undefined
}

/** The indentation of what begins at `offset`; undefined: something stands before it on its line. */
function indentBefore(text: string, offset: number): string | undefined {
  const indent = text.slice(lineStart(text, offset), offset)
  return /^[ \t]*$/.test(indent) ? indent : undefined
}

const lineStart = (text: string, offset: number) => (offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1)
const endOf = ({ offset, length }: Node) => offset + length
const insert = (offset: number, content: string): Edit => ({ offset, length: 0, content })
const removal = (start: number, end: number): Edit => ({ offset: start, length: end - start, content: '' })

const written = (name: string, value: unknown, layout?: Layout, indent?: string) =>
  `${JSON.stringify(name)}: ${json(value, layout, indent)}`

/** On one line, unless it may have several of them. */
function json(value: unknown, layout: Layout | undefined, indent: string | undefined): string {
  if (layout === undefined || indent === undefined) return JSON.stringify(value)
  return JSON.stringify(value, null, layout.unit).replaceAll('\n', `${layout.eol}${indent}`)
}
