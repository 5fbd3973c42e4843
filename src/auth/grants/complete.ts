// The last step of every sign-in: checks the account, verifies and stores the tokens, and finishes or fails the attempt.
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { AttemptStore, Logger, TokenStore } from '../../ports.ts'
import type { Attempt, TokenKey, TokenSet } from '../../records.ts'
import { checkAccount } from './account.ts'

export interface CompleteOptions {
  readonly attempts: AttemptStore
  readonly store: TokenStore
  readonly log: Logger
  /** One request to the attempt's own server with its tokens. @throws BridgeError unauthorized when that refuses them */
  readonly verifyTokens: (server: string, tokens: TokenSet) => Promise<void>
}

/** `account`: the e-mail or subject that must have signed in. @throws BridgeError account_mismatch, unauthorized */
export async function completeSignIn(
  { attempts, store, log, verifyTokens }: CompleteOptions,
  attempt: Attempt,
  tokens: TokenSet,
  account: string | undefined,
): Promise<void> {
  checkAccount(account, tokens)
  try {
    await verifyTokens(attempt.server, tokens)
  } catch (thrown) {
    await keepRefused(store, attempt, tokens, asBridgeError(thrown).message).catch(() => undefined)
    throw thrown
  }
  // The attempt that replaced this one has different options.
  if ((await attempts.byId(attempt.id))?.successor !== undefined)
    throw new BridgeError('login_failed', {
      message: 'Another sign-in with different options replaced this one.',
      hint: 'Finish that one in the newest browser tab, or start again.',
    })
  await storeTokens(store, attempt, tokens)
  await attempts.settle(attempt.id, { status: 'finished' })
  log.info('oauth:signed-in', { server: attempt.server, profile: attempt.profile, issuer: tokens.issuer })
}

/** Tokens that the server refuses do not replace stored ones; if there are none, they are kept for `doctor`. */
async function keepRefused(store: TokenStore, key: TokenKey, tokens: TokenSet, reason: string): Promise<void> {
  if ((await store.load(key)).tokens !== undefined) return
  const generation = await storeTokens(store, key, tokens)
  await store.unrenewable(key, generation, reason, 'token_expired')
}

/** A new sign-in overrides the stored one, even if that has just changed. Resolves to its generation. */
export async function storeTokens(store: TokenStore, key: TokenKey, tokens: TokenSet): Promise<number> {
  for (;;) {
    const { generation } = await store.load(key)
    if (await store.replace(key, tokens, generation)) return generation + 1
  }
}
