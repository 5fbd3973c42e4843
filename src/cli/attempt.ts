// login --attempt: the login process of a bridge, which comes with nothing but one line on stdin: its settings and its attempt.
import { compose } from '../compose/app.ts'
import type { Config } from '../config/config.ts'
import type { LoginJob } from '../records.ts'
import { signInDetached } from '../signin/detached.ts'
import type { ProcessIO } from './process.ts'
import { runtimeOf } from './runtime.ts'
import { nameTarget } from './startedBy.ts'
import { goHome } from './workingFolder.ts'

/** Resolves to the exit code. @throws BridgeError as the attempt ended */
export async function runAttempt(io: ProcessIO): Promise<number> {
  const job = await readJob(io.stdin)
  // The bridge was gone before it had said everything: whoever waits for the attempt starts another process.
  if (job === undefined) return 0
  // The folder of the project stays free: somebody may want to move or unmount it.
  goHome()
  const config = job.config as Config
  nameTarget(config)
  const app = compose(config, runtimeOf(io, config))
  try {
    await signInDetached(await app.signIn(), job, io.ending)
    return 0
  } finally {
    await app.close()
  }
}

/** undefined: the line has no end. */
async function readJob(stdin: ProcessIO['stdin']): Promise<LoginJob | undefined> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) {
    chunks.push(chunk as Buffer)
    if ((chunk as Buffer).includes(10)) break
  }
  const [line, rest] = Buffer.concat(chunks).toString('utf8').split('\n', 2)
  return rest === undefined ? undefined : JSON.parse(line ?? '')
}
