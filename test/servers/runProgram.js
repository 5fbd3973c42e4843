// Runs the built program once, to its end.
import { execFile } from 'node:child_process'
import { PROGRAM } from './host.js'

/**
 * @param {readonly string[]} words
 * @param {NodeJS.ProcessEnv} env its whole environment
 * @param {{ cwd: string, uid?: number, gid?: number }} where
 * @param {string} [program]
 * @returns {Promise<{ code: number, stdout: string, stderr: string }>}
 */
export function runProgram(words, env, where, program = PROGRAM) {
  return new Promise((resolve) => {
    const options = { env, ...where, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, [program, ...words], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}
