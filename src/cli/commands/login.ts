// The login command, and the login process that a bridge starts.
import { checkAccount, isAccount } from '../../auth/grants/account.ts'
import { covers, union } from '../../auth/tokens/scopes.ts'
import type { App } from '../../compose/app.ts'
import { fits, wishesOf } from '../../config/wishes.ts'
import { asBridgeError, BridgeError } from '../../errors.ts'
import type { Attempt, Challenge, Wishes } from '../../records.ts'
import { withoutControls, withoutQueries } from '../../redaction/text.ts'
import { shellQuote } from '../../shellQuote.ts'
import type { QrWish } from '../../signin/device.ts'
import { instructions } from '../../signin/instructions.ts'
import { byPasting } from '../../signin/paste.ts'
import { awaitSignIn, successorOf } from '../../signin/request.ts'
import { openBrowser, rejectOn, runSignIn, type SignInOptions } from '../../signin/run.ts'
import { clockText, startSpinner } from '../terminal/spinner.ts'
import { createStyle, wrapWords } from '../terminal/style.ts'

export interface LoginWishes {
  readonly when: 'if-needed' | 'again'
  /** `paste`: no browser is opened, and the callback may be impossible. */
  readonly how: 'browser' | 'paste' | 'device'
  /** A QR code of the address for a device code. */
  readonly qr: QrWish
}

