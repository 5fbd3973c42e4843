// Whether somebody is signed in to a server, for a command that changes nothing in the database.
import { existsSync } from 'node:fs'
import { compose } from '../compose/app.ts'
import type { Config } from '../config/config.ts'
import { keyOf } from '../config/target.ts'
import { sameKey } from '../records.ts'
import type { ProcessIO } from './process.ts'
import { runtimeOf } from './runtime.ts'
import type { CommandLine } from './words/args.ts'

/** False also where the database cannot be read: what is wrong with it is not this command's subject. */
export async function isSignedIn(config: Config, io: ProcessIO, line: CommandLine): Promise<boolean> {
  if (!existsSync(config.database)) return false
  const app = compose(config, runtimeOf(io, config, line))
  try {
    const stores = await app.storage.look()
    try {
      const ours = (await stores.tokens.list()).find(sameKey(keyOf(config)))
      return ours?.signedIn === true && ours.lastErrorCode !== 'token_expired'
    } finally {
      stores.close()
    }
  } catch {
    return false
  } finally {
    await app.close()
  }
}
