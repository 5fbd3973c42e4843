// An authorizer that is opened on first use: a store that fails to open fails a request and not the process.
import { memoizeAsync } from '../memoizeAsync.ts'
import type { Authorizer } from '../ports.ts'

export function createLazyAuthorizer(open: () => Promise<Authorizer>): Authorizer {
  const opening = memoizeAsync(open)
  /** Every message asks for headers: once it is open nobody waits for a promise. */
  let opened: Authorizer | undefined
  return {
    headers(method, url) {
      if (opened) return opened.headers(method, url)
      return opening().then((made) => {
        opened = made
        return made.headers(method, url)
      })
    },
    onNonce: async (answer) => (await opening()).onNonce(answer),
    outlived: async (headers) => (await (await opening()).outlived?.(headers)) ?? false,
    onRefused: async (refused) => (await opening()).onRefused?.(refused),
    onChallenge: async (answer, refused, cause) => (await opening()).onChallenge(answer, refused, cause),
  }
}

/** Reads tokens and key while the host is still starting; what fails here fails again, and is told, with the first request. */
export function readAhead(authorizer: Authorizer, url: URL): void {
  Promise.resolve(authorizer.headers('POST', url)).catch(() => undefined)
}
