// Finds the words of mcp-remote in the command of a host's entry, however it is started: directly, by a package runner, or through a
// shell; the only file that imports shell-quote.
import { parse } from 'shell-quote'

export interface RemoteCommand {
  /** What follows the program's name. */
  readonly words: readonly string[]
  /** Variables that the command sets itself, as a shell does: `NAME=value npx …`. */
  readonly assigned: Readonly<Record<string, string>>
}

const PROGRAM = /(^|[\\/]|npm:)mcp-remote(@[^\\/]*|\.cmd)?$|[\\/]mcp-remote[\\/]dist[\\/]/
const SHELL = /(^|[\\/])(ba|z|da|k|fi)?sh(\.exe)?$/i
const CMD = /(^|[\\/])(cmd|powershell|pwsh)(\.exe)?$/i

/** undefined: it starts something else. 'unclear': a shell does more with it than start one program. */
export function remoteCommand(entry: unknown): RemoteCommand | 'unclear' | undefined {
  const { command, args } = (entry ?? {}) as { command?: unknown; args?: unknown }
  const words = [command, ...(Array.isArray(args) ? args : [])].filter((word) => typeof word === 'string')
  return inWords(words)
}

function inWords(words: readonly string[]): RemoteCommand | 'unclear' | undefined {
  const [program = ''] = words
  if (SHELL.test(program)) {
    const at = words.findIndex((word) => /^-[a-z]*c$/.test(word))
    return at === -1 ? undefined : inText(words[at + 1] ?? '')
  }
  if (CMD.test(program)) {
    const at = words.findIndex((word) => /^(\/[ck]|-c(ommand)?)$/i.test(word))
    const rest = words.slice(at + 1)
    // One text, or words that the host quotes by itself.
    return rest.length === 1 ? inText(rest[0] ?? '') : started(rest)
  }
  // Some people write the whole line as the command.
  if (words.length === 1 && /\s/.test(program)) return inText(program)
  return started(words)
}

/** The text of a shell. Variables stay as they are: they are the host's. */
function inText(text: string): RemoteCommand | 'unclear' | undefined {
  if (!/mcp-remote/.test(text)) return undefined
  // PowerShell says so that a program follows.
  const parts = parse(text.replace(/^\s*&\s+/, ''), (name) => `\${${name}}`)
  const words = parts.map((part) => (typeof part === 'object' && 'pattern' in part ? part.pattern : part))
  if (/`|\$\(/.test(text) || words.some((word) => typeof word !== 'string')) return 'unclear'
  const [first, ...rest] = words as string[]
  return started(first === 'exec' ? rest : (words as string[]))
}

function started(words: readonly string[]): RemoteCommand | undefined {
  const begin = words.findIndex((word) => !/^\w+=/.test(word) && word !== 'env')
  const at = words.findIndex((word) => PROGRAM.test(word))
  if (at === -1 || begin === -1) return undefined
  // npx -p mcp-remote mcp-remote: the program is the second.
  const last = PROGRAM.test(words[at + 1] ?? '') ? at + 1 : at
  const assigned = words.slice(0, begin).flatMap((word) => {
    const [, name, value = ''] = /^(\w+)=(.*)$/s.exec(word) ?? []
    return name === undefined ? [] : [[name, value] as const]
  })
  return { words: words.slice(last + 1), assigned: Object.fromEntries(assigned) }
}
