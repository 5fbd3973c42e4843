// One call of the OS keychain, in a process of its own: a prompt that nobody answers holds up nothing else, and can be given up.
import { createRequire } from 'node:module'

const SERVICE = 'mcp-oauth-bridge'

/** @param {{ call: 'get' | 'set' | 'delete', name: string, secret?: string }} asked */
async function answerTo({ call, name, secret = '' }) {
  const { AsyncEntry } = createRequire(import.meta.url)('@napi-rs/keyring')
  // Unpinned, Linux would fall back to the kernel keyring, which is lost at reboot (decisions/0002).
  const entry = new AsyncEntry(SERVICE, name, { linux: { store: 'secret-service' } })
  if (call === 'set') await entry.setSecret(Buffer.from(secret))
  if (call === 'delete') await entry.deleteCredential()
  const bytes = call === 'get' ? await entry.getSecret() : null
  return bytes === null ? {} : { secret: Buffer.from(bytes).toString('utf8') }
}

let line = ''
process.stdin.setEncoding('utf8').on('data', (chunk) => {
  line += chunk
  if (!line.endsWith('\n')) return
  answerTo(JSON.parse(line))
    .catch((thrown) => ({ error: String(thrown?.message ?? thrown) }))
    .then((answer) => process.stdout.write(JSON.stringify(answer), () => process.exit(0)))
})
// Whoever asked is gone. An orderly exit would wait for the prompt.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'))
