// Sign-out: revokes the tokens at the authorization server (RFC 7009), then deletes them, even if the server is down.
import { TOKEN_LEASE_MS, tokenLease } from '../../auth/tokens/tokens.ts'
import type { App } from '../../compose/app.ts'
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { TokenKey } from '../../records.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import type { CommandLine } from '../words/args.ts'

/** `composeFor`: the same for another server, with its own settings; the caller of it closes it. */
export async function logout(
  composed: App,
  line: CommandLine,
  composeFor: (key: TokenKey) => Promise<App>,
): Promise<number> {
  if (line.has('all') && line.server !== undefined)
    throw new BridgeError('usage', {
      message: `Pass either a server or --all to logout, not both.`,
      hint: 'Nobody was signed out. Omit one of them.',
    })
  const { tokens } = await composed.store()
  const accounts = (await tokens.list()).filter(({ signedIn }) => signedIn)
  const chosen = line.has('all') ? accounts : accounts.filter(same(composed.key()))
  if (chosen.length === 0)
    composed.stderr.write(
      line.has('all') ? 'Nobody is signed in.\n' : `Nobody is signed in to ${withoutQueries(composed.key().server)}.\n`,
    )
  const { leases, clients } = await composed.store()
  for (const account of chosen) {
    // Under the tokens' lease, so that no bridge refreshes what is being revoked.
    const revoked = await leases.run(tokenLease(account), TOKEN_LEASE_MS, async () => {
      const outcome = line.has('keep-remote') ? 'kept' : await revoke(composed, account, composeFor)
      await forget(composed, account)
      return outcome
    })
    const profile = account.profile === 'default' ? '' : ` (${account.profile})`
    const from = withoutControls(withoutQueries(account.server) + profile)
    composed.stderr.write(`Signed out of ${from}${NOTE[revoked]}.\n`)
  }
  // Registrations are deleted too: without the sealing key, their secrets would prevent a new key.
  if (line.has('all')) await clients.removeAll()
  return 0
}

const NOTE = {
  kept: '; the tokens remain valid at the server',
  revoked: '; the tokens are revoked',
  refreshRevoked: '; the refresh token is revoked, the access token remains valid until it expires',
  unsupported: '; the server does not support revocation, so the tokens remain valid until they expire',
  failed: '; revocation failed, so the tokens remain valid until they expire',
} as const

/** A token that cannot be read or revoked must not prevent its deletion. */
async function revoke(
  composed: App,
  key: TokenKey,
  composeFor: (key: TokenKey) => Promise<App>,
): Promise<keyof typeof NOTE> {
  let own: App | undefined
  try {
    const { tokens: store } = await composed.store()
    const { tokens } = await store.load(key)
    if (!tokens) return 'failed'
    // Client, endpoints, network limits and certificates of one server must not be used for the tokens of another.
    own = composed.config.server?.url === key.server ? undefined : await composeFor(key)
    const clients = await (own ?? composed).clients()
    const oauth = await clients.connect(
      tokens.issuer,
      await clients.ofTokens(tokens.issuer, tokens.clientId, tokens.redirectUri),
    )
    const refresh = tokens.refreshToken !== undefined && (await oauth.revoke(tokens.refreshToken, 'refresh_token'))
    const access = await oauth.revoke(tokens.accessToken, 'access_token')
    return access && (refresh || tokens.refreshToken === undefined)
      ? 'revoked'
      : refresh
        ? 'refreshRevoked'
        : 'unsupported'
  } catch (thrown) {
    const error = asBridgeError(thrown)
    composed.log.warn('oauth:revoke', { code: error.code, message: error.message })
    return 'failed'
  } finally {
    await own?.close()
  }
}

async function forget(composed: App, key: TokenKey): Promise<void> {
  const { tokens } = await composed.store()
  for (;;) {
    const account = (await tokens.list()).find(same(key))
    if (!account?.signedIn || (await tokens.remove(key, account.generation))) return
  }
}

const same = (key: TokenKey) => (other: TokenKey) => other.server === key.server && other.profile === key.profile
