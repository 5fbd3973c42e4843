// Filters terminal output: our own colors and line breaks pass, control characters from servers, files or the database do not.
import type { Writable } from 'node:stream'
import { withoutControls } from '../../redaction/text.ts'

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** JSON with the same value whose text moves no cursor: characters that JSON.stringify leaves raw are written as \\uXXXX. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(CONTROL, (control) =>
    control === '\n'
      ? control
      : [...Array(control.length).keys()].map((at) => escaped(control.charCodeAt(at))).join(''),
  )
}

const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`

/**
 * The sequences that this program writes itself. A line, or the page, is cleared where a text begins; the cursor returns where it ends; links
 * (OSC 8) lead to our own document. Any other similar sequence comes from outside.
 */
const ESC = '\\u001b'
const PAGE = 'docs/errors\\.md#(?<code>[a-z_]+)'
const OURS = [
  `^(?:\\r${ESC}\\[2?K)+`,
  `^${ESC}\\[H${ESC}\\[2J`,
  '\\r$',
  '\\n',
  `${ESC}\\[(?:[0-2]|22|3[1-3]|39|97;40)m`,
  `${ESC}\\]8;;file://[!-~]*/${PAGE}${ESC}\\\\\\k<code>${ESC}\\]8;;${ESC}\\\\`,
]
const AT_TERMINAL = new RegExp(OURS.join('|'), 'g')
const ELSEWHERE = /\n/g

/** The text without control, format and bidi characters other than our own. */
export function printable(text: string, to: 'terminal' | 'elsewhere'): string {
  let safe = ''
  let end = 0
  for (const own of text.matchAll(to === 'terminal' ? AT_TERMINAL : ELSEWHERE)) {
    safe += withoutControls(text.slice(end, own.index)) + own[0]
    end = own.index + own[0].length
  }
  return safe + withoutControls(text.slice(end))
}

/** The same stream with this filter, so that every new text is covered. */
export function onlyPrintable<T extends Writable & { readonly isTTY?: boolean }>(stream: T): T {
  const write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    const safe = printable(text, stream.isTTY === true ? 'terminal' : 'elsewhere')
    return (stream.write as (...words: unknown[]) => boolean)(safe, ...rest)
  }
  return new Proxy(stream, {
    get(target, name) {
      if (name === 'write') return write
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
