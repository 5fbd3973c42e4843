// Checks the sealing key: where it is stored, and whether it can be read.
import { BridgeError } from '../../errors.ts'
import type { Check } from '../report/context.ts'
import { failed, pass, warn } from '../report/finding.ts'

export const keychain: Check = {
  name: 'keychain',
  about: 'machine',
  limitMs: 8_000,
  late: 'keychain_locked',
  async run({ config: { secretStore } }, findings) {
    const { look } = findings
    const places = look?.keyBackends() ?? []
    if (look && places.length > 0) {
      findings.keyless = true
      const key = await look.sealingKey()
      delete findings.keyless
      return key
        ? pass(`The sealing key is in the ${places.join(' and the ')}.`)
        : pass('The sealing key is missing, but nothing is encrypted with it. The next sign-in creates a new one.')
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
        'Nothing, or start the keychain before the first sign-in.',
        thrown.code,
      )
    }
  },
}
