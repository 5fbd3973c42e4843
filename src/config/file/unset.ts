// Entries of servers and providers with a variable that is not set: set aside, because only who uses such an entry needs it.
import { BridgeError } from '../../errors.ts'
import { variableIn } from './environment.ts'
import type { ConfigFile } from './schema.ts'

const MAPS = ['servers', 'providers'] as const
type MapName = (typeof MAPS)[number]

/** What was set aside, by name. */
export type Unset = Readonly<Record<MapName, Readonly<Record<string, UnsetEntry>>>>

export interface UnsetEntry {
  /** The first variable that is not set. */
  readonly variable: string
  /** The URL of a server, if no variable is in it. */
  readonly url?: string
  readonly profile?: string
}

/** The checked file, without what was set aside. */
export type ReadConfig = ConfigFile & { readonly unset?: Unset }

type Tree = Readonly<Record<string, unknown>>

/** `tree`: the data of the file before `${NAME}` is replaced. */
export function setAside(tree: unknown, environment: NodeJS.ProcessEnv): { rest: unknown; unset: Unset } {
  const unset: Record<MapName, Record<string, UnsetEntry>> = { servers: {}, providers: {} }
  if (!isTree(tree)) return { rest: tree, unset }
  const rest: Record<string, unknown> = { ...tree }
  for (const map of MAPS) {
    const entries = tree[map]
    if (!isTree(entries)) continue
    const kept = Object.entries(entries).filter(([name, entry]) => {
      const variable = isTree(entry) ? unsetIn(entry, environment) : undefined
      if (variable !== undefined) unset[map][name] = { variable, ...placeOf(entry as Tree) }
      return variable === undefined
    })
    rest[map] = Object.fromEntries(kept)
  }
  return { rest, unset }
}

/** The first variable in `tree` that is not set. */
function unsetIn(tree: unknown, environment: NodeJS.ProcessEnv): string | undefined {
  if (typeof tree === 'string')
    return [...tree.matchAll(/\$\{(\w+)\}/g)]
      .map(([, name = '']) => name)
      .find((name) => variableIn(environment, name) === undefined)
  if (typeof tree !== 'object' || tree === null) return undefined
  for (const value of Object.values(tree)) {
    const found = unsetIn(value, environment)
    if (found !== undefined) return found
  }
  return undefined
}

/** The names of the entries, also of those that were set aside. */
export const namesIn = (file: ReadConfig, map: MapName): string[] => [
  ...Object.keys(file[map] ?? {}),
  ...Object.keys(file.unset?.[map] ?? {}),
]

export const isEmpty = ({ servers, providers }: Unset): boolean =>
  Object.keys(servers).length === 0 && Object.keys(providers).length === 0

/** @throws BridgeError config_invalid if that entry was set aside */
export function requireSet(unset: Unset | undefined, map: MapName, name: string): void {
  const found = unset?.[map]
  if (!found || !Object.hasOwn(found, name)) return
  const variable = found[name]?.variable ?? ''
  throw new BridgeError('config_invalid', {
    message: `${map}.${name} in the config file: the environment variable ${variable} is not set.`,
    hint: `Set ${variable}, or replace it with its value.`,
  })
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

function placeOf({ url, profile }: Tree): { url?: string; profile?: string } {
  const plain = (text: unknown): text is string => typeof text === 'string' && !/\$\{\w+\}/.test(text)
  return {
    ...(plain(url) && URL.canParse(url) ? { url } : {}),
    ...(plain(profile) ? { profile } : {}),
  }
}
