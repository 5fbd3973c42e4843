// The terminal that a person signs in at: lines that fit, a moving line with the time that is left, and a QR code.
import type { Clock } from '../../ports.ts'
import type { SignInTerminal } from '../../signin/deps.ts'
import type { ProcessIO } from '../process.ts'
import { clockText, startSpinner } from './spinner.ts'
import { createStyle, wrapWords } from './style.ts'
import { isAtTerminal } from './tty.ts'

/** `qr`: whether a QR code is wanted. */
export function createSignInTerminal(
  { stdin, stderr, environment }: Pick<ProcessIO, 'stdin' | 'stderr' | 'environment'>,
  clock: Clock,
  qr: 'shown' | 'left out',
): SignInTerminal {
  const { width } = createStyle(stderr, environment)
  let stop: () => void = () => undefined
  return {
    stdin,
    environment,
    interactive: isAtTerminal({ stdin, stderr }),
    write: (text) => void stderr.write(text),
    show(text, waitsUntil) {
      stop()
      stderr.write(wrapWords(text, width))
      const left = () => clockText(waitsUntil - clock.now())
      stop = startSpinner(stderr, environment, () => `Waiting for you to finish (${left()} left)`)
    },
    stop: () => stop(),
    async qrCode(address) {
      if (!stderr.isTTY || qr === 'left out') return ''
      return (await import('../../system/person/qrCode.ts')).qrCode(address, width)
    },
  }
}
