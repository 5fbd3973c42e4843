// Sign-in by device code: shows address and code, polls, and ends when any process has completed the attempt.
import type { DeviceSignIn } from '../../auth/grants/deviceCode.ts'
import { asBridgeError } from '../../errors.ts'
import type { Attempt } from '../../records.ts'
import { withoutControls } from '../../redaction/text.ts'
import { aborted, interruptionOf, rejectOn, type SignInMethod } from '../attempt/race.ts'
import { awaitAttempt } from '../attempt/request.ts'
import { ATTEMPT_LEASE_MS, attemptLease } from '../attempt/serve.ts'
import type { SignInDeps, SignInTerminal } from '../deps.ts'

/**
 * Resolves when the tokens are stored, by this process or another one.
 * @throws BridgeError device_unsupported, or as the attempt ended
 */
export async function signInByDevice(
  deps: Pick<SignInDeps, 'attempts' | 'leases' | 'clock' | 'log' | 'deviceCode'>,
  attempt: Attempt,
  ending: AbortSignal,
  terminal: SignInTerminal,
): Promise<void> {
  const { attempts, leases, clock, log } = deps
  // If another login process owns the attempt, it has a browser tab; the first to finish completes it.
  const lease = await leases.take(attemptLease(attempt.id), ATTEMPT_LEASE_MS)
  const stop = new AbortController()
  try {
    const signIn = await (await deps.deviceCode()).start(attempt)
    const minutes = Math.max(1, Math.floor((signIn.expiresAt - clock.now()) / 60_000))
    terminal.write(await deviceText(signIn, terminal))
    terminal.write(`Waiting for you to finish there (up to ${minutes} min) …\n`)
    const settled = awaitAttempt({ attempts, clock, tell: () => undefined }, attempt.id)
    await Promise.race([settled, signIn.complete(stop.signal), rejectOn(ending)])
  } catch (thrown) {
    const error = asBridgeError(thrown)
    const { code, message, hint } = error
    log.warn('oauth:sign-in-failed', { code, message })
    if (lease && interruptionOf(error) !== 'from outside')
      await attempts.settle(attempt.id, { status: 'failed', code, message, hint })
    throw error
  } finally {
    stop.abort()
    await lease?.release()
  }
}

export interface DeviceMethodOptions {
  readonly say: (text: string) => void
  /** The browser's address is shown; a code beside it comes after. */
  readonly shown: Promise<void>
  readonly terminal: Pick<SignInTerminal, 'qrCode'>
}

/** The same as one method among others: whatever fails before a person has agreed leaves the others open. */
export function byDevice(
  { deviceCode, log }: Pick<SignInDeps, 'deviceCode' | 'log'>,
  { say, shown, terminal }: DeviceMethodOptions,
): SignInMethod {
  return async (attempt, signal) => {
    await Promise.race([shown, aborted(signal)])
    try {
      signal.throwIfAborted()
      const signIn = await (await deviceCode()).start(attempt)
      say(`Or use another device. ${await deviceText(signIn, terminal)}`)
      await signIn.complete(signal)
    } catch (thrown) {
      const { code, details } = asBridgeError(thrown)
      // The person has done their part on the other device, so nobody comes back to this terminal.
      if (!signal.aborted && details.grantSpent === true) throw thrown
      if (!signal.aborted) log.info('oauth:device', { code })
    }
  }
}

async function deviceText(signIn: DeviceSignIn, terminal: Pick<SignInTerminal, 'qrCode'>): Promise<string> {
  const { verificationUri, verificationUriComplete, userCode } = signIn
  const text = `Open this address on any device:  ${verificationUri}\nand enter this code:  ${withoutControls(userCode)}\n`
  const code = await terminal.qrCode(addressOfCode(verificationUri, verificationUriComplete))
  return code === '' ? text : `${text}\n${code}\n\n`
}

/** Nobody can read a QR code before following it: it must lead to the origin of the printed address. */
export function addressOfCode(printed: string, complete: string | undefined): string {
  return complete !== undefined && new URL(complete).origin === new URL(printed).origin ? complete : printed
}
