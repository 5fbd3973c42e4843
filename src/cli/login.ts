// The login command of a person, and the login process that a bridge starts.
import type { Composed } from '../compose.ts'
import { withoutControls, withoutQueries } from '../errors.ts'
import type { Challenge } from '../ports.ts'
import { openBrowser, seeThrough, type Telling } from './attempt.ts'

export async function login(composed: Composed, ending: AbortSignal, when: 'if-needed' | 'again'): Promise<number> {
  const { store, stderr, clock, config, key } = composed
  const { attempts, tokens } = await store()
  const { server, profile } = key()
  if (when === 'if-needed' && (await isSignedIn(composed))) {
    stderr.write(`Already signed in to ${withoutQueries(server)}. Use --force to sign in again.\n`)
    return 0
  }
  const { attempt, begun } = await attempts.begin(
    key(),
    await challengeOf(composed),
    clock.now() + config.sessionTimeoutMs,
  )
  const telling = tellingOf(composed)
  if (!begun) stderr.write('A sign-in to this server is already waiting.\n')
  if (attempt.plan) {
    const url = new URL(attempt.plan.authorizationUrl)
    telling.opens(url)
    if (config.openBrowser) void openBrowser(composed, url, telling)
  }
  await seeThrough(composed, attempt, ending, telling)
  const account = (await tokens.list()).find((row) => row.server === server && row.profile === profile)
  stderr.write(
    `Signed in to ${withoutQueries(server)}${account?.email ? ` as ${withoutControls(account.email)}` : ''}.\n`,
  )
  return 0
}

/** Nobody reads this process's output: the attempt row tells how it ended. */
export async function runAttempt(composed: Composed, attemptId: string, ending: AbortSignal): Promise<number> {
  const attempt = await (await composed.store()).attempts.byId(attemptId)
  const silent: Telling = { opens: () => undefined, stuck: () => undefined }
  if (attempt) await seeThrough(composed, attempt, ending, silent)
  return 0
}

function tellingOf({ config, stderr }: Composed): Telling {
  return {
    opens(url) {
      if (config.openBrowser)
        stderr.write(`Your browser opens ${url.origin} for the sign-in; waiting for you to finish there …\n`)
      else stderr.write(`Open this address to sign in:\n${url.href}\n`)
    },
    stuck(url) {
      stderr.write(`The browser could not be opened. Open this address yourself:\n${url.href}\n`)
    },
  }
}

async function isSignedIn({ tokens, clock }: Composed): Promise<boolean> {
  const set = await (await tokens()).current()
  return set !== undefined && (set.expiresAt === undefined || set.expiresAt > clock.now())
}

/** Asks the server without a token, so that its challenge can name its metadata and scope. */
async function challengeOf({ http, server, config }: Composed): Promise<Challenge> {
  const { parseChallenge } = await import('../auth/challenge.ts')
  const response = await http.request({
    method: 'POST',
    url: new URL(server().url),
    headers: { ...server().headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":"sign-in","method":"ping"}',
    idleMs: config.requestTimeoutMs,
  })
  response.discard()
  return parseChallenge(response.status, response.headers['www-authenticate'])
}
