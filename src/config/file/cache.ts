// Caches the checked config of an unchanged file as JSON, so that a start needs neither the YAML parser nor the schema.
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../disk/makeFolder.ts'
import { replaceFile } from '../../disk/replaceFile.ts'
import { fillEnvironment } from './environment.ts'
import type { OwnFile } from './ownFile.ts'
import { isEmpty, type ReadConfig, setAside } from './unset.ts'

/** Begins the name of every cache file; `reset` removes them. */
export const CACHE_PREFIX = 'config-cache-'

/** One config file as one program version saw it. */
export interface CacheKey {
  /** Absolute. */
  readonly path: string
  readonly version: string
  /** Our private folder. */
  readonly folder: string
}

/** undefined: there is none, `own` has changed since, or a variable is not valid; then its text must be parsed. */
export function cachedConfig(key: CacheKey, own: OwnFile, environment: NodeJS.ProcessEnv): ReadConfig | undefined {
  try {
    const path = cachePath(key)
    if (!isPrivate(path)) return undefined
    const { stamp, tree } = JSON.parse(readFileSync(path, 'utf8')) as { stamp: string; tree: unknown }
    if (stamp !== stampOf(key, own)) return undefined
    const { rest, unset } = setAside(tree, environment)
    const file = fill(rest, environment) as ReadConfig
    return isEmpty(unset) ? file : { ...file, unset }
  } catch {
    return undefined
  }
}

/** The state of the file when its text was read. */
export function stampOf({ path, version }: CacheKey, { stat }: OwnFile): string {
  return [version, path, stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ')
}

/** Caches `tree`, in which `${NAME}` is not replaced and which contains no secret. A failure to write is ignored. */
export function rememberConfig(key: CacheKey, stamp: string, tree: unknown): void {
  try {
    makeFolder(key.folder)
    replaceFile(cachePath(key), JSON.stringify({ stamp, tree }), 0o600)
  } catch {
    // The next start reads the file again.
  }
}

const cachePath = ({ path, folder }: CacheKey) =>
  join(folder, `${CACHE_PREFIX}${createHash('sha256').update(path).digest('hex').slice(0, 16)}.json`)

/** A file that somebody else could have written is not used. */
function isPrivate(path: string): boolean {
  const stat = lstatSync(path)
  if (process.platform === 'win32') return stat.isFile()
  return stat.isFile() && stat.uid === process.getuid?.() && (stat.mode & 0o077) === 0
}

/** Only places where any printable text is right were cached with a `${NAME}`; other values must be checked by the schema. */
function fill(tree: unknown, environment: NodeJS.ProcessEnv): unknown {
  if (Array.isArray(tree)) return tree.map((item) => fill(item, environment))
  if (typeof tree === 'object' && tree !== null)
    return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, fill(value, environment)]))
  if (typeof tree !== 'string' || !tree.includes('${')) return tree
  const text = fillEnvironment(tree, environment)
  if (!/^[\x20-\x7e]+$/.test(text)) throw new Error('a value that the schema must see')
  return text
}
