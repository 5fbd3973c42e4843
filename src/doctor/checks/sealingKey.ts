// Checks the sealing key: where it is stored, and whether it can be read.
import { win32 } from 'node:path'
import { knownHome } from '../../disk/homeFolder.ts'
import { BridgeError } from '../../errors.ts'
import type { Check, CheckContext, Findings } from '../report/context.ts'
import { fail, failed, type Outcome, pass, skip, warn } from '../report/finding.ts'

export const keychain: Check = {
  name: 'keychain',
  about: 'machine',
  limitMs: 8_000,
  late: 'keychain_locked',
  async run(context, findings) {
    const { secretStore, dataFolder, postgres } = context.config
    if (postgres) return skip('PostgreSQL keeps no key: serve gets it from outside.')
    const { look } = findings
    const places = (await look?.keyBackends()) ?? []
    if (isServed(context, places)) {
      // Only serve reads what is sealed with several keys, or with that of a program.
      findings.keyless = true
      return servedKey(context, look)
    }
    if (look && places.length > 0) {
      findings.keyless = true
      const key = await look.sealingKey()
      delete findings.keyless
      if (key && places.includes('file') && isOutsideProfile(dataFolder))
        return warn(
          `The sealing key is in a file in ${dataFolder}, outside your profile: other users of this computer may be able to read it.`,
          'Set MCP_OAUTH_BRIDGE_HOME to a folder in your profile and sign in again, or set secret_store: keychain.',
          'permissions_unsafe',
        )
      if (!key)
        return pass('The sealing key is missing, but nothing is encrypted with it. The next sign-in creates a new one.')
      const why = await whyInFile(secretStore, places)
      const because = why === undefined ? '' : `, because the keychain cannot be used: ${why}`
      return pass(`The sealing key is in the ${places.join(' and the ')}${because}.`)
    }
    const wanted = `No key has been created yet (secret_store: ${secretStore}).`
    if (secretStore === 'file' || secretStore === 'env') return pass(wanted)
    try {
      const { keychain: system } = await import('../../system/keychain/childProcess.ts')
      await system.get('doctor')
      return pass(`${wanted} The keychain answers.`)
    } catch (thrown) {
      if (!(thrown instanceof BridgeError)) throw thrown
      if (secretStore === 'keychain') return failed(thrown)
      return warn(
        `${thrown.message} The key will be stored in a private file.`,
        'Nothing to do; or start the keychain before the first sign-in.',
        thrown.code,
      )
    }
  },
}

/** The database has no key of its own, and `serve` is given one in a way that the bridge does not know. */
function isServed({ config, environment }: CheckContext, places: readonly string[]): boolean {
  if (places.length > 0 && !places.includes('env')) return false
  const { MCP_OAUTH_BRIDGE_KEY: key, MCP_OAUTH_BRIDGE_KEY_FILE: file } = environment
  if (config.keyByCommand || file || /\S[\s,]+\S/.test(key ?? '')) return true
  return config.isGateway === true && !key && places.length > 0
}

/** Runs no command. @throws BridgeError config_invalid, config_not_found, key_missing */
async function servedKey({ config, environment, folder }: CheckContext, look: Findings['look']): Promise<Outcome> {
  if (config.keyByCommand) return skip('serve gets the sealing key from serve.key_command, which doctor does not run.')
  const { readServerKeys } = await import('../../system/keychain/serverKeys.ts')
  const keys = await readServerKeys({ environment, folder, command: undefined })
  if (keys.length === 0)
    return fail(
      'key_missing',
      'The database was sealed with a configured key, and none is configured here.',
      'Run doctor with the environment of serve, which sets MCP_OAUTH_BRIDGE_KEY or MCP_OAUTH_BRIDGE_KEY_FILE.',
    )
  if (!look || (await look.keyBackends()).length === 0)
    return pass('No key has been used yet. serve will use the configured one.')
  await look.demandKeyOf(keys)
  return pass('The database was sealed with the configured key.')
}

/** Why the key is, or would be, in a file only, where the keychain is preferred; undefined: it is not, or the keychain can be used. */
export async function whyInFile(secretStore: string, places: readonly string[]): Promise<string | undefined> {
  if (secretStore !== 'auto' || places.some((place) => place !== 'file')) return undefined
  return (await import('../../system/keychain/entry.ts')).whyNoKeychain()
}

/** Windows protects a file by the ACL of its folder, and that of the profile is private. */
export function isOutsideProfile(
  folder: string,
  { platform, home }: { platform: NodeJS.Platform; home: string | undefined } = {
    platform: process.platform,
    home: knownHome(),
  },
): boolean {
  if (platform !== 'win32' || home === undefined) return false
  const way = win32.relative(home, folder)
  return /^\.\.([\\/]|$)/.test(way) || win32.isAbsolute(way)
}
