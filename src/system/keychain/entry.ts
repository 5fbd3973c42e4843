// Opens one item of the OS keychain: the only file that loads @napi-rs/keyring.
import { createRequire } from 'node:module'
import { whyUnloaded } from './whyUnloaded.ts'

type AsyncEntry = import('@napi-rs/keyring').AsyncEntry

const SERVICE = 'mcp-oauth-bridge'

/** @throws when the package, which is optional, is not installed or cannot load on this system */
export function openEntry(name: string): AsyncEntry {
  const { AsyncEntry } = load()
  // Unpinned, Linux would fall back to the kernel keyring, which is lost at reboot (decisions/0002).
  return new AsyncEntry(SERVICE, name, { linux: { store: 'secret-service' } })
}

function load(): typeof import('@napi-rs/keyring') {
  try {
    return createRequire(import.meta.url)('@napi-rs/keyring')
  } catch (thrown) {
    throw new Error(whyUnloaded(thrown), { cause: thrown })
  }
}

/** Why the keychain cannot be used at all on this machine; undefined: the package loads. Asks the keychain nothing. */
export function whyNoKeychain(): string | undefined {
  try {
    load()
    return undefined
  } catch (thrown) {
    return (thrown as Error).message
  }
}

/** undefined: the item does not exist. */
export async function readSecret(entry: AsyncEntry): Promise<string | undefined> {
  const bytes = await entry.getSecret()
  return bytes === null ? undefined : Buffer.from(bytes).toString('utf8')
}
