// Runs serve.key_command once, without a shell: what it prints is the key, and is shown nowhere.
import { spawn } from 'node:child_process'
import { BridgeError } from '../../errors.ts'
import { quote } from '../../redaction/text.ts'
import { withoutOwnVariables } from '../process/childEnvironment.ts'

/** How long it may take, in ms. */
const LONGEST_MS = 30_000
const MOST_BYTES = 64 * 1024

/** @throws BridgeError key_missing */
export function keyCommand([program = '', ...words]: readonly string[], longestMs = LONGEST_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    // It signs in at a key service with variables that look like secrets, because they are.
    const child = spawn(program, words, {
      env: withoutOwnVariables(process.env),
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
    })
    let isOver = false
    const fail = (why: string) => {
      if (isOver) return
      isOver = true
      child.kill('SIGKILL')
      child.stdout.destroy()
      clearTimeout(silence)
      reject(
        new BridgeError('key_missing', {
          message: `serve.key_command (${quote(program)}) gave no key: ${why}.`,
          hint: 'Run the command yourself as the same user. It must print the key, and nothing else, and exit with 0.',
        }),
      )
    }
    const silence = setTimeout(() => fail(`it did not end within ${longestMs / 1000} s`), longestMs)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunks.reduce((sum, { length }) => sum + length, 0) > MOST_BYTES) fail('it printed more than 64 KB')
    })
    child.once('error', (thrown: NodeJS.ErrnoException) =>
      fail(thrown.code === 'ENOENT' ? 'the program was not found' : `it could not be started (${thrown.code})`),
    )
    child.once('close', (code, signal) => {
      if (code !== 0) return fail(code === null ? `it was ended by ${signal}` : `it exited with ${code}`)
      if (isOver) return
      isOver = true
      clearTimeout(silence)
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
  })
}
