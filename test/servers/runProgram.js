// Runs the built program once, to its end.
import { execFile } from 'node:child_process'
import { PROGRAM } from './host.js'

/** @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
export function runProgram(
  /** @type {readonly string[]} */ words,
  /** @type {NodeJS.ProcessEnv} */ env,
  /** @type {string} */ cwd,
) {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, ...words],
      { env, cwd, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}
