// completion bash | zsh | fish: scripts generated from the tables of commands and options.
import { BridgeError, ERRORS } from '../../errors.ts'
import { HOSTS } from '../../hosts/hosts.ts'
import { quote } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'
import { COMMANDS, type Command, OPTIONS } from './args.ts'
import { HELP, optionsOf } from './help.ts'

const SHELLS = { bash, zsh, fish }
const NAME = 'mcp-oauth-bridge'

/** Words that may follow a command. */
const WORDS: Partial<Record<Command, readonly string[]>> = {
  migrate: ['up', 'down', 'version'],
  install: HOSTS,
  uninstall: HOSTS,
  import: ['mcp-remote'],
  completion: Object.keys(SHELLS),
  explain: Object.keys(ERRORS),
}

/** The values of an option, if it has a fixed list. */
const CHOICES: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(OPTIONS).flatMap(([name, row]) => ('choices' in row ? [[name, row.choices] as const] : [])),
)

/** @throws BridgeError usage */
export function completion(shell: string | undefined, { stdout }: ProcessIO): number {
  const known = Object.entries(SHELLS).find(([name]) => name === shell)
  if (!known)
    throw new BridgeError('usage', {
      message: `completion needs a shell${shell === undefined ? '' : `, and ${quote(shell)} is not one`}: bash, zsh or fish.`,
      hint: HELP.completion.examples.map(([line], at) => `${at === 0 ? '' : '      '}${NAME} ${line}`),
    })
  stdout.write(known[1]())
  return 0
}

interface Option {
  readonly name: string
  readonly help: string
  /** What it takes; undefined: nothing. */
  readonly value: string | undefined
}

const options = (command: Command | undefined): Option[] =>
  optionsOf(command).map(([name, row]) => ({ name, help: row.help, value: 'value' in row ? row.value : undefined }))

const takesFile = options(undefined).filter(({ value }) => value === 'FILE')
const takesText = options(undefined).filter(
  ({ name, value }) => value !== undefined && value !== 'FILE' && !Object.hasOwn(CHOICES, name),
)
const FILES: readonly Command[] = ['validate-config', 'check-config']
const flag = ({ name }: Option) => `--${name}`
const flags = (command: Command) => options(command).map(flag)

function bash(): string {
  const ofCommand = (command: Command) =>
    `    ${command}) words="${[...(WORDS[command] ?? []), ...flags(command)].join(' ')}"${FILES.includes(command) ? '; files=-f' : ''} ;;`
  return `# Completions of ${NAME} for bash.
_mcp_oauth_bridge() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command= word words= files=
  COMPREPLY=()
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    ${takesFile.map(flag).join('|')}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
${Object.entries(CHOICES)
  .map(
    ([name, values]) =>
      `    --${name}) mapfile -t COMPREPLY < <(compgen -W "${values.join(' ')}" -- "$current"); return ;;`,
  )
  .join('\n')}
    ${takesText.map(flag).join('|')}) return ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${COMMANDS.join('|')}) command="$word"; break ;; esac
  done
  case "$command" in
${COMMANDS.map(ofCommand).join('\n')}
    *) words="${[...COMMANDS, ...flags('run')].join(' ')}" ;;
  esac
  mapfile -t COMPREPLY < <(compgen $files -W "$words" -- "$current")
}
complete -o filenames -F _mcp_oauth_bridge ${NAME}
`
}

/** For single quotes in a shell script. */
const text = (words: string) => words.replaceAll("'", '’')

function zsh(): string {
  const described = (rows: readonly (readonly [string, string])[]) =>
    rows.map(([name, what]) => `'${name}:${text(what).replaceAll(':', '\\:')}'`).join(' ')
  const flagsOf = (command: Command) => described(options(command).map((option) => [flag(option), option.help]))
  const ofCommand = (command: Command) =>
    `    ${command}) list=(${flagsOf(command)})${WORDS[command] ? `; compadd -- ${WORDS[command].join(' ')}` : ''}${FILES.includes(command) ? '; _files' : ''} ;;`
  return `#compdef ${NAME}
# Completions of ${NAME} for zsh.
_${NAME}() {
  local command= word
  local -a list commands
  case $words[CURRENT-1] in
    ${takesFile.map(flag).join('|')}) _files; return ;;
${Object.entries(CHOICES)
  .map(([name, values]) => `    --${name}) compadd -- ${values.join(' ')}; return ;;`)
  .join('\n')}
    ${takesText.map(flag).join('|')}) return ;;
  esac
  for word in \${words[2,CURRENT-1]}; do
    case $word in ${COMMANDS.join('|')}) command=$word; break ;; esac
  done
  case $command in
${COMMANDS.map(ofCommand).join('\n')}
    *) commands=(${described(COMMANDS.map((name) => [name, HELP[name].what]))}); list=(${flagsOf('run')}) ;;
  esac
  (( $#commands )) && _describe command commands
  _describe -o option list
}
if [[ $funcstack[1] == _${NAME} ]]; then _${NAME} "$@"; else compdef _${NAME} ${NAME}; fi
`
}

function fish(): string {
  const others = COMMANDS.filter((command) => command !== 'run').join(' ')
  const when = (command: Command) =>
    command === 'run' ? `not __fish_seen_subcommand_from ${others}` : `__fish_seen_subcommand_from ${command}`
  const kind = ({ name, value }: Option) => {
    if (value === undefined) return ''
    if (value === 'FILE') return ' -r -F'
    return ` -x${Object.hasOwn(CHOICES, name) ? ` -a '${CHOICES[name]?.join(' ')}'` : ''}`
  }
  const lines = COMMANDS.flatMap((command) => [
    `-n __fish_use_subcommand -a ${command} -d '${text(HELP[command].what)}'`,
    ...(WORDS[command] ? [`-n '${when(command)}' -a '${WORDS[command].join(' ')}'`] : []),
    ...(FILES.includes(command) ? [`-n '${when(command)}' -F`] : []),
    ...options(command).map(
      (option) => `-n '${when(command)}' -l ${option.name}${kind(option)} -d '${text(option.help)}'`,
    ),
  ])
  return `# Completions of ${NAME} for fish.\ncomplete -c ${NAME} -f\n${lines.map((line) => `complete -c ${NAME} ${line}`).join('\n')}\n`
}
