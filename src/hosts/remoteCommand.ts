// Finds the words of mcp-remote in the command of a host's entry, however it is started: directly, by a package runner, or through a
// shell; the only file that imports shell-quote.
import { parse } from 'shell-quote'

export interface RemoteCommand {
  /** What follows the program's name. */
  readonly words: readonly string[]
  /** Variables that the command sets itself, as a shell does: `NAME=value npx …`. */
  readonly assigned: Readonly<Record<string, string>>
}

const PROGRAM = /^(?!https?:)(.*[\\/]|.*npm:)?mcp-remote(@[^\\/]*|\.cmd)?$|[\\/]mcp-remote[\\/]dist[\\/]/
const SHELL = /(^|[\\/])(ba|z|da|k|fi)?sh(\.exe)?$/i
const CMD = /(^|[\\/])cmd(\.exe)?$/i
const POWERSHELL = /(^|[\\/])(powershell|pwsh)(\.exe)?$/i
/** Of runners and shells: the next word is a whole command line. */
const TAKES_TEXT = /^(-[a-z]*c|-S|--call|--split-string)$/

/** undefined: it starts something else. 'unclear': a shell does more with it than start one program. */
export function remoteCommand(entry: unknown): RemoteCommand | 'unclear' | undefined {
  const { command, args } = (entry ?? {}) as { command?: unknown; args?: unknown }
  const words = [command, ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string')
  return inWords(words)
}

function inWords(words: readonly string[]): RemoteCommand | 'unclear' | undefined {
  const [program = ''] = words
  if (CMD.test(program) || POWERSHELL.test(program)) return inWindowsShell(words)
  // Some people write the whole line as the command.
  if (words.length === 1 && /\s/.test(program)) return inText(program)
  // Also within another program: `npx -p mcp-remote -c "mcp-remote …"`, `env -S`, `wsl bash -c`.
  const text = words.findIndex((word, at) => TAKES_TEXT.test(word) && /\s/.test(words[at + 1] ?? ''))
  if (text !== -1 && (SHELL.test(program) || /mcp-remote/.test(words[text + 1] ?? '')))
    return inText(words[text + 1] ?? '')
  if (SHELL.test(program)) return undefined
  return started(words)
}

/** The text of a shell. Variables stay as they are: they are the host's. */
function inText(text: string): RemoteCommand | 'unclear' | undefined {
  if (!/mcp-remote/.test(text)) return undefined
  // What a shell makes of `${NAME:-value}` or its own arguments is not known here.
  if (/`|\$\(|\$\{\w+[^\w}]|\$\{?[@*\d]/.test(text)) return 'unclear'
  const lines = text
    .trim()
    .replace(/\\\n/g, ' ')
    .replace(/\s*\n\s*/g, ' ; ')
  const parts = withoutMessages(parse(lines, (name) => `\${${name}}`))
  const words = parts.map((part) => (typeof part === 'object' && 'pattern' in part ? part.pattern : part))
  const commands: string[][] = [[]]
  for (const word of words) {
    if (typeof word === 'string') commands.at(-1)?.push(word)
    else if ('op' in word && (word.op === ';' || word.op === '&&')) commands.push([])
    else return 'unclear'
  }
  const last = commands.pop() ?? []
  if (!commands.every(isPreparation)) return 'unclear'
  const found = started(last[0] === 'exec' ? last.slice(1) : last)
  if (found === undefined) return commands.length === 0 ? undefined : 'unclear'
  return { ...found, assigned: { ...assignedIn(commands.flat()), ...found.assigned } }
}

type Parts = ReturnType<typeof parse>

/** Without `2>…`: what mcp-remote writes on stderr goes somewhere else, which changes nothing of its server. */
const withoutMessages = (parts: Parts): Parts =>
  parts.filter((_, at) => !isMessages(parts, at) && !isMessages(parts, at - 1) && !isMessages(parts, at - 2))

function isMessages(parts: Parts, at: number): boolean {
  const next = parts[at + 1]
  return parts[at] === '2' && typeof next === 'object' && 'op' in next && /^>[>&]?$/.test(next.op)
}

/** It sets variables, or prepares the shell for the program that follows. */
function isPreparation([first = '', second, ...more]: readonly string[]): boolean {
  if (first === 'source' || first === '.') return second !== undefined && more.length === 0
  if (first === 'nvm') return second === 'use'
  const words =
    first === 'export' ? [second ?? '', ...more] : [first, ...(second === undefined ? [] : [second]), ...more]
  return words.every((word) => ASSIGNMENT.test(word))
}

/** cmd and PowerShell quote in other ways, and do not take a backslash for anything special. */
function inWindowsShell([program = '', ...words]: readonly string[]): RemoteCommand | 'unclear' | undefined {
  const isCmd = CMD.test(program)
  const at = words.findIndex((word) => /^(\/[ck]|-c(ommand)?)$/i.test(word))
  const rest = words.slice(at + 1)
  const plain = (word: string) =>
    /^https?:/.test(word)
      ? word
      : word.replace(isCmd ? /%([A-Za-z_]\w*)%/g : /\$env:(\w+)/gi, (_, name) => `\${${name}}`)
  // Words that the host quotes by itself, or one text.
  if (rest.length !== 1) return started(rest.map(plain))
  // PowerShell says with & that a program follows.
  const text = (rest[0] ?? '').replace(/^\s*&\s+/, '')
  if (!/mcp-remote/.test(text)) return undefined
  const quoted = isCmd ? /"((?:\\"|[^"])*)"/g : /"([^"]*)"|'([^']*)'/g
  if (/[&|<>;\n]/.test(text.replace(quoted, ' ')) || (!isCmd && /`|\$\(/.test(text))) return 'unclear'
  const found = text.match(isCmd ? /(?:"(?:\\"|[^"])*"|[^\s"])+/g : /(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  return started(
    found.map((word) =>
      plain(word.replace(quoted, (_, one?: string, two?: string) => (one ?? two ?? '').replaceAll('\\"', '"'))),
    ),
  )
}

const ASSIGNMENT = /^([A-Za-z_]\w*)=(.*)$/s

const assignedIn = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    words.flatMap((word) => {
      const [, name, value = ''] = ASSIGNMENT.exec(word) ?? []
      return name === undefined ? [] : [[name, value] as const]
    }),
  )

function started(words: readonly string[]): RemoteCommand | undefined {
  const at = words.findIndex((word) => PROGRAM.test(word))
  if (at === -1) return undefined
  // npx -p mcp-remote mcp-remote: the program is the second.
  const last = PROGRAM.test(words[at + 1] ?? '') ? at + 1 : at
  // In front of it: `env NAME=value`, `cross-env NAME=value`, `docker run -e NAME=value`.
  return { words: words.slice(last + 1), assigned: assignedIn(words.slice(0, at)) }
}
