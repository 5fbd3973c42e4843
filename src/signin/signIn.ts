// The sign-in of a person at a terminal, from "somebody is needed" to tokens that are stored and that the server takes.
import { checkAccount, isAccount } from '../auth/grants/account.ts'
import { covers, union } from '../auth/tokens/scopes.ts'
import { asBridgeError, BridgeError } from '../errors.ts'
import { type AccountSummary, type Attempt, type Challenge, sameKey } from '../records.ts'
import { withoutQueries } from '../redaction/text.ts'
import { shellQuote } from '../shellQuote.ts'
import { challengeOf } from './attempt/challenge.ts'
import { rejectOn } from './attempt/race.ts'
import { awaitSignIn, successorOf } from './attempt/request.ts'
import { runSignIn } from './attempt/run.ts'
import type { SignInDeps, SignInTerminal } from './deps.ts'
import { methodsAtTerminal } from './methods/atTerminal.ts'
import { signInByDevice } from './methods/device.ts'

export interface SignInWishes {
  readonly when: 'if-needed' | 'again'
  readonly how: 'browser' | 'paste' | 'device'
}

export type SignedIn =
  | { readonly as: 'before' }
  | { readonly as: 'client' }
  | { readonly as: 'person'; readonly account: AccountSummary | undefined }

/** @throws BridgeError as the attempt ended; cancelled when `ending` aborts */
export async function signIn(
  deps: SignInDeps,
  { when, how }: SignInWishes,
  terminal: SignInTerminal,
  ending: AbortSignal,
): Promise<SignedIn> {
  // A server that is silent, or a keychain whose prompt nobody answers: Ctrl-C ends the wait at once.
  const interruptible = <T>(work: Promise<T>) => Promise.race([work, rejectOn(ending)])
  if (when === 'if-needed' && (await interruptible(isSignedIn(deps)))) return { as: 'before' }
  if (deps.settings.grant === 'client_credentials') {
    await interruptible(signInAsClient(deps))
    return { as: 'client' }
  }
  const challenge = await interruptible(challengeOf(deps))
  if (when === 'again') await interruptible(deps.wantNewClient())
  const attempt = await interruptible(beginOrJoin(deps, challenge, terminal, when))
  try {
    await complete(deps, attempt, ending, how, terminal)
  } catch (thrown) {
    const successor = successorOf(thrown)
    if (successor === undefined) throw unasked(asBridgeError(thrown), challenge, deps.settings.key.server)
    terminal.write('Another sign-in with different options replaced this one. Waiting for it.\n')
    const { attempts, clock } = deps
    const tell = (url: string) => terminal.write(`Its address is:\n${url}\n`)
    await interruptible(awaitSignIn({ attempts, clock, tell }, successor))
  }
  return { as: 'person', account: await accountOf(deps) }
}

async function beginOrJoin(
  { attempts, clock, settings, fits }: SignInDeps,
  challenge: Challenge,
  terminal: SignInTerminal,
  when: SignInWishes['when'],
): Promise<Attempt> {
  const { key, wishes, sessionTimeoutMs } = settings
  // What is pending may wait at an error page, with the client that is to be replaced.
  const asking = { wishes, fits: when === 'again' ? () => false : fits }
  const { attempt, begun, superseded } = await attempts.begin(key, challenge, clock.now() + sessionTimeoutMs, asking)
  if (!begun) terminal.write('A sign-in to this server is already pending.\n')
  if (superseded) terminal.write('A sign-in with different options was pending; this one replaces it.\n')
  return attempt
}

async function complete(
  deps: SignInDeps,
  attempt: Attempt,
  ending: AbortSignal,
  how: SignInWishes['how'],
  terminal: SignInTerminal,
): Promise<void> {
  if (how === 'device') return signInByDevice(deps, attempt, ending, terminal)
  try {
    for (let next: Attempt | undefined = attempt; next; )
      next = await runSignIn(deps, next, ending, await methodsAtTerminal(deps, next, terminal, how))
  } finally {
    terminal.stop()
  }
}

/** Who signed in, however it came about and whoever saw to it. @throws BridgeError account_mismatch */
async function accountOf({ store, settings }: SignInDeps): Promise<AccountSummary | undefined> {
  const { key, account } = settings
  const { tokens } = await store.load(key)
  checkAccount(account, tokens ?? {})
  return (await store.list()).find(sameKey(key))
}

/** No person, no browser, no attempt: the same path as for a bridge whose token is refused. */
async function signInAsClient(deps: SignInDeps): Promise<void> {
  const held = (await deps.store.load(deps.settings.key)).tokens?.accessToken
  await (await deps.tokens()).renew(held, await challengeOf(deps), 'call')
}

/** The options of this sign-in: account, scope, resource and client. */
async function isSignedIn({ tokens, clock, settings, store }: SignInDeps): Promise<boolean> {
  const set = await (await tokens()).current()
  if (set === undefined || (set.expiresAt !== undefined && set.expiresAt <= clock.now())) return false
  const { account, scopes, resource, clientId, key } = settings
  // Nothing renews it, or the server refused it when it was new: who runs `login` then is here to sign in.
  const { lastError, refusedAt } = await store.load(key)
  if (lastError !== undefined || refusedAt !== undefined) return false
  return (
    (account === undefined || isAccount(account, set.user)) &&
    (scopes === undefined || covers(union(set.scope, set.requestedScope), scopes.join(' '))) &&
    (resource === undefined || resource === (set.resource ?? 'none')) &&
    (clientId === undefined || clientId === set.clientId)
  )
}

/** A server that did not ask for a sign-in may not need one, or the URL is not an MCP endpoint: this explains missing metadata. */
function unasked(error: BridgeError, { status }: Challenge, server: string): BridgeError {
  if (error.code !== 'discovery_failed' || status === 401) return error
  const url = withoutQueries(server)
  return new BridgeError('discovery_failed', {
    message: `${url} does not ask for a sign-in (it answered ${status}), and no authorization server was found for it.`,
    hint: `If the server needs no sign-in, use it without login. Otherwise check the URL: mcp-oauth-bridge doctor ${shellQuote(url)}`,
    cause: error,
  })
}
