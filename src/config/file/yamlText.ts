// YAML text ↔ plain data, with the line and column of everything; the only file that imports yaml.
import { Document, isCollection, isMap, isPair, isScalar, LineCounter, parseDocument, Scalar, visit } from 'yaml'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'

export interface YamlText {
  /** The data, anew at each call; `scalar` may replace texts. */
  toData(scalar?: (text: string, place: string) => string): unknown
  /** `line:column` where the value at `path` begins. */
  valueAt(path: readonly PropertyKey[]): string
  /** `line:column` of the last key of `path`. */
  keyAt(path: readonly PropertyKey[]): string
  /** Why it has no data: its syntax errors and impossible aliases, with their `line:column`. */
  readonly faults: readonly YamlFault[]
}

export interface YamlFault {
  readonly place: string
  readonly message: string
}

export function parseYaml(text: string): YamlText {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${line}:${col}`
  }
  const errors = syntaxFaults(document, text, at)
  const aliases = aliasFaults(document, at)
  return {
    // A lone * is a fault for both, and this one says what to do.
    faults: [...errors.filter(({ place }) => aliases.every((fault) => fault.place !== place)), ...aliases],
    valueAt: (path) => at(offsetOf(document, path).value),
    keyAt: (path) => at(offsetOf(document, path).key),
    toData(scalar = (text) => text) {
      const copy = document.clone()
      visit(copy, {
        Scalar(key, node) {
          if (key !== 'key' && typeof node.value === 'string') node.value = scalar(node.value, at(node.range?.[0] ?? 0))
        },
      })
      return copy.toJS() ?? {}
    },
  }
}

/** Those up to a `${NAME}` without quotes: what the parser finds after it says nothing more. */
function syntaxFaults({ errors }: Document.Parsed, text: string, at: (offset: number) => string): YamlFault[] {
  const faults: YamlFault[] = []
  for (const { pos, message } of errors) {
    const variable = variableAt(text, pos[0] - 1)
    if (variable !== undefined)
      return [
        ...faults,
        { place: at(pos[0] - 1), message: `a text with ${variable} inside { } or [ ] has to be in quotes` },
      ]
    faults.push({ place: at(pos[0]), message: withoutPlace(message) })
  }
  return faults
}

/** Only inside another brace or bracket does YAML not take a `${NAME}` for text. */
const variableAt = (text: string, offset: number) =>
  /^\$\{\w+\}/.exec(text.slice(Math.max(0, offset), offset + 256))?.[0]

/** Aliases that stand for nothing, for what they are in, or together for too much: the package finds these out only when it makes the data. */
function aliasFaults(document: Document, at: (offset: number) => string): YamlFault[] {
  const faults: YamlFault[] = []
  let last: string | undefined
  visit(document, {
    Alias(_, alias, path) {
      last = at(alias.range?.[0] ?? 0)
      const target = alias.resolve(document)
      const what = `the alias ${quote(`*${alias.source}`)}`
      if (target === undefined)
        faults.push({ place: last, message: `${what} has no anchor. Put a text that begins with * in quotes` })
      else if (path.includes(target)) faults.push({ place: last, message: `${what} stands inside its own anchor` })
    },
  })
  if (faults.length === 0 && last !== undefined && expandsTooFar(document))
    faults.push({ place: last, message: 'the aliases together stand for too much. Write out what they stand for' })
  return faults
}

/** The package's limit, against files of a few lines that fill the memory. */
function expandsTooFar(document: Document): boolean {
  try {
    document.toJS()
    return false
  } catch (thrown) {
    if (thrown instanceof ReferenceError) return true
    throw thrown
  }
}

/** The first line, without the place that it ends in: it is told before. */
const withoutPlace = (message: string) => (message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')

/** The text with `entries` added to the map `key` at its top; comments and the rest are unchanged. @throws BridgeError config_invalid */
export function addToMap(text: string, key: string, entries: Readonly<Record<string, unknown>>): string {
  const document = parseDocument(text)
  const found = document.get(key, true)
  if (!isMap(found)) {
    if (found !== undefined && !(isScalar(found) && found.value === null)) throw noMap(key)
    const map = document.createNode({})
    // What a person wrote where the first entry will be.
    const comment = isScalar(found) ? [found.commentBefore, found.comment].filter((one) => one != null) : []
    if (comment.length > 0) map.commentBefore = comment.join('\n')
    document.set(key, map)
  }
  for (const [name, value] of Object.entries(entries)) document.setIn([key, name], document.createNode(value))
  return document.toString({ lineWidth: 0 })
}

/** The text with `members` added to the map at `path`. @throws BridgeError config_invalid: it stands elsewhere in the file */
export function addToEntry(text: string, path: readonly string[], members: Readonly<Record<string, unknown>>): string {
  const document = parseDocument(text)
  const entry = document.getIn(path, true)
  if (!isMap(entry)) throw noMap(path.join('.'))
  for (const [name, value] of Object.entries(members)) entry.set(name, document.createNode(value))
  return document.toString({ lineWidth: 0 })
}

const noMap = (what: string) =>
  new BridgeError('config_invalid', {
    message: `${what} in the config file is not a map of its own.`,
    hint: `Write ${what} as a map of names and values, without a list, text or alias. Nothing was changed.`,
  })

/** Where the last key of `path` begins, and its value. */
function offsetOf(document: Document, path: readonly PropertyKey[]): { key: number; value: number } {
  const parent = path.length === 0 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isCollection(parent)) {
    for (const item of parent.items) {
      if (!isPair(item) || !isScalar(item.key) || item.key.value !== last) continue
      const key = item.key.range?.[0] ?? 0
      const value = item.value as { range?: [number, number, number] } | null
      return { key, value: value?.range?.[0] ?? key }
    }
  }
  const node = document.getIn(path as string[], true) as { range?: [number, number, number] } | undefined
  return { key: node?.range?.[0] ?? 0, value: node?.range?.[0] ?? 0 }
}

/** `value` as YAML, one member a line, without a line break at its end. */
export function asYaml(value: unknown): string {
  const document = new Document(value)
  visit(document, {
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && !SIMPLE.test(scalar.value)) scalar.type = Scalar.QUOTE_DOUBLE
    },
  })
  // A line break or a blank at the end may be part of a text, unless that is in quotes.
  return document.toString({ lineWidth: 0, blockQuote: false }).replace(/\n$/, '')
}

/** Whatever is not quoted ends where a reader of YAML thinks that it does. */
const SIMPLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
