// An address as a QR code for a terminal, to be scanned with a phone. The only file that imports uqr.
import { renderUnicodeCompact } from 'uqr'

/**
 * Light modules are drawn white on black, whatever the terminal's colors: some readers do not support inverted codes. '' if
 * it is wider than `columns` and would wrap.
 */
export function qrCode(address: string, columns = Number.POSITIVE_INFINITY): string {
  const lines = renderUnicodeCompact(address, { ecc: 'L', border: 2 }).split('\n')
  if (lines.some((line) => line.length > columns)) return ''
  return lines.map((line) => `\u001b[97;40m${line}\u001b[0m`).join('\n')
}
