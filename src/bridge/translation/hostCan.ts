// What a host has declared that it can do, and whether it can answer a question of the server: the same capabilities in both eras.
import { type Bytes, find, stringIn } from '../message/pick.ts'
import { type Change, splice } from '../message/splice.ts'
import { isObjectAt } from '../message/walk.ts'

export interface HostCan {
  /** How it asks a person: of the modes that MCP has, `form` and `url`, those that it shows. */
  readonly modes: ReadonlySet<string>
  readonly sampling: boolean
  readonly samplingTools: boolean
  readonly roots: boolean
}

/** What it has not declared: a question of this kind, of this mode, or an answer of its model that uses tools. */
export type Lack = 'kind' | 'mode' | 'tools'

/** Capabilities that one of the eras does not have: tasks, and the host telling that its roots have changed. */
const GONE: readonly Change[] = [
  { path: ['tasks'], json: undefined },
  { path: ['roots', 'listChanged'], json: undefined },
  { path: ['extensions', 'io.modelcontextprotocol/tasks'], json: undefined },
]

/** The capabilities as the server of the other era hears them; JSON texts. */
export const carried = (capabilities: Bytes): Bytes => splice(capabilities, GONE)

/** `capabilities`: JSON text. */
export function hostCan(capabilities: Bytes): HostCan {
  const has = (...path: string[]) => objectIn(capabilities, path) !== undefined
  return {
    modes: modesIn(capabilities),
    sampling: has('sampling'),
    samplingTools: has('sampling', 'tools'),
    roots: has('roots'),
  }
}

const objectIn = (bytes: Bytes, path: readonly string[]) => {
  const span = find(bytes, path)
  return span && isObjectAt(bytes, span.start) ? span : undefined
}

/** Without any mode it is forms (MCP 2025-11-25, "Elicitation: Capabilities"; the same in 2026-07-28). */
function modesIn(capabilities: Bytes): ReadonlySet<string> {
  const modes = new Set<string>()
  if (!objectIn(capabilities, ['elicitation'])) return modes
  for (const mode of ['form', 'url']) if (objectIn(capabilities, ['elicitation', mode])) modes.add(mode)
  if (!find(capabilities, ['elicitation', 'url'])) modes.add('form')
  return modes
}

/** Whether there is anything that it may be asked. */
export const asksAnything = ({ modes, sampling, roots }: HostCan): boolean => modes.size > 0 || sampling || roots

/** `params`: JSON text. */
export const modeOf = (params: Bytes | undefined): string =>
  (params && stringIn(params, find(params, ['mode']))) ?? 'form'

/** Why the host cannot be asked this; undefined: it can. `params`: JSON text. */
export function lackOf(method: string | undefined, params: Bytes | undefined, can: HostCan): Lack | undefined {
  const has = (name: string) => params !== undefined && find(params, [name]) !== undefined
  switch (method) {
    case 'elicitation/create':
      if (can.modes.size === 0) return 'kind'
      return can.modes.has(modeOf(params)) ? undefined : 'mode'
    case 'sampling/createMessage':
      if (!can.sampling) return 'kind'
      return !can.samplingTools && (has('tools') || has('toolChoice')) ? 'tools' : undefined
    case 'roots/list':
      return can.roots ? undefined : 'kind'
    default:
      return 'kind'
  }
}
