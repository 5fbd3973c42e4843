// Sign-out: revokes the tokens at the authorization server (RFC 7009), then deletes them, even if the server is down.
import { wantNewClient } from '../../auth/client/newClient.ts'
import { TOKEN_LEASE_MS, tokenLease } from '../../auth/tokens/coordinatedRefresh.ts'
import type { App } from '../../compose/app.ts'
import { keyOf } from '../../config/target.ts'
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { TokenStore } from '../../ports.ts'
import { sameKey, type TokenKey } from '../../records.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'
import type { CommandLine } from '../words/args.ts'
import { refuseProfile } from '../words/everyProfile.ts'

type Parts = Pick<App, 'config' | 'clock' | 'log' | 'storage' | 'oauth'>

/** Composes the app for another server, with that one's settings; the caller closes it. */
type ComposeFor = (key: TokenKey) => Promise<Pick<App, 'oauth' | 'close'>>

export async function logout(
  app: Parts,
  line: CommandLine,
  { stderr }: ProcessIO,
  composeFor: ComposeFor,
): Promise<number> {
  if (line.has('all') && line.server !== undefined)
    throw new BridgeError('usage', {
      message: `Pass either a server or --all to logout, not both.`,
      hint: 'Nobody was signed out. Omit one of them.',
    })
  if (line.has('all')) refuseProfile(line, 'logout --all')
  const { tokens, leases, clients, keyBackends, giveUpLostKey } = await app.storage.open()
  const accounts = (await tokens.list()).filter(({ signedIn }) => signedIn)
  const chosen = line.has('all') ? accounts : accounts.filter(sameKey(keyOf(app.config)))
  if (chosen.length === 0)
    stderr.write(
      line.has('all')
        ? 'Nobody is signed in.\n'
        : `Nobody is signed in to ${withoutQueries(keyOf(app.config).server)}.\n`,
    )
  for (const account of chosen) {
    // Under the tokens' lease, so that no bridge refreshes what is being revoked.
    const revoked = await leases.run(tokenLease(account), TOKEN_LEASE_MS, async () => {
      const left = (await tokens.list()).filter(({ signedIn, issuer }) => signedIn && issuer === account.issuer)
      const alone = left.length === 1
      const outcome = line.has('keep-remote') ? 'kept' : await revoke(app, account, composeFor, alone)
      await forget(tokens, account)
      return outcome
    })
    const profile = account.profile === 'default' ? '' : ` (${account.profile})`
    const from = withoutControls(withoutQueries(account.server) + profile)
    stderr.write(`Signed out of ${from}${NOTE[revoked]}.\n`)
  }
  // Whoever signs out because no sign-in works begins anew: also the registration may be the reason. Without a key, nothing is stored.
  if (!line.has('all') && (await keyBackends()).length > 0) await beginAnew(app).catch(() => undefined)
  // Registrations are deleted too: without the sealing key, their secrets would prevent a new key.
  if (line.has('all')) await clients.removeAll()
  if (line.has('all') && chosen.length > 0) await giveUpLostKey().catch(() => undefined)
  return 0
}

async function beginAnew({ config, clock, storage }: Parts): Promise<void> {
  const { cache } = await storage.open()
  await wantNewClient(cache, keyOf(config).server, clock.now())
}

const NOTE = {
  kept: '; the tokens remain valid at the server',
  revoked: '; the tokens are revoked',
  refreshRevoked: '; the refresh token is revoked, the access token remains valid until it expires',
  unsupported: '; the server does not support revocation, so the tokens remain valid until they expire',
  failed: '; revocation failed, so the tokens remain valid until they expire',
} as const

/** A token that cannot be read or revoked must not prevent its deletion. `alone`: nobody else needs the registration of its client. */
async function revoke(
  { config, log, storage, oauth: ours }: Parts,
  key: TokenKey,
  composeFor: ComposeFor,
  alone: boolean,
): Promise<keyof typeof NOTE> {
  let other: Awaited<ReturnType<ComposeFor>> | undefined
  try {
    const { tokens } = await (await storage.open()).tokens.load(key)
    if (!tokens) return 'failed'
    // Client, endpoints, network limits and certificates of one server must not be used for the tokens of another.
    other = config.server?.url === key.server ? undefined : await composeFor(key)
    const clients = await (other?.oauth ?? ours).clients()
    const oauth = await clients.connect(
      tokens.issuer,
      await clients.ofTokens(tokens.issuer, tokens.clientId, tokens.redirectUri),
    )
    const refresh = tokens.refreshToken !== undefined && (await oauth.revoke(tokens.refreshToken, 'refresh_token'))
    const access = await oauth.revoke(tokens.accessToken, 'access_token')
    if (alone) await clients.forget(tokens.issuer, tokens.redirectUri, tokens.clientId)
    return access && (refresh || tokens.refreshToken === undefined)
      ? 'revoked'
      : refresh
        ? 'refreshRevoked'
        : 'unsupported'
  } catch (thrown) {
    const error = asBridgeError(thrown)
    log.warn('oauth:revoke', { code: error.code, message: error.message })
    return 'failed'
  } finally {
    await other?.close()
  }
}

async function forget(tokens: TokenStore, key: TokenKey): Promise<void> {
  for (;;) {
    const account = (await tokens.list()).find(sameKey(key))
    if (!account?.signedIn || (await tokens.remove(key, account.generation))) return
  }
}
