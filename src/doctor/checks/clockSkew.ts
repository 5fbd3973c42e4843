// Compares this computer's clock with the server's Date header (RFC 9110 section 6.6.1).
import { ageOf } from '../../bounds.ts'
import type { Check } from '../report/context.ts'
import { fail, pass, skip, warn } from '../report/finding.ts'

/** ID tokens are accepted with 30 s of difference; beyond a minute or two, sign-ins and expiries fail. */
const WARN_S = 30
const FAIL_S = 120

export const clockSkew: Check = {
  name: 'clock',
  about: 'server',
  async run(_patient, { answer }) {
    const date = answer?.headers.date
    if (!answer || typeof date !== 'string' || Number.isNaN(Date.parse(date)))
      return skip('The server did not send a date.')
    const age = ageOf(answer.headers.age)
    const seconds = Math.round((answer.at - (Date.parse(date) + age * 1000)) / 1000)
    const text = `This computer’s clock is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the server’s.`
    const remedy =
      'Set the clock: sudo systemctl restart systemd-timesyncd (Linux), sudo sntp -sS time.apple.com (macOS), w32tm /resync (Windows).'
    if (Math.abs(seconds) > FAIL_S)
      return fail(
        'clock_skew',
        `${text} Tokens can appear expired or not yet valid (invalid_signature, token_expired).`,
        remedy,
      )
    if (Math.abs(seconds) > WARN_S) return warn(text, remedy, 'clock_skew')
    return pass('It is within 30 s of the server’s clock.')
  },
}
