// Opens one item of the OS keychain: the only file that loads @napi-rs/keyring.
import { createRequire } from 'node:module'

type AsyncEntry = import('@napi-rs/keyring').AsyncEntry

const SERVICE = 'mcp-oauth-bridge'

/** @throws when the package cannot load on this system */
export function openEntry(name: string): AsyncEntry {
  const { AsyncEntry } = createRequire(import.meta.url)('@napi-rs/keyring') as typeof import('@napi-rs/keyring')
  // Unpinned, Linux would fall back to the kernel keyring, which is lost at reboot (decisions/0002).
  return new AsyncEntry(SERVICE, name, { linux: { store: 'secret-service' } })
}

/** undefined: the item does not exist. */
export async function readSecret(entry: AsyncEntry): Promise<string | undefined> {
  const bytes = await entry.getSecret()
  return bytes === null ? undefined : Buffer.from(bytes).toString('utf8')
}
