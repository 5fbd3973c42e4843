// Opens the browser at the address of a sign-in, which goes on meanwhile: an opener may return late, or fail.
import { asBridgeError } from '../../errors.ts'
import type { SignInDeps } from '../deps.ts'

/** `stuck` is called where it could not be opened. Never rejects. */
export async function openBrowser(
  { browser, log }: Pick<SignInDeps, 'browser' | 'log'>,
  url: URL,
  stuck: () => void,
): Promise<void> {
  // Logged before: the sign-in, and with it this process, may be over before the opener is.
  log.info('oauth:browser', { outcome: 'opening', origin: url.origin })
  try {
    await (await browser()).open(url)
  } catch (thrown) {
    const error = asBridgeError(thrown)
    log.warn('oauth:browser', { code: error.code, message: error.message })
    stuck()
  }
}
