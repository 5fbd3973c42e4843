// Asks the MCP server without a token, so that its challenge can name its metadata and scope.
import { parseChallenge } from '../../auth/challenge.ts'
import { headOf } from '../../auth/discovery/deadline.ts'
import { BridgeError } from '../../errors.ts'
import { mcpDiscover, mcpPing } from '../../mcp/requests.ts'
import type { Challenge } from '../../records.ts'
import type { SignInDeps } from '../deps.ts'

/** The server has this long to ask for a sign-in, in ms, also where request_timeout lets calls take longer. */
const CHALLENGE_MS = 60_000

/** @throws BridgeError server_timeout, server_unreachable, … */
export async function challengeOf({ http, settings }: Pick<SignInDeps, 'http' | 'settings'>): Promise<Challenge> {
  const { key, headers, requestTimeoutMs } = settings
  const ask = async (asking: typeof mcpPing | typeof mcpDiscover) => {
    const request = { ...asking(key.server, headers, 'sign-in'), idleMs: requestTimeoutMs }
    const { status, headers: said } = await headOf(http, request, CHALLENGE_MS, () => new BridgeError('server_timeout'))
    return parseChallenge(status, said['www-authenticate'])
  }
  const challenge = await ask(mcpPing)
  // Some servers of 2026-07-28 look at the headers of that revision before they look for a token.
  if (![400, 404, 405].includes(challenge.status)) return challenge
  const other = await ask(mcpDiscover).catch(() => challenge)
  return other.status === 401 ? other : challenge
}