export async function login(composed: App, ending: AbortSignal, asked: LoginWishes): Promise<number> {
  const { when, how, qr } = asked
  const { store, stderr, clock, config, key } = composed
  const { attempts, tokens } = await store()
  const { server, profile } = key()
  const shown = withoutControls(`${withoutQueries(server)}${profile === 'default' ? '' : ` (profile ${profile})`}`)
  // A server that is silent, or a keychain whose prompt nobody answers: Ctrl-C ends the wait at once.
  const interruptible = <T>(work: Promise<T>) => Promise.race([work, rejectOn(ending)])
  if (when === 'if-needed' && (await interruptible(isSignedIn(composed)))) {
    stderr.write(`Already signed in to ${shown}. Use --force to sign in again.\n`)
    return 0
  }
  if (composed.server().grant === 'client_credentials') return interruptible(loginAsProgram(composed))
  const challenge = await interruptible(challengeOf(composed))
  const wishes = wishesOf(config)
  const asking = { wishes, fits: (waiting: Wishes) => fits(wishes, waiting) }
  const begin = attempts.begin(key(), challenge, clock.now() + config.sessionTimeoutMs, asking)
  const { attempt, begun, superseded } = await interruptible(begin)
  if (!begun) stderr.write('A sign-in to this server is already pending.\n')
  if (superseded) stderr.write('A sign-in with different options was pending; this one replaces it.\n')
  try {
    if (how === 'device') await (await import('../../signin/device.ts')).signInByDevice(composed, attempt, ending, qr)
    else await signInByBrowser(composed, attempt, ending, { how, qr })
  } catch (thrown) {
    const successor = successorOf(thrown)
    if (successor === undefined) throw unasked(asBridgeError(thrown), challenge, server)
    stderr.write('Another sign-in with different options replaced this one. Waiting for it.\n')
    const tell = (url: string) => void stderr.write(`Its address is:\n${url}\n`)
    await interruptible(awaitSignIn({ attempts, clock, tell }, successor))
  }
  // Whichever process completed it.
  const { tokens: set } = await tokens.load(key())
  checkAccount(config.account, set ?? {})
  const account = (await tokens.list()).find((row) => row.server === server && row.profile === profile)
  stderr.write(`Signed in to ${shown}${account?.email ? ` as ${withoutControls(account.email)}` : ''}.\n`)
  return 0
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

type BrowserWishes = Pick<LoginWishes, 'qr'> & { readonly how: 'browser' | 'paste' }

async function signInByBrowser(composed: App, attempt: Attempt, ending: AbortSignal, wishes: BrowserWishes) {
  const { offered, done } = await offer(composed, attempt, wishes)
  try {
    await runSignIn(composed, attempt, ending, offered)
  } finally {
    done()
  }
}

/** No person, no browser, no attempt: the same path as for a bridge whose token is refused. */
async function loginAsProgram(composed: App): Promise<number> {
  const { tokens: store } = await composed.store()
  const held = (await store.load(composed.key())).tokens?.accessToken
  await (await composed.tokens()).renew(held, await challengeOf(composed), 'call')
  composed.stderr.write(`Signed in to ${withoutQueries(composed.key().server)} with client credentials.\n`)
  return 0
}

/** Nobody reads this process's output: the attempt row records the outcome. */
export async function runAttempt(composed: App, attemptId: string, ending: AbortSignal): Promise<number> {
  const attempt = await (await composed.store()).attempts.byId(attemptId)
  const opens = await composed.opensBrowser()
  const telling = {
    planned: (url: URL) => void (opens && openBrowser(composed, url, () => undefined)),
    joined: () => undefined,
  }
  if (attempt) await runSignIn(composed, attempt, ending, { telling, ways: [], callback: 'needed' })
  return 0
}

/** The sign-in methods at a terminal, and their instructions; `done` removes the animated line. */
async function offer(
  composed: App,
  attempt: Attempt,
  { how, qr }: BrowserWishes,
): Promise<{ offered: SignInOptions; done: () => void }> {
  const { stdin, stderr, environment, clock } = composed
  const { width } = createStyle(stderr, environment)
  let stop: () => void = () => undefined
  /** The last line shows the remaining time of the sign-in. */
  const say = (text: string) => {
    stop()
    stderr.write(wrapWords(text, width))
    const left = () => clockText(attempt.expiresAt - clock.now())
    stop = startSpinner(stderr, environment, () => `Waiting for you to finish (${left()} left)`)
  }
  const surroundings = await composed.surroundings()
  const opens = how === 'browser' && (await composed.opensBrowser())
  const pastes = how === 'paste' || (stdin.isTTY === true && stderr.isTTY === true)
  const answers = pastes ? 'pasted' : 'callback only'
  let shown = () => {}
  const show = (url: URL, redirectUri: string) => {
    const ways = { url, redirectUri, surroundings, environment, answers } as const
    if (opens) {
      say(`Opening ${url.origin} in your browser. Finish the sign-in there.\n`)
      void openBrowser(composed, url, () => say(`The browser could not be opened. ${instructions(ways)}`))
    } else say(instructions(ways))
    shown()
  }
  const joined = (url: URL, redirectUri: string) => {
    if (attempt.plan) return show(url, redirectUri)
    say(`Its address is:\n${url.href}\n`)
    shown()
  }
  const untilShown = new Promise<void>((resolve) => {
    shown = resolve
  })
  const paste = byPasting({
    stdin,
    say,
    shown: untilShown,
    answer: async (query) => (await composed.login()).answer(query),
  })
  const device = async () => (await import('../../signin/device.ts')).byDevice(composed, { say, shown: untilShown, qr })
  return {
    offered: {
      telling: { planned: show, joined },
      ways: [...(pastes ? [paste] : []), ...(opens || how === 'paste' ? [] : [await device()])],
      callback: how === 'paste' ? 'optional' : 'needed',
    },
    done: () => stop(),
  }
}

/** The options of this sign-in: account, scope, resource and client. */
async function isSignedIn({ tokens, clock, config, server }: App): Promise<boolean> {
  const set = await (await tokens()).current()
  if (set === undefined || (set.expiresAt !== undefined && set.expiresAt <= clock.now())) return false
  const { scopes, resource, clientId } = server()
  return (
    (config.account === undefined || isAccount(config.account, set.user)) &&
    (scopes === undefined || covers(union(set.scope, set.requestedScope), scopes.join(' '))) &&
    (resource === undefined || resource === (set.resource ?? 'none')) &&
    (clientId === undefined || clientId === set.clientId)
  )
}

/** The server has this long to ask for a sign-in, in ms, also where request_timeout lets calls take longer. */
const CHALLENGE_MS = 60_000

/** Asks the server without a token, so that its challenge can name its metadata and scope. */
async function challengeOf({ http, server, config }: App): Promise<Challenge> {
  const { parseChallenge } = await import('../../auth/challenge.ts')
  const { headOf } = await import('../../auth/discovery/deadline.ts')
  const request = {
    method: 'POST',
    url: new URL(server().url),
    headers: { ...server().headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":"sign-in","method":"ping"}',
    idleMs: config.requestTimeoutMs,
  } as const
  const response = await headOf(http, request, CHALLENGE_MS, () => new BridgeError('server_timeout'))
  return parseChallenge(response.status, response.headers['www-authenticate'])
}
