// One call of the OS keychain in a separate process: an unanswered prompt blocks nothing else, and the call can be cancelled.
import { writeFileSync } from 'node:fs'
import { openEntry, readSecret } from './entry.ts'
import { ANSWERS_ON, type KeychainAnswer, type KeychainCall } from './keychainCall.ts'

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
    .then((answer) => {
      writeFileSync(ANSWERS_ON, JSON.stringify(answer))
      process.exit(0)
    })
})
// The parent process is gone. A normal exit would wait for the prompt.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'))
