// The sign-in of a process that a bridge started: no terminal, only a browser and the callback.
import { openBrowser } from './attempt/openBrowser.ts'
import { runSignIn, type SignInEvents } from './attempt/run.ts'
import type { SignInDeps } from './deps.ts'

/** Nobody reads this process's output: the attempt's row tells how it ended. @throws BridgeError as the attempt ended */
export async function signInDetached(deps: SignInDeps, attemptId: string, ending: AbortSignal): Promise<void> {
  const attempt = await deps.attempts.byId(attemptId)
  const opens = await deps.opensBrowser()
  const events: SignInEvents = {
    planned: (url) => void (opens && openBrowser(deps, url, () => undefined)),
    joined: () => undefined,
  }
  if (attempt) await runSignIn(deps, attempt, ending, { events, methods: [], callback: 'needed' })
}
