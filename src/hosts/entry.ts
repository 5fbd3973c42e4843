// One server entry of a host's file: what we write for a bridge, and how we recognize our own entries.
import { isAbsolute, resolve } from 'node:path'
import { present } from '../present.ts'
import type { JsonObject } from './format/jsonText.ts'
import type { Host } from './hosts.ts'

/** How this program is started without npx: absolute paths. */
export interface Program {
  readonly node: string
  readonly script: string
}

/** A host starts us with a minimal environment: these variables locate our files, and are not secrets. */
const KEPT = ['MCP_OAUTH_BRIDGE_HOME', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'NODE_EXTRA_CA_CERTS']

export function entryFor(
  host: Host,
  program: Program,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): JsonObject {
  const kept = Object.fromEntries(
    KEPT.flatMap((name) => {
      const path = handedOn(name, environment[name])
      return path ? [[name, path]] : []
    }),
  )
  return present({
    type: host.type,
    command: program.node,
    args: [program.script, ...words],
    env: Object.keys(kept).length === 0 ? undefined : kept,
  })
}

/** The new entry in place of an old one: what somebody added stays, such as `env`, `disabled` or `alwaysAllow`. */
export function mergedEntry(old: JsonObject | undefined, entry: JsonObject): JsonObject {
  if (!old) return entry
  const env = { ...objectOf(old.env), ...objectOf(entry.env) }
  return { ...old, ...entry, ...(Object.keys(env).length === 0 ? {} : { env }) }
}

const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}

/** The host starts us in another folder: paths that Node reads become absolute, and variables that we ignore are not written. */
function handedOn(name: string, path: string | undefined): string | undefined {
  if (!path || isAbsolute(path)) return path
  return name === 'NODE_EXTRA_CA_CERTS' ? resolve(path) : undefined
}

/** The words of an entry that follow this program's name; undefined: it starts something else. */
export function ourWords(entry: unknown): string[] | undefined {
  const { command, args } = (entry ?? {}) as { command?: unknown; args?: unknown }
  if (!Array.isArray(args) || args.some((word) => typeof word !== 'string')) return undefined
  const isUs = (word: unknown) =>
    typeof word === 'string' && /(^|[\\/])mcp-oauth-bridge(\.(js|cmd|exe))?(@[^\\/]*)?$/.test(word)
  if (isUs(command)) return args
  const at = args.findIndex(isUs)
  return at === -1 ? undefined : args.slice(at + 1)
}

/** The version manager whose folder a Node is in: it goes when that version is removed. undefined: none is known. */
export function versionManagerOf(node: string): string | undefined {
  const found = /[\\/]\.?(nvm|fnm|fnm_multishells|volta|mise|asdf|nodenv|Cellar)[\\/]/i.exec(node)?.[1]
  return found === 'Cellar' ? 'Homebrew' : found?.replace('_multishells', '').toLowerCase()
}

/** A name every host takes: `mcp.example.com` → `example`. */
export function nameFor(url: string): string {
  const labels = new URL(url).hostname.split('.').filter((label) => !/^(mcp|www|api)$/.test(label))
  const best = labels.length > 1 && !/^\d+$/.test(labels.at(-1) ?? '') ? (labels.at(-2) ?? '') : labels.join('-')
  return (
    best
      .replace(/[^\w-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 40) || 'server'
  )
}
