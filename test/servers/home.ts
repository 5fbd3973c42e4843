// A person's home and the program run in it, for tests that need no sign-in.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PROGRAM } from './host.ts'
import { runProgram } from './runProgram.ts'

interface Where {
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
}

/** `suffix` ends the folder's name. */
export function makeHome(suffix = '') {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-home-'))) + suffix
  mkdirSync(path, { recursive: true })
  const environment = { PATH: process.env.PATH, HOME: path, MCP_OAUTH_BRIDGE_HOME: join(path, 'bridge') }
  return {
    path,
    environment,
    /** Writes a file and gives its path. */
    write(name: string, text: string | Buffer): string {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text, { mode: 0o600 })
      return file
    },
    /** Runs a command to its end, in the home or elsewhere. */
    command: (args: readonly string[], extra: NodeJS.ProcessEnv = {}, program = PROGRAM, where: Where = {}) =>
      runProgram(args, { ...environment, ...extra }, { cwd: path, ...where }, program),
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  }
}
