// Opens the browser at the address of a sign-in, which goes on meanwhile: an opener may return late, or fail.
import { asBridgeError } from '../../errors.ts'
import type { SignInDeps } from '../deps.ts'

/** `stuck` is called where it could not be opened, `claim` right before it is: false opens none. Never rejects. */
export async function openBrowser(
  { browser, log }: Pick<SignInDeps, 'browser' | 'log'>,
  url: URL,
  stuck: () => void,
  claim: () => Promise<boolean> = async () => true,
): Promise<void> {
  try {
    const ours = await browser()
    if (!(await claim())) return
    // Begun before it is logged: a process that ends in between would leave a sign-in without a tab. Logged before it is awaited: the
    // sign-in, and with it this process, may be over before the opener is.
    const opened = ours.open(url)
    log.info('oauth:browser', { outcome: 'opening', origin: url.origin })
    await opened
  } catch (thrown) {
    const error = asBridgeError(thrown)
    log.warn('oauth:browser', { code: error.code, message: error.message })
    stuck()
  }
}
