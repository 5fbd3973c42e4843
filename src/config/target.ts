// Which server and profile a command is about.
import { BridgeError } from '../errors.ts'
import type { TokenKey } from '../records.ts'
import type { Config, ServerConfig } from './config.ts'

type Target = Pick<Config, 'server' | 'serverNames' | 'profile'>

/** @throws BridgeError usage if no server was given */
export function serverOf({ server, serverNames }: Pick<Target, 'server' | 'serverNames'>): ServerConfig {
  if (server) return server
  const names = serverNames.join(', ')
  const hint = names === '' ? 'Pass its URL, or add it to config.yaml.' : `Pass its URL, or one of: ${names}.`
  throw new BridgeError('usage', { message: 'No server was given.', hint })
}

/** Names the row of the tokens. @throws BridgeError usage where no server is named */
export const keyOf = (config: Target): TokenKey => ({ server: serverOf(config).url, profile: config.profile })
