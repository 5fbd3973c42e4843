// The login command of a person, and the login process that a bridge starts.
import type { Composed } from '../compose.ts'
import { asBridgeError, BridgeError, withoutControls, withoutQueries } from '../errors.ts'
import type { Attempt, Challenge } from '../records.ts'
import { type Offered, openBrowser, rejectOn, seeThrough } from './attempt.ts'
import { instructions } from './instructions.ts'
import { paperOf, wrapWords } from './paint.ts'
import { byPasting } from './paste.ts'
import { shellQuote } from './shellQuote.ts'
import { clockText, startSpinner } from './spinner.ts'

export interface LoginWishes {
  readonly when: 'if-needed' | 'again'
  /** `paste`: no browser is opened, and the callback may be impossible. */
  readonly how: 'browser' | 'paste' | 'device'
}

export async function login(composed: Composed, ending: AbortSignal, { when, how }: LoginWishes): Promise<number> {
  const { store, stderr, clock, config, key } = composed
  const { attempts, tokens } = await store()
  const { server, profile } = key()
  const shown = `${withoutQueries(server)}${profile === 'default' ? '' : ` (profile ${withoutControls(profile)})`}`
  // A server that is silent, or a keychain whose prompt nobody answers: Ctrl-C ends the wait at once.
  const interruptible = <T>(work: Promise<T>) => Promise.race([work, rejectOn(ending)])
  if (when === 'if-needed' && (await interruptible(isSignedIn(composed)))) {
    stderr.write(`Already signed in to ${shown}. Use --force to sign in again.\n`)
    return 0
  }
  if (composed.server().grant === 'client_credentials') return interruptible(loginAsProgram(composed))
  const challenge = await interruptible(challengeOf(composed))
  const begin = attempts.begin(key(), challenge, clock.now() + config.sessionTimeoutMs)
  const { attempt, begun } = await interruptible(begin)
  if (!begun) stderr.write('A sign-in to this server is already waiting.\n')
  try {
    if (how === 'device') await (await import('./device.ts')).signInByDevice(composed, attempt, ending)
    else await signInByBrowser(composed, attempt, ending, how)
  } catch (thrown) {
    throw unasked(asBridgeError(thrown), challenge, server)
  }
  const account = (await tokens.list()).find((row) => row.server === server && row.profile === profile)
  stderr.write(`Signed in to ${shown}${account?.email ? ` as ${withoutControls(account.email)}` : ''}.\n`)
  return 0
}

/** A server that did not ask for a sign-in may need none, or the URL is no MCP endpoint: missing metadata is no news then. */
function unasked(error: BridgeError, { status }: Challenge, server: string): BridgeError {
  if (error.code !== 'discovery_failed' || status === 401) return error
  const url = withoutQueries(server)
  return new BridgeError('discovery_failed', {
    message: `${url} does not ask for a sign-in (it answered ${status}), and no authorization server was found for it.`,
    hint: `If it works without one, use it without login. Else check the URL: mcp-oauth-bridge doctor ${shellQuote(url)}`,
    cause: error,
  })
}

async function signInByBrowser(composed: Composed, attempt: Attempt, ending: AbortSignal, how: 'browser' | 'paste') {
  const { offered, done } = await offer(composed, attempt, how)
  try {
    await seeThrough(composed, attempt, ending, offered)
  } finally {
    done()
  }
}

/** No person, no browser, no attempt: the same path as a bridge takes when its token is refused. */
async function loginAsProgram(composed: Composed): Promise<number> {
  const { tokens: store } = await composed.store()
  const held = (await store.load(composed.key())).tokens?.accessToken
  await (await composed.tokens()).renew(held, await challengeOf(composed), 'call')
  composed.stderr.write(`Signed in to ${withoutQueries(composed.key().server)} with client credentials.\n`)
  return 0
}

/** Nobody reads this process's output: the attempt row tells how it ended. */
export async function runAttempt(composed: Composed, attemptId: string, ending: AbortSignal): Promise<number> {
  const attempt = await (await composed.store()).attempts.byId(attemptId)
  const opens = await composed.opensBrowser()
  const telling = {
    planned: (url: URL) => void (opens && openBrowser(composed, url, () => undefined)),
    joined: () => undefined,
  }
  if (attempt) await seeThrough(composed, attempt, ending, { telling, ways: [], callback: 'needed' })
  return 0
}

/** The ways in for a person at a terminal, and what they are told about them; `done` takes the moving line away. */
async function offer(
  composed: Composed,
  attempt: Attempt,
  how: 'browser' | 'paste',
): Promise<{ offered: Offered; done: () => void }> {
  const { stdin, stderr, environment, clock } = composed
  const { width } = paperOf(stderr, environment)
  let stop: () => void = () => undefined
  /** The last line tells how long the sign-in is still waited for. */
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
      say(`Your browser opens ${url.origin} for the sign-in. Finish there.\n`)
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
  const device = async () => (await import('./device.ts')).byDevice(composed, { say, shown: untilShown })
  return {
    offered: {
      telling: { planned: show, joined },
      ways: [...(pastes ? [paste] : []), ...(opens || how === 'paste' ? [] : [await device()])],
      callback: how === 'paste' ? 'optional' : 'needed',
    },
    done: () => stop(),
  }
}

async function isSignedIn({ tokens, clock }: Composed): Promise<boolean> {
  const set = await (await tokens()).current()
  return set !== undefined && (set.expiresAt === undefined || set.expiresAt > clock.now())
}

/** The server has this long to ask for a sign-in, in ms, also where request_timeout lets calls take longer. */
const CHALLENGE_MS = 60_000

/** Asks the server without a token, so that its challenge can name its metadata and scope. */
async function challengeOf({ http, server, config }: Composed): Promise<Challenge> {
  const { parseChallenge } = await import('../auth/challenge.ts')
  const { headOf } = await import('../auth/deadline.ts')
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
