// The OS keychain for commands: each call is a separate process that ends with this one, whatever the keychain does.
import type { ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { SecretStore } from '../../ports.ts'
import { childEnvironment } from '../process/childEnvironment.ts'
import { ANSWERS_WITHIN_MS, SILENT, unavailable } from './inProcess.ts'
import { ANSWERS_ON, type KeychainAnswer, type KeychainCall } from './keychainCall.ts'

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
  return new Promise((resolve, reject) => {
    const child = startWorker(spawn)
    const fail = (why: string) => reject(unavailable(why))
    const silence = setTimeout(() => {
      child.kill('SIGKILL')
      fail(SILENT)
    }, ANSWERS_WITHIN_MS)
    let text = ''
    const answers = child.stdio[ANSWERS_ON]
    if (answers instanceof Readable)
      answers.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
    child.once('error', ({ message }) => fail(message))
    child.once('close', () => {
      clearTimeout(silence)
      const answer = answerIn(text)
      if (answer.error === undefined) resolve(answer.secret)
      else fail(answer.error)
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.write(`${JSON.stringify(asked)}\n`)
  })
}

function startWorker(spawn: typeof import('node:child_process').spawn): ChildProcess {
  const program = fileURLToPath(new URL('./keychainWorker.js', import.meta.url))
  try {
    // Detached: a Ctrl-C at the terminal reaches only us. The child ends when its stdin ends, and so with us.
    return spawn(process.execPath, [program], {
      detached: true,
      env: childEnvironment(process.env),
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
      windowsHide: true,
    })
  } catch (thrown) {
    throw unavailable((thrown as Error).message, thrown)
  }
}

/** A child that was ended may have written nothing, or a part. */
function answerIn(text: string): KeychainAnswer {
  try {
    return JSON.parse(text)
  } catch {
    return { error: 'the call ended without a result' }
  }
}
