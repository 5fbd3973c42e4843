// The words of a bridge in a host's entry: what was typed for install, with whole paths and without secrets.
import { join, resolve } from 'node:path'
import type { Flags } from '../../config/config.ts'
import { ownConfigFile } from '../../config/load.ts'
import { defaultPaths } from '../../config/paths.ts'
import { BridgeError } from '../../errors.ts'
import { ourWords, versionManagerOf } from '../../hosts/entry.ts'
import { type Identity, sameAddress } from '../../hosts/placement.ts'
import { present } from '../../present.ts'
import { isSecretHeader, isSecretUrl } from '../../redaction/names.ts'
import { quote } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'
import { COMMANDS, type CommandLine, OPTIONS, parseCommandLine, type TypedOption } from './args.ts'

/** The server, then options with absolute paths. @throws BridgeError usage for a secret */
export function wordsFor(
  target: string,
  { options, flags }: CommandLine,
  { environment, folder }: Pick<ProcessIO, 'environment' | 'folder'>,
): string[] {
  if (URL.canParse(target) && isSecretUrl(target)) throw exposed('The URL')
  const file = ownConfigFile(flags.config, environment, folder)
  const isDefault = file === undefined || file === join(defaultPaths(environment).config, 'config.yaml')
  const passed = options.filter(({ name }) => !['name', 'dry-run', 'print', 'pin', 'yes', 'config'].includes(name))
  // A server that is named like a command is none.
  const run = (COMMANDS as readonly string[]).includes(target) ? ['run'] : []
  return [
    ...run,
    target,
    ...passed.flatMap((option) => wordsOf(option, folder)),
    ...(isDefault ? [] : ['--config', file]),
  ]
}

function wordsOf({ name, value }: TypedOption, folder: string): string[] {
  if (value === undefined) return [`--${name}`]
  const [, header, content = ''] = /^([^:=]+)[:=]\s*(.*)$/s.exec(value) ?? []
  if ((name === 'header' || name === 'authorize-param') && header !== undefined && isSecretHeader(header, content))
    throw exposed(`--${name} ${quote(header)}`)
  // Without the space, hosts that join words with spaces keep it whole.
  if (name === 'header' && header !== undefined) return valued(name, `${header.trim()}:${content}`)
  const { value: kind } = OPTIONS[name as keyof typeof OPTIONS] as { value?: string }
  return valued(name, kind === 'FILE' ? resolve(folder, value) : value)
}

/** A value that looks like an option is a part of its word. */
const valued = (name: string, value: string) => (value.startsWith('-') ? [`--${name}=${value}`] : [`--${name}`, value])

/** The flags whose values can be judged where the entry is written: files and variables may be there only when the host starts it. */
export function judgeable({ config, profile, headerFile, clientSecretFile, clientKeyFile, ...flags }: Flags): Flags {
  const isKnown = (value: unknown) => typeof value !== 'string' || !/\$\{\w+\}/.test(value)
  const plain = Object.entries(flags)
    .filter(([, value]) => isKnown(value))
    .map(([name, value]) => [name, Array.isArray(value) ? value.filter(isKnown) : value])
  return { ...(Object.fromEntries(plain) as typeof flags), ...present({ config, profile }) }
}

const exposed = (what: string) =>
  new BridgeError('usage', {
    message: `${what} looks like a secret. Do not store secrets in the host’s file.`,
    hint: 'Add the server to config.yaml, with the secret as a variable, headers_file or client_secret_file. Then install it by its name there.',
  })

/** What a person should know about this command: Node, the program, and the words for it. */
export function notesOn(words: readonly string[]): string[] {
  const manager = versionManagerOf(words[0] ?? '')
  const special = process.platform === 'win32' && words.slice(2).some((word) => /[\s"%&|<>^!]/.test(word))
  return [
    ...(manager === undefined
      ? []
      : [`this Node belongs to ${manager}. After you remove this version of Node, run this command again.`]),
    ...(special
      ? [
          'a host that starts servers through cmd.exe may split these arguments. Add the server to config.yaml and use its name.',
        ]
      : []),
  ]
}

/** What an entry of ours starts. */
export function identityOf(words: readonly string[]): Identity | undefined {
  try {
    const { server, flags } = parseCommandLine(words)
    return server === undefined ? undefined : { target: server, profile: flags.profile, config: flags.config }
  } catch {
    return undefined
  }
}

type Entries = [name: string, entry: unknown][]

/** Entries that start `target`. Without a profile it is the one without, as for install; if there is none, those of any. */
export function startsOneOf(
  target: string,
  profile: string | undefined,
  ours: Entries,
): (one: Entries[number]) => boolean {
  const profileOf = ([, entry]: Entries[number]) => {
    const words = ourWords(entry) ?? []
    const started = identityOf(words)
    // Options that this version does not know.
    if (!started) return words.some((word) => sameAddress(word, target)) ? 'default' : undefined
    return sameAddress(started.target, target) ? (started.profile ?? 'default') : undefined
  }
  const wanted = profile ?? (ours.some((one) => profileOf(one) === 'default') ? 'default' : undefined)
  return (one) => profileOf(one) !== undefined && (wanted === undefined || profileOf(one) === wanted)
}
