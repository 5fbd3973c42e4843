// Performs a sign-in by device code: shows address and code, polls, and ends when any process has completed the attempt.

import type { DeviceSignIn } from '../auth/grants/deviceCode.ts'
import { createStyle } from '../cli/terminal/style.ts'
import type { App } from '../compose/app.ts'
import { asBridgeError } from '../errors.ts'
import type { Attempt } from '../records.ts'
import { withoutControls } from '../redaction/text.ts'
import { aborted, type SignInMethod } from './race.ts'
import { attemptLease, awaitAttempt } from './request.ts'
import { LEASE_MS, rejectOn } from './run.ts'

/**
 * Resolves when the tokens are stored, by this process or another one.
 * @throws BridgeError device_unsupported, or as the attempt ended
 */
export async function signInByDevice(composed: App, attempt: Attempt, ending: AbortSignal, qr: QrWish): Promise<void> {
  const { attempts, leases } = await composed.store()
  // If another login process owns the attempt, it has a browser tab; the first to finish completes it.
  const mine = await leases.take(attemptLease(attempt.id), LEASE_MS)
  const stop = new AbortController()
  try {
    const signIn = await (await composed.deviceLogin()).start(attempt)
    const minutes = Math.max(1, Math.floor((signIn.expiresAt - composed.clock.now()) / 60_000))
    composed.stderr.write(await deviceText(composed, signIn, qr))
    composed.stderr.write(`Waiting for you to finish there (up to ${minutes} min) …\n`)
    const settled = awaitAttempt({ attempts, clock: composed.clock, tell: () => undefined }, attempt.id)
    await Promise.race([settled, signIn.complete(stop.signal), rejectOn(ending)])
  } catch (thrown) {
    const error = asBridgeError(thrown)
    composed.log.warn('oauth:sign-in-failed', { code: error.code, message: error.message })
    if (mine)
      await attempts.settle(attempt.id, {
        status: 'failed',
        code: error.code === 'cancelled' ? 'login_failed' : error.code,
        message: error.message,
        hint: error.hint,
      })
    throw error
  } finally {
    stop.abort()
    mine?.release()
  }
}

export interface DeviceTelling {
  readonly say: (text: string) => void
  /** The browser's address is shown; a code beside it comes after. */
  readonly shown: Promise<void>
  readonly qr: QrWish
}

export type QrWish = 'shown' | 'left out'

/** The same as one of several methods: a failure here does not end the others. */
export function byDevice(composed: App, { say, shown, qr }: DeviceTelling): SignInMethod {
  return async (attempt, signal) => {
    await Promise.race([shown, aborted(signal)])
    try {
      signal.throwIfAborted()
      const signIn = await (await composed.deviceLogin()).start(attempt)
      say(`Or use another device. ${await deviceText(composed, signIn, qr)}`)
      await signIn.complete(signal)
    } catch (thrown) {
      if (!signal.aborted) composed.log.info('oauth:device', { code: asBridgeError(thrown).code })
    }
  }
}

async function deviceText({ stderr, environment }: App, signIn: DeviceSignIn, qr: QrWish): Promise<string> {
  const { verificationUri, verificationUriComplete, userCode } = signIn
  const text = `Open this address on any device:  ${verificationUri}\nand enter this code:  ${withoutControls(userCode)}\n`
  if (!stderr.isTTY || qr === 'left out') return text
  const { qrCode } = await import('../system/person/qrCode.ts')
  const code = qrCode(addressOfCode(verificationUri, verificationUriComplete), createStyle(stderr, environment).width)
  return code === '' ? text : `${text}\n${code}\n\n`
}

/** Nobody can read a QR code before following it: it must lead to the origin of the printed address. */
export function addressOfCode(printed: string, complete: string | undefined): string {
  return complete !== undefined && new URL(complete).origin === new URL(printed).origin ? complete : printed
}
