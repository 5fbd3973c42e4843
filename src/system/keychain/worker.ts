// One call of the OS keychain in a separate process: an unanswered prompt blocks nothing else, and the call can be cancelled.
import { openEntry, readSecret } from './entry.ts'

/** One line of JSON on stdin; one object of JSON on stdout, with `secret` or `error`. */
export interface KeychainCall {
  readonly call: 'get' | 'set' | 'delete'
  readonly name: string
  readonly secret?: string
}

export interface KeychainAnswer {
  readonly secret?: string | undefined
  readonly error?: string
}

async function answerTo({ call, name, secret = '' }: KeychainCall): Promise<KeychainAnswer> {
  const entry = openEntry(name)
  if (call === 'set') await entry.setSecret(Buffer.from(secret))
  if (call === 'delete') await entry.deleteCredential()
  return call === 'get' ? { secret: await readSecret(entry) } : {}
}

let line = ''
process.stdin.setEncoding('utf8').on('data', (chunk: string) => {
  line += chunk
  if (!line.endsWith('\n')) return
  void answerTo(JSON.parse(line) as KeychainCall)
    .catch((thrown: unknown) => ({ error: thrown instanceof Error ? thrown.message : String(thrown) }))
    .then((answer) => process.stdout.write(JSON.stringify(answer), () => process.exit(0)))
})
// The parent process is gone. A normal exit would wait for the prompt.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'))
