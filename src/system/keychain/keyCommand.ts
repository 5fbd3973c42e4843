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
    const child = start(program, words)
    let isOver = false
    const fail = (why: string) => {
      if (isOver) return
      isOver = true
      child.kill('SIGKILL')
      child.stdout.destroy()
      clearTimeout(silence)
      reject(noKey(program, why))
    }
    const silence = setTimeout(() => fail(`it did not end within ${longestMs / 1000} s`), longestMs)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (chunks.reduce((sum, { length }) => sum + length, 0) > MOST_BYTES) fail('it printed more than 64 KB')
    })
    child.once('error', (error) => fail(whyNotStarted(program, error)))
    child.once('close', (code, signal) => {
      if (code !== 0) return fail(code === null ? `it was ended by ${signal}` : `it exited with ${code}`)
      if (isOver) return
      isOver = true
      clearTimeout(silence)
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
  })
}

/** Node tells some failures by an event, and throws the others. */
function start(program: string, words: readonly string[]) {
  try {
    // It signs in at a key service with variables that look like secrets, because they are.
    return spawn(program, words, {
      env: withoutOwnVariables(process.env),
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
    })
  } catch (thrown) {
    throw noKey(program, whyNotStarted(program, thrown as Error))
  }
}

const noKey = (program: string, why: string) =>
  new BridgeError('key_missing', {
    message: `serve.key_command (${quote(program)}) gave no key: ${why}.`,
    hint: 'Run the command yourself as the same user. It must print the key, and nothing else, and exit with 0.',
  })

/** `EINVAL` is how Node refuses the scripts of Windows. */
export function whyNotStarted(program: string, { code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'the program was not found'
  if (code === 'EINVAL' && /\.(bat|cmd)$/i.test(program))
    return 'it must be a program, and Windows runs a .bat or .cmd only by a shell'
  return `it could not be started (${code})`
}
