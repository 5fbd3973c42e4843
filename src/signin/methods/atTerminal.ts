// The methods that a person at a terminal is offered for one attempt, and what they are told about each.
import type { Attempt } from '../../records.ts'
import { openBrowser } from '../attempt/openBrowser.ts'
import type { SignInOptions } from '../attempt/run.ts'
import type { SignInDeps, SignInTerminal } from '../deps.ts'
import { byDevice } from './device.ts'
import { instructions } from './instructions.ts'
import { byPasting } from './paste.ts'

/** `paste`: no browser is opened, and the callback may be impossible. */
export async function methodsAtTerminal(
  deps: SignInDeps,
  attempt: Attempt,
  terminal: SignInTerminal,
  how: 'browser' | 'paste',
): Promise<SignInOptions> {
  const { stdin, environment } = terminal
  const say = (text: string) => terminal.show(text, attempt.expiresAt)
  const desktop = await deps.desktop()
  const opens = how === 'browser' && (await deps.opensBrowser())
  const pastes = how === 'paste' || terminal.interactive
  const answers = pastes ? 'pasted' : 'callback only'
  let tellShown = () => {}
  const shown = new Promise<void>((resolve) => {
    tellShown = resolve
  })
  const planned = (url: URL, redirectUri: string) => {
    const byHand = { url, redirectUri, desktop, environment, answers } as const
    if (opens) {
      say(`Opening ${url.origin} in your browser. Finish the sign-in there.\n`)
      void openBrowser(deps, url, () => say(`The browser could not be opened. ${instructions(byHand)}`))
    } else say(instructions(byHand))
    tellShown()
  }
  const joined = (url: URL, redirectUri: string) => {
    if (attempt.plan) return planned(url, redirectUri)
    say(`Its address is:\n${url.href}\n`)
    tellShown()
  }
  const answer = async (query: URLSearchParams) => (await deps.authorizationCode()).handleCallback(query)
  return {
    events: { planned, joined },
    methods: [
      ...(pastes ? [byPasting({ stdin, say, shown, answer })] : []),
      ...(opens || how === 'paste' ? [] : [byDevice(deps, { say, shown, terminal })]),
    ],
    callback: how === 'paste' ? 'optional' : 'needed',
  }
}
