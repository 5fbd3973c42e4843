// Picks the ways to a person: their desktop, their browser, and the listener that their browser comes back to.
import type { Config } from '../config/config.ts'
import { memoizeAsync } from '../memoizeAsync.ts'
import type { Browser, CallbackListener } from '../ports.ts'
import type { Desktop } from '../system/person/desktop.ts'

export interface Person {
  /** Detected only when a sign-in is needed. */
  readonly desktop: () => Promise<Desktop>
  /** Whether a browser that we open reaches the person, who wants it opened. */
  readonly opensBrowser: () => Promise<boolean>
  readonly browser: () => Promise<Browser>
  readonly listener: () => Promise<CallbackListener>
}

export function composePerson({ browser: program, openBrowser }: Config, environment: NodeJS.ProcessEnv): Person {
  const desktop = memoizeAsync(async () =>
    (await import('../system/person/desktop.ts')).detectDesktop(environment, program),
  )
  return {
    desktop,
    opensBrowser: async () => openBrowser && (await desktop()).browser !== 'none',
    async browser() {
      const { createBrowser } = await import('../system/person/browser.ts')
      return createBrowser({ program, environment, surroundings: await desktop() })
    },
    listener: async () => (await import('../system/callback/server.ts')).callbackServer,
  }
}
