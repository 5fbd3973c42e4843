// Changes a host's TOML file in place, table by table: all other bytes are kept; the only file that imports smol-toml.
import { parse, stringify } from 'smol-toml'
import { blockAdded, blockRemoved, blockReplaced, type Lines } from './blocks.ts'
import { type JsonObject, withoutBom } from './jsonText.ts'
import { isOnlyChange } from './onlyChange.ts'

export function readToml(text: string): { value: JsonObject } | { fault: string } {
  try {
    return { value: usual(parse(withoutBom(text))) as JsonObject }
  } catch (thrown) {
    const { line, message } = thrown as { line?: number; message: string }
    const [, what = message] = /^Invalid TOML document: (.*)/.exec(message) ?? []
    return { fault: line === undefined ? what : `line ${line}: ${what}` }
  }
}

/** The parser's objects have no prototype, which makes them differ from others with the same members. */
function usual(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(usual)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, usual(inner)]))
}

/** `text` with `value` as the table `[key.name]`; undefined removes it. undefined: the file has it in a form that is not known. */
export function writeToml(text: string, key: string, name: string, value: JsonObject | undefined): string | undefined {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : ''
  const plain = withoutBom(text)
  const tables = tablesOf(plain, key, name)
  const block = value && stringify({ [key]: { [name]: value } }).trim()
  const after = block === undefined ? blockRemoved(plain, tables) : written(plain, tables, block)
  return isOnlyChange([readToml(plain), readToml(after)], [key, name], value) ? mark + after : undefined
}

const written = (text: string, [first, ...more]: readonly Lines[], block: string) =>
  first === undefined ? blockAdded(text, block) : blockReplaced(blockRemoved(text, more), first, block)

/** The tables `[key.name]` and `[key.name.…]`, each from its header to its last value. */
function tablesOf(text: string, key: string, name: string): Lines[] {
  const lines = text.split('\n')
  const starts = headerLines(text)
  return starts.flatMap((start, at) => {
    const path = headerOf((lines[start] ?? '').replace(/\r$/, ''))
    if (path?.[0] !== key || path[1] !== name) return []
    let end = starts[at + 1] ?? lines.length
    // Comments before the next table are about that.
    while (end > start + 1 && /^\s*(#.*)?$/.test(lines[end - 1] ?? '')) end--
    return [{ start, end }]
  })
}

/** The names of a header line such as `[a."b c".d]`. */
function headerOf(line: string): string[] | undefined {
  try {
    let value: unknown = parse(line)
    const path: string[] = []
    while (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const [first] = Object.keys(value)
      if (first === undefined) break
      path.push(first)
      value = (value as JsonObject)[first]
    }
    return path
  } catch {
    return undefined
  }
}

/** What a line can begin inside of: texts of many lines, and arrays. */
const TOKEN = /"""(?:\\[\s\S]|[^\\])*?"""+|'''[\s\S]*?'''+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[[\]{}\n]/g

function headerLines(text: string): number[] {
  const found: number[] = []
  let [line, depth, isFirst] = [0, 0, /^[ \t]*\[/.test(text)]
  if (isFirst) found.push(0)
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '[' || token === '{') depth++
    else if (token === ']' || token === '}') depth = Math.max(0, depth - 1)
    line += token.split('\n').length - 1
    isFirst = token === '\n' && depth === 0 && /^[ \t]*\[/.test(text.slice(index + 1, index + 200))
    if (isFirst) found.push(line)
  }
  return found
}
