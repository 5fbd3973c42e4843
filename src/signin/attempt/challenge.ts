// Asks the MCP server without a token, so that its challenge can name its metadata and scope.
import { parseChallenge } from '../../auth/challenge.ts'
import { headOf } from '../../auth/discovery/deadline.ts'
import { BridgeError } from '../../errors.ts'
import { mcpPing } from '../../mcp/requests.ts'
import type { Challenge } from '../../records.ts'
import type { SignInDeps } from '../deps.ts'

/** The server has this long to ask for a sign-in, in ms, also where request_timeout lets calls take longer. */
const CHALLENGE_MS = 60_000

/** @throws BridgeError server_timeout, server_unreachable, … */
export async function challengeOf({ http, settings }: Pick<SignInDeps, 'http' | 'settings'>): Promise<Challenge> {
  const { key, headers, requestTimeoutMs } = settings
  const request = { ...mcpPing(key.server, headers, 'sign-in'), idleMs: requestTimeoutMs }
  const response = await headOf(http, request, CHALLENGE_MS, () => new BridgeError('server_timeout'))
  return parseChallenge(response.status, response.headers['www-authenticate'])
}
