// The sign-in of a process that a bridge started: no terminal, only a browser and the callback.
import type { LoginJob } from '../records.ts'
import { openBrowserOnce } from './attempt/openBrowser.ts'
import { runSignIn, type SignInOptions } from './attempt/run.ts'
import type { SignInDeps } from './deps.ts'

/** Nobody reads this process's output: the attempt's row tells how it ended. @throws BridgeError as the attempt ended */
export async function signInDetached(
  deps: SignInDeps,
  { attemptId, tab }: Pick<LoginJob, 'attemptId' | 'tab'>,
  ending: AbortSignal,
): Promise<void> {
  const opens = tab === 'allowed' && (await deps.opensBrowser())
  const left = fromOutside(ending)
  let attempt = await deps.attempts.byId(attemptId)
  while (attempt) attempt = await runSignIn(deps, attempt, left, optionsOf(deps, attempt.id, opens))
}

function optionsOf(deps: SignInDeps, attemptId: string, opens: boolean): SignInOptions {
  const shown = (url: URL) => void (opens && openBrowserOnce(deps, attemptId, url))
  return { events: { planned: shown, joined: shown, resumed: shown }, methods: [], callback: 'needed' }
}

/** Ctrl-C in the terminal of a host is not about this sign-in. */
function fromOutside(ending: AbortSignal): AbortSignal {
  const end = new AbortController()
  if (ending.aborted) end.abort()
  else ending.addEventListener('abort', () => end.abort(), { once: true })
  return end.signal
}
