// Changes one entry of a map in a host's YAML file in place, by its lines: all other bytes are kept.
import { asYaml, parseYaml, type YamlText } from '../../config/file/yamlText.ts'
import { blockAdded, blockReplaced, eolOf, type Lines, linesRemoved } from './blocks.ts'
import type { JsonObject } from './jsonText.ts'
import { isOnlyChange, type Read } from './onlyChange.ts'

/** A file that was read. */
interface Source {
  readonly text: string
  readonly value: JsonObject
  readonly keyAt: YamlText['keyAt']
}

export const readYaml = (text: string): Read => readFrom(parseYaml(text))

function readFrom({ faults, toData }: YamlText): Read {
  const [fault] = faults
  if (fault) return { fault: `line ${fault.place}: ${fault.message}` }
  const value = toData()
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { fault: 'it is not an object' }
  return { value: value as JsonObject }
}

/** `text` with `value` as `name` in the map `key`; undefined removes it. undefined: the file has it in a form that is not known. */
export function writeYaml(text: string, key: string, name: string, value: JsonObject | undefined): string | undefined {
  const yaml = parseYaml(text)
  const read = readFrom(yaml)
  if ('fault' in read) return undefined
  const file = { text, value: read.value, keyAt: yaml.keyAt }
  const after = value === undefined ? without(file, key, name) : written(file, key, name, value)
  return after !== undefined && isOnlyChange([read, readYaml(after)], [key, name], value) ? after : undefined
}

function written(file: Source, key: string, name: string, value: JsonObject): string | undefined {
  const { text } = file
  const map = mapOf(file, key)
  if (map === undefined) return blockAdded(text, asYaml({ [key]: { [name]: value } }))
  const block = indented(asYaml({ [name]: value }), map.indent)
  const own = linesAt(file, [key, name], map)
  if (own) return blockReplaced(text, own, block)
  const head = text.split('\n')[map.start] ?? ''
  const isEmpty = /^[^#]*:\s*(\{\s*\}|null|~)\s*(#.*)?$/.test(head)
  // An empty map in braces becomes one of lines.
  const open = isEmpty ? blockReplaced(text, { start: map.start, end: map.start + 1 }, emptied(head)) : text
  return inserted(open, map.end, block)
}

const emptied = (head: string) => head.replace(/\r$/, '').replace(/:\s*(\{\s*\}|null|~)/, ':')

/** The last one leaves an empty map: a key without a value would be another type. */
function without(file: Source, key: string, name: string): string | undefined {
  const { text, value } = file
  const map = mapOf(file, key)
  const own = map && linesAt(file, [key, name], map)
  if (!own) return undefined
  const rest = linesRemoved(text, own)
  if (Object.keys(value[key] as JsonObject).length > 1) return rest
  const head = text.split('\n')[map.start] ?? ''
  const empty = head
    .replace(/\r$/, '')
    .replace(/:([^\S\r\n]*)(#.*)?$/, (_, space, more = '') => `: {}${more && `${space}${more}`}`)
  return blockReplaced(rest, { start: map.start, end: map.start + 1 }, empty)
}

function inserted(text: string, at: number, block: string): string {
  if (at < text.split('\n').length) return blockReplaced(text, { start: at, end: at }, block)
  const eol = eolOf(text)
  return text + eol + block.replaceAll('\n', eol)
}

interface Map extends Lines {
  /** Before the names of its entries. */
  readonly indent: string
}

/** The lines of the map `key`, its own line first. */
function mapOf(file: Source, key: string): Map | undefined {
  const { value } = file
  if (!Object.hasOwn(value, key)) return undefined
  const own = linesAt(file, [key])
  if (!own) return undefined
  const [first] = Object.keys((value[key] ?? {}) as JsonObject)
  const place = first === undefined ? undefined : columnOf(file, [key, first])
  return { ...own, indent: ' '.repeat(place?.column ?? 2) }
}

function columnOf({ keyAt }: Source, path: readonly string[]) {
  const [line = 0, column = 0] = keyAt(path).split(':').map(Number)
  return { line: line - 1, column: column - 1 }
}

/** The line of a key, and those below it that stand further to the right; undefined: it is not there, or inside braces. */
function linesAt(file: Source, path: readonly string[], inside?: Lines): Lines | undefined {
  const { text, value } = file
  const parent = path.slice(0, -1).reduce<unknown>((from, key) => (from as JsonObject | undefined)?.[key], value)
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, path.at(-1) ?? '')) return undefined
  const { line: start, column } = columnOf(file, path)
  const lines = text.split('\n')
  if ((lines[start] ?? '').slice(0, column).trim() !== '' || (inside && start <= inside.start)) return undefined
  let end = start + 1
  for (let at = end; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const indent = /^ */.exec(line)?.[0].length ?? 0
    if (/^\s*(#.*)?$/.test(line)) continue
    if (indent <= column) break
    end = at + 1
  }
  return { start, end }
}

/** A regular expression would also take U+2028 and U+2029, which a text may have, for the end of a line. */
const indented = (block: string, indent: string) =>
  block
    .split('\n')
    .map((line) => (line === '' ? '' : indent + line))
    .join('\n')
