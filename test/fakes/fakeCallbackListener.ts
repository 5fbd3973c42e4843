// A CallbackListener without ports: it keeps who listens where.
import { BridgeError } from '../../src/errors.ts'
import type { CallbackListener } from '../../src/ports.ts'

export interface FakeCallbackListener extends CallbackListener {
  /** Redirect URIs that other programs hold. */
  readonly taken: Set<string>
  readonly open: ReadonlySet<string>
  /** Every redirect URI that was listened on, in order. */
  readonly listened: readonly string[]
  /** From now on listening takes until `passed` settles. */
  hold(passed: Promise<void>): void
}

/** `failure`: what listening on a taken one throws. */
export function createFakeCallbackListener(
  taken: readonly string[] = [],
  failure = () => new BridgeError('port_in_use'),
): FakeCallbackListener {
  let free = 50_000
  const others = new Set(taken)
  const open = new Set<string>()
  const listened: string[] = []
  let held: Promise<void> | undefined
  return {
    taken: others,
    open,
    listened,
    hold(passed) {
      held = passed
      passed.catch(() => undefined)
    },
    async listen(redirectUri) {
      await held
      if (others.has(redirectUri) || open.has(redirectUri)) throw failure()
      open.add(redirectUri)
      listened.push(redirectUri)
      return { close: async () => void open.delete(redirectUri) }
    },
    async onFreePort(redirectUri) {
      const url = new URL(redirectUri)
      url.port = String(free++)
      return url.href
    },
  }
}
