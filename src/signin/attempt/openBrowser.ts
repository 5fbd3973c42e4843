// Opens the browser at the address of a sign-in, which goes on meanwhile: an opener may return late, or fail.
import { asBridgeError } from '../../errors.ts'
import type { SignInDeps } from '../deps.ts'

type OpenDeps = Pick<SignInDeps, 'attempts' | 'browser' | 'log'>

/** If a process hangs while it opens the tab of an attempt, another one may open it after this time, in ms. */
const TAB_LEASE_MS = 10_000

/** `stuck` is called where it could not be opened. Never rejects. */
export async function openBrowser(deps: OpenDeps, attemptId: string, url: URL, stuck: () => void): Promise<void> {
  const { attempts, browser, log } = deps
  const warn = warning(log)
  try {
    const ours = await browser()
    const opened = ours.open(url)
    // Noted when the browser is on its way: a process that is killed before leaves the tab to the next one, and no person waits for a
    // tab that never comes. Noted and logged before it is awaited: the sign-in, and with it this process, may be over before the opener is.
    const noted = attempts.tabOpened(attemptId).catch(warn)
    log.info('oauth:browser', { outcome: 'opening', origin: url.origin })
    await Promise.all([opened, noted])
  } catch (thrown) {
    warn(thrown)
    stuck()
  }
}

const warning = (log: SignInDeps['log']) => (thrown: unknown) => {
  const { code, message } = asBridgeError(thrown)
  log.warn('oauth:browser', { code, message })
}

/** The same, once for all processes that see to this attempt, now or later. Never rejects. */
export async function openBrowserOnce(
  deps: OpenDeps & Pick<SignInDeps, 'leases'>,
  attemptId: string,
  url: URL,
): Promise<void> {
  const { attempts, leases, log } = deps
  const open = async () => {
    const lease = await leases.take(`tab:${attemptId}`, TAB_LEASE_MS)
    if (!lease) return
    try {
      const attempt = await attempts.byId(attemptId)
      if (attempt && attempt.openedAt === undefined) await openBrowser(deps, attemptId, url, () => undefined)
    } finally {
      await lease.release()
    }
  }
  await open().catch(warning(log))
}
