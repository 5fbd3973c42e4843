// The OS keychain for commands: each call is a separate process that ends with this one, whatever the keychain does.
import { fileURLToPath } from 'node:url'
import type { SecretStore } from '../../ports.ts'
import { childEnvironment } from '../process/childEnvironment.ts'
import { ANSWERS_WITHIN_MS, SILENT, unavailable } from './inProcess.ts'
import type { KeychainAnswer, KeychainCall } from './worker.ts'

/** @throws BridgeError keychain_unavailable from every call when there is no keychain, or a locked one */
export const keychain: SecretStore = {
  get: (name) => ask({ call: 'get', name }),
  set: async (name, secret) => void (await ask({ call: 'set', name, secret })),
  delete: async (name) => void (await ask({ call: 'delete', name })),
}

/**
 * The secret, if there is one. In this process, a call could not be cancelled: a keychain that hangs blocks everything when it is
 * connected to, and a normal exit waits for its thread.
 */
async function ask(asked: KeychainCall): Promise<string | undefined> {
  const { spawn } = await import('node:child_process')
  const program = fileURLToPath(new URL('./keychainWorker.js', import.meta.url))
  return new Promise((resolve, reject) => {
    // Detached: a Ctrl-C at the terminal reaches only us. The child ends when its stdin ends, and so with us.
    const child = spawn(process.execPath, [program], {
      detached: true,
      env: childEnvironment(process.env),
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    })
    const fail = (why: string) => reject(unavailable(why))
    const silence = setTimeout(() => {
      child.kill('SIGKILL')
      fail(SILENT)
    }, ANSWERS_WITHIN_MS)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.once('error', ({ message }) => fail(message))
    child.once('close', () => {
      clearTimeout(silence)
      const answer: KeychainAnswer = text === '' ? { error: 'the call ended without a result' } : JSON.parse(text)
      if (answer.error === undefined) resolve(answer.secret)
      else fail(answer.error)
    })
    child.stdin.on('error', () => undefined)
    child.stdin.write(`${JSON.stringify(asked)}\n`)
  })
}
