// The MCPB bundle as a host installs it: built, unpacked, and its manifest turned into the command that the host starts.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TOOL = '@anthropic-ai/mcpb@2.1.2'

type Values = Readonly<Record<string, string>>

export interface Manifest {
  readonly version: string
  readonly server: { readonly mcp_config: { command: string; args: readonly string[]; env: Values } }
  readonly user_config: Readonly<
    Record<string, { readonly type: string; readonly required?: boolean; readonly sensitive?: boolean }>
  >
}

const tool = async (...words: string[]) =>
  (await run('npm', ['exec', '--yes', `--package=${TOOL}`, '--', 'mcpb', ...words], { cwd: ROOT })).stdout

/** Builds it in `folder` and unpacks it there. */
export async function installBundle(folder: string) {
  const { stdout } = await run(process.execPath, [join(ROOT, 'scripts/mcpb.js'), folder], { cwd: ROOT })
  const [file = ''] = stdout.split('\n')
  const unpacked = join(folder, 'unpacked')
  await tool('unpack', file, unpacked)
  const manifest: Manifest = JSON.parse(readFileSync(join(unpacked, 'manifest.json'), 'utf8'))
  return { file, unpacked, manifest, info: () => tool('info', file) }
}

/** How the format says that a host replaces the names: what the person left out stays as it is, or is empty. */
export function entryOf({ server }: Manifest, folder: string, given: Values, leftOut: 'stays' | 'is empty') {
  const fill = (text: string) =>
    text
      .replace(/\$\{__dirname\}/g, () => folder)
      .replace(/\$\{user_config\.(\w+)\}/g, (name, key: string) => given[key] ?? (leftOut === 'stays' ? name : ''))
  const { args, env } = server.mcp_config
  return {
    args: args.map(fill),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)])),
  }
}
