// Blocks of lines in a text, added and removed so that the bytes around them stay as they were.

/** Lines from `start`, counted from 0, up to and without `end`. */
export interface Lines {
  readonly start: number
  readonly end: number
}

/** `block` at the end, behind an empty line; the text ends as before: with a line break, or without. */
export function blockAdded(text: string, block: string): string {
  const eol = eolOf(text)
  const own = block.replaceAll('\n', eol)
  if (text === '') return `${own}${eol}`
  return text.endsWith('\n') ? `${text}${eol}${own}${eol}` : `${text}${eol}${eol}${own}`
}

/** Without these blocks, and without the empty line before each. */
export function blockRemoved(text: string, blocks: readonly Lines[]): string {
  return blocks.toReversed().reduce((rest, { start, end }) => {
    const isEmptyBefore = start > 0 && /^\r?$/.test(rest.split('\n')[start - 1] ?? '')
    return linesRemoved(rest, { start: isEmptyBefore ? start - 1 : start, end })
  }, text)
}

export function linesRemoved(text: string, { start, end }: Lines): string {
  const lines = text.split('\n')
  const isLast = end === lines.length
  lines.splice(start, end - start)
  // The last of them had no line break: the one before it ended the line before.
  const kept = lines.join('\n')
  return isLast ? kept.replace(/\r$/, '') : kept
}

export function blockReplaced(text: string, { start, end }: Lines, block: string): string {
  const lines = text.split('\n')
  const eol = eolOf(text)
  const own = block.replaceAll('\n', eol).split('\n')
  // A block that is not the end has the carriage return of its last line.
  const last = end < lines.length && eol === '\r\n' ? [...own.slice(0, -1), `${own.at(-1)}\r`] : own
  lines.splice(start, end - start, ...last)
  return lines.join('\n')
}

export const eolOf = (text: string) => (text.includes('\r\n') ? '\r\n' : '\n')
