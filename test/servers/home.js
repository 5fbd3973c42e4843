// A person's home and the program run in it, for commands that need no server.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PROGRAM } from './host.js'

/** @param {string} [suffix] ends the folder's name */
export function makeHome(suffix = '') {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'mcp-oauth-bridge-home-'))) + suffix
  mkdirSync(path, { recursive: true })
  const environment = { PATH: process.env.PATH, HOME: path, MCP_OAUTH_BRIDGE_HOME: join(path, 'bridge') }
  return {
    path,
    environment,
    /** Writes a file and gives its path. */
    write(/** @type {string} */ name, /** @type {string} */ text) {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text, { mode: 0o600 })
      return file
    },
    /** Runs a command to its end, in the home or `folder`. @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
    command(
      /** @type {string[]} */ args,
      /** @type {NodeJS.ProcessEnv} */ extra = {},
      program = PROGRAM,
      /** @type {{ cwd?: string, uid?: number, gid?: number }} */ where = {},
    ) {
      return new Promise((resolve) => {
        execFile(
          process.execPath,
          [program, ...args],
          { env: { ...environment, ...extra }, cwd: path, ...where },
          (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
        )
      })
    },
    remove() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}
