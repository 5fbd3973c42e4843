// Colors and line breaks for a terminal; plain text without one, or if NO_COLOR is set (no-color.org).
import { styleText } from 'node:util'

export interface Style {
  /** Columns; Infinity without a terminal. */
  readonly width: number
  readonly good: Paint
  readonly warning: Paint
  readonly bad: Paint
  readonly dim: Paint
  readonly strong: Paint
}

type Paint = (text: string) => string

export function createStyle(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  environment: NodeJS.ProcessEnv,
): Style {
  const coloured = stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== 'dumb'
  // By itself, styleText would ask whether the standard output is a terminal, which is not where this goes.
  const paint = (format: 'green' | 'yellow' | 'red' | 'dim' | 'bold'): Paint =>
    coloured ? (text) => styleText(format, text, { validateStream: false }) : (text) => text
  return {
    width: stream.isTTY === true ? Math.max(40, stream.columns || 80) : Number.POSITIVE_INFINITY,
    good: paint('green'),
    warning: paint('yellow'),
    bad: paint('red'),
    dim: paint('dim'),
    strong: paint('bold'),
  }
}

/** The same for a text of several lines. A line with a word that is longer than a line is not broken, because people copy addresses from it. */
export function wrapWords(text: string, width: number): string {
  const whole = (line: string) => line.startsWith(' ') || line.split(' ').some((word) => word.length > width)
  return text
    .split('\n')
    .map((line) => (whole(line) ? line : wrap(line, width).join('\n')))
    .join('\n')
}

/** Lines of at most `width` columns, the first of at most `first`; broken at spaces, or inside a word longer than a line. */
export function wrap(text: string, width: number, first = width): string[] {
  if (text.length <= first) return [text]
  const lines: string[] = []
  let line = ''
  const room = () => (lines.length === 0 ? first : width)
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room()) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
    while (line.length > room()) {
      const most = room()
      lines.push(line.slice(0, most))
      line = line.slice(most)
    }
  }
  return [...lines, line].filter((part) => part !== '')
}
