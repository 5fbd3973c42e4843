// Runs the built program once, to its end.
import { execFile } from 'node:child_process'
import { PROGRAM } from './host.ts'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface Where {
  readonly cwd: string
  readonly uid?: number
  readonly gid?: number
}

/** `env` is its whole environment. */
export function runProgram(words: readonly string[], env: NodeJS.ProcessEnv, where: Where, program = PROGRAM) {
  return new Promise<Run>((resolve) => {
    const options = { env, ...where, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, [program, ...words], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    )
  })
}
