// How this program was started, so that a person can start it the same way: by its name, through npx, or by its path; and the
// server that its hints name.
import { readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/config.ts'
import { nameOwnCommand } from '../ownCommand.ts'
import { targetWords } from '../redaction/shownUrl.ts'
import { shellQuote } from '../shellQuote.ts'

export interface Start {
  /** The file that Node runs. */
  readonly script: string
  readonly node: string
  readonly environment: NodeJS.ProcessEnv
  readonly platform: NodeJS.Platform
}

const NAME = 'mcp-oauth-bridge'

/** The file that Node runs, seen from dist/. */
export const ownScript = () => fileURLToPath(new URL('../bin/mcp-oauth-bridge.js', import.meta.url))

/** The words of a shell that start this program. */
export function startedBy(start: Start): string {
  return byName(start) ?? byNpx(start) ?? byPath(start)
}

/** Its name, where that is this program and no other on the PATH. */
function byName({ script, environment, platform }: Start): string | undefined {
  // npx puts its own copy on the PATH of what it starts.
  if (isCached(script)) return undefined
  const name = platform === 'win32' ? `${NAME}.cmd` : NAME
  for (const folder of (environment.PATH ?? environment.Path ?? '').split(delimiter)) {
    const found = realOf(join(folder, name))
    if (found === undefined) continue
    // A shim of npm on Windows is a file of its own, beside the folder of its packages.
    const isOurs = platform === 'win32' ? script.startsWith(dirname(found)) : found === realOf(script)
    return isOurs ? NAME : undefined
  }
  return undefined
}

/** npm keeps what npx fetched in a folder `_npx/<hash>`, whose package.json says under which name it was asked for. */
function byNpx({ script, platform }: Start): string | undefined {
  const [cache] = /^.*[\\/]_npx[\\/][^\\/]+(?=[\\/]node_modules[\\/])/.exec(script) ?? []
  if (cache === undefined) return undefined
  try {
    const { _npx } = JSON.parse(readFileSync(join(cache, 'package.json'), 'utf8'))
    const [asked] = _npx.packages
    if (typeof asked !== 'string') return undefined
    const isName = /^(@[\w.~-]+\/)?[\w.~-]+(@[^/]*)?$/.test(asked)
    const spec = shellQuote(asked, platform)
    // A path alone would be taken for a program.
    return isName ? `npx ${spec}` : `npx -p ${spec} ${NAME}`
  } catch {
    return undefined
  }
}

/** As hosts start it: the Node that runs it and its path. */
const byPath = ({ script, node, platform }: Start): string =>
  // PowerShell takes a quoted word at the start for a text, unless & says that it is a program.
  [node, script]
    .map((word) => shellQuote(word, platform))
    .join(' ')
    .replace(/^"/, platform === 'win32' ? '& "' : '"')

/** Whether it is in the cache of npx or its like, which may be emptied at any time. */
export const isCached = (script: string) => /[\\/](_npx|dlx[^\\/]*|bunx-[^\\/]*)[\\/]/.test(script)

function realOf(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** Hints name the server that this process is about. */
export function nameTarget({ server, profile }: Config, file?: string): void {
  if (!server) return
  const words = [
    ...targetWords(server.url, profile, server.name),
    ...(file === undefined ? [] : ['--config', shellQuote(file)]),
  ]
  nameOwnCommand({ target: words.join(' ') })
}
