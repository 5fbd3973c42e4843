// The OS keychain in this process, for a bridge: a separate process for each call would slow down every start.
import { BridgeError } from '../../errors.ts'
import type { SecretStore } from '../../ports.ts'
import { quote } from '../../redaction/text.ts'
import { openEntry, readSecret } from './entry.ts'

type AsyncEntry = ReturnType<typeof openEntry>

/** @throws BridgeError keychain_unavailable from every call when there is no keychain, or a locked one */
export const inProcessKeychain: SecretStore = {
  get: (name) => withEntry(name, readSecret),
  set: (name, secret) => withEntry(name, (entry) => entry.setSecret(Buffer.from(secret))),
  delete: (name) => withEntry(name, async (entry) => void (await entry.deleteCredential())),
}

export const SILENT = 'it does not respond; an unlock prompt may be open'

/** The error of both kinds of call, with the first line of `why`. */
export const unavailable = (why: string, cause?: unknown) =>
  new BridgeError('keychain_unavailable', {
    message: `The OS keychain cannot be used: ${quote(why.split('\n')[0] ?? '')}.`,
    cause,
  })

/** An unlock prompt may stay open indefinitely; the call fails after this time, in ms. */
export const ANSWERS_WITHIN_MS = 20_000

let calls = 0

/** Pending keychain calls. A normal exit would wait for them. */
export const pendingKeychainCalls = () => calls

async function withEntry<T>(name: string, work: (entry: AsyncEntry) => Promise<T>): Promise<T> {
  try {
    const entry = openEntry(name)
    calls++
    const answer = work(entry).finally(() => calls--)
    return await Promise.race([answer, silence()])
  } catch (cause) {
    throw unavailable(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function silence(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(SILENT)), ANSWERS_WITHIN_MS).unref()
  })
}
