// The explain command: prints what docs/errors.md says about an error code, or lists the codes.
import { readFileSync } from 'node:fs'
import { nearest } from '../../config/file/nearest.ts'
import { BridgeError, ERRORS, type ErrorCode } from '../../errors.ts'
import { ownCommand, withOwnCommands } from '../../ownCommand.ts'
import { quote } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'
import { createStyle, type Style, wrap } from '../terminal/style.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]

/** @throws BridgeError usage where there is no such code */
export function explain(word: string | undefined, { stdout, environment }: ProcessIO): number {
  const style = createStyle(stdout, environment)
  const lines = word === undefined ? list(style) : section(codeOf(word), style)
  stdout.write(`${lines.join('\n')}\n`)
  return 0
}

/** As an error shows it: with brackets, as an anchor, or with its JSON-RPC number. */
function codeOf(word: string): ErrorCode {
  const plain = word
    .trim()
    .replace(/^.*#|[()`,.:]/g, '')
    .toLowerCase()
    .replaceAll('-', '_')
  const code = CODES.find((known) => known === plain || String(ERRORS[known].rpc) === plain)
  if (code) return code
  const near = nearest(plain, CODES)
  throw new BridgeError('usage', {
    message: `${quote(word)} is not an error code${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    hint: `Run ${ownCommand('explain')} to list all codes.`,
  })
}

function list(style: Style): string[] {
  const widest = Math.max(...CODES.map((code) => code.length))
  const rows = CODES.flatMap((code) => {
    const [first = '', ...more] = wrap(ERRORS[code].message, style.width - widest - 2)
    return [`${style.strong(code.padEnd(widest))}  ${first}`, ...more.map((text) => ' '.repeat(widest + 2) + text)]
  })
  return [...rows, '', `For one of them: ${ownCommand('explain', '<code>')}`]
}

/** The section of the page, without its markup; the words of the error itself where somebody has removed the page. */
function section(code: ErrorCode, style: Style): string[] {
  const { message, hint } = ERRORS[code]
  const [, text = `${message}\n\n${hint}`] =
    new RegExp(`^## ${code}\\n([^]*?)(?=^## |$(?![^]))`, 'm').exec(readPage()) ?? []
  const lines = inWords(text).trim().split('\n')
  return [
    style.strong(code),
    '',
    ...withoutBreaks(lines).flatMap((line) => (line === '' ? [''] : wrap(line, style.width))),
  ]
}

function readPage(): string {
  try {
    return readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
  } catch {
    return ''
  }
}

const inWords = (markdown: string) =>
  withOwnCommands(
    markdown
      .replace(/\[([^\]]+)\]\((#?[^)]+)\)/g, (_, shown: string) => shown)
      .replace(/\*\*([^*]+)\*\*/g, '$1')
      .replaceAll('`', ''),
  )

/** A line of the page goes on in the next one, unless it ends in two spaces or the next one begins a list or a paragraph. */
function withoutBreaks(lines: readonly string[]): string[] {
  const joined: string[] = []
  let goesOn = false
  for (const line of lines) {
    const isNew = !goesOn || line === '' || /^\s*([-*]|\d+\.) /.test(line)
    if (isNew) joined.push(line.trim())
    else joined[joined.length - 1] += ` ${line.trim()}`
    goesOn = line !== '' && !line.endsWith('  ')
  }
  return joined
}
