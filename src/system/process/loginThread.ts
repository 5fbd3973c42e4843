// Runs the login process as a thread of the bridge, where no second Node can be started: Claude Desktop runs bundles in Electron's own Node.
import { Writable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { BridgeError } from '../../errors.ts'
import type { LoginJob } from '../../records.ts'

/**
 * Resolves when it runs and has its job. It ends with this process: the attempt stays, and a later process goes on with it.
 * @throws BridgeError internal
 */
export async function launchThread(program: string, job: LoginJob): Promise<void> {
  // Its output goes to the log file only, like that of the login process.
  const thread = new Worker(program, { argv: ['login', '--attempt'], stdin: true, stdout: true, stderr: true })
  thread.unref()
  thread.stdout.resume()
  thread.stderr.resume()
  const { stdin } = thread
  if (stdin instanceof Writable) stdin.end(`${JSON.stringify(job)}\n`)
  await new Promise<void>((resolve, reject) => {
    thread.once('online', resolve)
    thread.once('exit', () => resolve())
    // Also later: what happens to it must not happen to the bridge.
    thread.on('error', (cause) =>
      reject(new BridgeError('internal', { message: 'The sign-in could not be started.', cause })),
    )
  })
}
