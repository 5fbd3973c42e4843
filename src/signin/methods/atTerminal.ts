// The methods that a person at a terminal is offered for one attempt, and what they are told about each.
import type { Attempt } from '../../records.ts'
import { openBrowser } from '../attempt/openBrowser.ts'
import type { SignInEvents, SignInOptions } from '../attempt/run.ts'
import type { SignInDeps, SignInTerminal } from '../deps.ts'
import { byDevice } from './device.ts'
import { instructions } from './instructions.ts'
import { byPasting } from './paste.ts'

/** A command that is started again this soon after a tab was opened does not open another, in ms. */
const STILL_OPEN_MS = 60_000

/** Windows opens no address over 2,081 characters, and does not say so (ShellExecute). */
const LONGEST_OPENED = 2_000

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
  const show = (url: URL, redirectUri: string) => {
    const byHand = { url, redirectUri, desktop, environment, answers } as const
    if (opens) {
      const stuck = () => say(`The browser could not be opened. ${instructions(byHand)}`)
      say(`Opening ${url.origin} in your browser. Finish the sign-in there.\n`)
      if (url.href.length > LONGEST_OPENED) say(`If no tab opens, open this address:\n${url.href}\n`)
      void openBrowser(deps, attempt.id, url, stuck)
    } else say(instructions(byHand))
  }
  const sayAddress = (url: URL) => say(`Its address is:\n${url.href}\n`)
  let isShown = false
  const once = (tell: () => void) => {
    if (!isShown) tell()
    isShown = true
    tellShown()
  }
  const events: SignInEvents = {
    planned: (url, redirectUri) => once(() => show(url, redirectUri)),
    joined: (url, redirectUri) => once(() => (attempt.plan ? show(url, redirectUri) : sayAddress(url))),
    resumed: (url, redirectUri, openedAt = 0) =>
      once(() => {
        const isOpen = opens && openedAt <= deps.clock.now() && deps.clock.now() < openedAt + STILL_OPEN_MS
        if (!isOpen) return show(url, redirectUri)
        say('Its browser tab is still open. Finish the sign-in there.\n')
        sayAddress(url)
      }),
  }
  const stateOf = async ({ id, state }: Attempt) => (await deps.attempts.byId(id))?.state ?? state
  const answer = async (query: URLSearchParams) => (await deps.authorizationCode()).handleCallback(query)
  return {
    events,
    methods: [
      ...(pastes ? [byPasting({ stdin, say, shown, stateOf, answer })] : []),
      ...(opens || how === 'paste' ? [] : [byDevice(deps, { say, shown, terminal })]),
    ],
    callback: how === 'paste' ? 'optional' : 'needed',
  }
}
