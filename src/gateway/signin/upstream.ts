// Begins the sign-in at a provider, bound to the browser that asks for it
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { sha256 } from '../../sha256.ts'
import type { SignInDeps } from './deps.ts'

export interface Upstream {
  readonly provider: string
  /** The authorization request that waits for it; '': none, somebody signs in without a client. */
  readonly flow: string
  /** Path of the server it is for; '': no certain one. */
  readonly server: string
}

/** The cookie of the sign-in that waits under this state. */
export const flowCookie = (state: string) => `flow-${sha256(state).slice(0, 22)}`

/** Resolves to the provider's address; sets the cookie without which its redirect is not taken. @throws BridgeError why it cannot begin */
export async function beginUpstream(
  { signIn, cookies, settings }: SignInDeps,
  response: ServerResponse,
  { provider, flow, server }: Upstream,
): Promise<URL> {
  const secret = randomBytes(32).toString('base64url')
  const { url, state } = await signIn.begin(provider, { flow, server, browser: sha256(secret) })
  const seconds = Math.ceil(settings.sessionTimeoutMs / 1_000)
  cookies.set(response, { name: flowCookie(state), value: secret, seconds })
  return url
}
