// config.yaml → checked values: ${NAME} filled in, faults named with line, column and the nearest key.
import { readFileSync } from 'node:fs'
import { type Document, isCollection, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { BridgeError, quote } from '../errors.ts'
import { fillEnvironment } from './environment.ts'
import { nearest } from './nearest.ts'
import { type ConfigFile, keysAt, schema } from './schema.ts'

/** @throws BridgeError config_not_found, config_invalid */
export function readConfigFile(path: string, environment: NodeJS.ProcessEnv): ConfigFile {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new BridgeError('config_not_found', { message: `The config file ${path} cannot be read.`, cause })
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${line}:${col}`
  }
  const [fault] = document.errors
  if (fault) throw invalid(`${at(fault.pos[0])}: ${fault.message.split('\n')[0]}`)
  fillScalars(document, environment, at)
  const checked = schema.safeParse(document.toJS() ?? {})
  if (checked.success) return checked.data
  const issues = checked.error.issues.map((issue) => {
    const name = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    const place = at(offsetOf(document, name === undefined ? issue.path : [...issue.path, name], name !== undefined))
    const shown = [...issue.path, ...(name === undefined ? [] : [name])].join('.')
    if (name === undefined) return `${place}: ${shown} ${issue.message.replace(/^Invalid/, 'is invalid:')}`
    const near = nearest(name, keysAt(issue.path))
    return `${place}: unknown key ${quote(shown)}${near === undefined ? '' : `; did you mean ${quote(near)}?`}`
  })
  throw invalid(issues.join('\n'))
}

const invalid = (message: string) => new BridgeError('config_invalid', { message })

function fillScalars(document: Document, environment: NodeJS.ProcessEnv, at: (offset: number) => string): void {
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string')
        node.value = fillEnvironment(node.value, environment, `${at(node.range?.[0] ?? 0)}: `)
    },
  })
}

/** Where the value at `path` begins, or its key. */
function offsetOf(document: Document, path: readonly PropertyKey[], wantKey: boolean): number {
  const parent = path.length === 0 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isCollection(parent)) {
    for (const item of parent.items) {
      if (!isPair(item) || !isScalar(item.key) || item.key.value !== last) continue
      const value = item.value as { range?: [number, number, number] } | null
      return (wantKey ? item.key.range?.[0] : (value?.range?.[0] ?? item.key.range?.[0])) ?? 0
    }
  }
  const node = document.getIn(path as string[], true) as { range?: [number, number, number] } | undefined
  return node?.range?.[0] ?? 0
}
