// --help and --version, generated from the table of options and the table of commands here.
import { HOSTS } from '../../hosts/hosts.ts'
import { wrap } from '../terminal/style.ts'
import { COMMANDS, type Command, OPTIONS } from './args.ts'

interface CommandHelp {
  readonly usage: string
  readonly what: string
  /** Command lines after the program's name, with what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[]
}

const URL = 'https://mcp.example.com/mcp'

export const HELP: Readonly<Record<Command, CommandHelp>> = {
  run: {
    usage: '<url | server-name>',
    what: 'bridge stdio to that server until stdin closes',
    examples: [
      [URL, 'what a host runs'],
      ['work --login on-call', 'a server from config.yaml; sign in only when a call needs it'],
    ],
  },
  login: {
    usage: 'login [server]',
    what: 'sign in through the browser',
    examples: [
      [`login ${URL}`, 'before a host starts the server'],
      ['login work --no-browser', 'print the address instead'],
      ['login work --account ann@example.com', 'only this account'],
    ],
  },
  logout: {
    usage: 'logout [server | --all]',
    what: 'revoke and delete the stored tokens',
    examples: [
      ['logout work', 'one server'],
      ['logout --all --keep-remote', 'every server, without revoking'],
    ],
  },
  status: {
    usage: 'status [server]',
    what: 'show sign-ins, their expiry and how they are stored',
    examples: [
      ['status', 'every server'],
      ['status work --json', 'one server, for a script'],
      ['status --watch', 'show changes until Ctrl-C'],
    ],
  },
  doctor: {
    usage: 'doctor [server]',
    what: 'find out what is wrong, the most likely cause first',
    examples: [
      [`doctor ${URL}`, 'check everything up to the MCP handshake'],
      ['doctor work --json', 'a server from config.yaml, for a script'],
    ],
  },
  'support-bundle': {
    usage: 'support-bundle [server]',
    what: 'write one file for a support request, without secrets',
    examples: [
      ['support-bundle work', 'show it, and ask before writing'],
      ['support-bundle work --output bundle.json --yes', 'write without asking'],
    ],
  },
  migrate: {
    usage: 'migrate up | down | version',
    what: 'change or show the database schema; down goes back one version',
    examples: [['migrate version', 'the version of the database']],
  },
  refresh: {
    usage: 'refresh [server]',
    what: 'refresh the access token now',
    examples: [['refresh work', 'check that a refresh works']],
  },
  'validate-config': {
    usage: 'validate-config [file]',
    what: 'check the syntax and the keys of config.yaml',
    examples: [['validate-config config.yaml', 'environment variables need not be set']],
  },
  'check-config': {
    usage: 'check-config [file]',
    what: 'run validate-config, then check credentials, database, port and timeouts',
    examples: [['check-config --json', 'for a script']],
  },
  install: {
    usage: 'install <host> <url | server-name>',
    what: 'add a server to a host',
    examples: [
      [`install claude-desktop ${URL}`, 'name the entry after the server'],
      ['install vscode work --dry-run', 'show the change only'],
      [`install cursor ${URL} --name files`, 'use another name'],
      [`install --print ${URL}`, 'show the entry for any other host'],
    ],
  },
  uninstall: {
    usage: 'uninstall <host> <url | server-name>',
    what: 'remove a server from a host',
    examples: [['uninstall claude-desktop work', 'other entries are not changed']],
  },
  import: {
    usage: 'import mcp-remote',
    what: 'import servers from mcp-remote into config.yaml',
    examples: [['import mcp-remote --dry-run', 'show the change only']],
  },
  reset: {
    usage: 'reset',
    what: 'delete every sign-in, the key and the logs',
    examples: [['reset --yes', 'without asking']],
  },
  explain: {
    usage: 'explain [code]',
    what: 'say what an error code means and what to do',
    examples: [
      ['explain redirect_uri_mismatch', 'one error'],
      ['explain', 'list all of them'],
    ],
  },
  serve: {
    usage: 'serve',
    what: 'run the HTTP gateway: it signs MCP clients in, and forwards their calls to the MCP servers of config.yaml',
    examples: [
      ['serve', 'with ./config.yaml, else the one in the config folder'],
      ['serve --config /etc/mcp/config.yaml --verbose', 'with another file, logging the main steps'],
    ],
  },
  completion: {
    usage: 'completion bash | zsh | fish',
    what: 'print a completion script for your shell',
    examples: [
      ['completion bash > ~/.local/share/bash-completion/completions/mcp-oauth-bridge', 'bash'],
      ['completion zsh > ~/.zfunc/_mcp-oauth-bridge', 'zsh, with ~/.zfunc in fpath'],
      ['completion fish > ~/.config/fish/completions/mcp-oauth-bridge.fish', 'fish'],
    ],
  },
}

const NAME = 'mcp-oauth-bridge'
const ABOUT = 'Reach an OAuth-protected MCP server from a host that only speaks stdio.'

/** Commands that also look for ./config.yaml. */
const OF_PROJECT: ReadonlySet<Command> = new Set<Command>(['serve', 'migrate', 'validate-config', 'check-config'])
const PROJECT_CONFIG = 'config file (or CONFIG_PATH); default: ./config.yaml, else the one in the config folder'

/** Help of one command, or of all, in `width` columns. */
export function helpText(command: Command | undefined, width = Number.POSITIVE_INFINITY): string {
  const commands = command ? [command] : COMMANDS
  const options = optionsOf(command).map(([name, row]) => [
    `--${name}${'value' in row ? ` ${row.value}` : ''}`,
    row === OPTIONS.config && command && OF_PROJECT.has(command) ? PROJECT_CONFIG : row.help,
  ])
  const examples = command
    ? HELP[command].examples
    : ([
        [`login ${URL}`, 'sign in'],
        [URL, 'what a host runs'],
        [`install claude-desktop ${URL}`, 'add it to a host'],
      ] as const)
  return [
    command === 'serve' ? 'Put an OAuth sign-in in front of MCP servers.' : ABOUT,
    '',
    'Usage:',
    ...columns(
      commands.map((one) => [`${NAME} ${HELP[one].usage}`, HELP[one].what]),
      width,
    ),
    ...(command === 'install' || command === 'uninstall' ? ['', `Hosts: ${HOSTS.join(', ')}`] : []),
    '',
    'Options:',
    ...columns(options, width),
    '',
    'Examples:',
    ...columns(
      examples.map(([line, what]) => [`${NAME} ${line}`, `# ${what}`]),
      width,
    ),
    '',
    ...(command ? [] : [`Run ${NAME} <command> --help for help on one command.`, '']),
  ].join('\n')
}

/** The options for people of one command, or of all. */
export function optionsOf(command: Command | undefined) {
  return Object.entries(OPTIONS).filter(([, option]) => {
    const commands: readonly Command[] | undefined = 'for' in option ? option.for : undefined
    return option.help !== '' && (!command || !commands || commands.includes(command))
  })
}

/** If the second column would be narrower than this, it is printed below the first. */
const NARROWEST = 40

function columns(rows: readonly (readonly (string | undefined)[])[], width: number): string[] {
  const first = Math.max(...rows.map(([text = '']) => text.length)) + 2
  const room = width - first - 2
  return rows.flatMap(([text = '', more = '']) => {
    if (room < NARROWEST) return [`  ${text}`, ...wrap(more, width - 6).map((line) => `      ${line}`)]
    const [line = '', ...rest] = wrap(more, room)
    return [`  ${text.padEnd(first)}${line}`, ...rest.map((part) => ' '.repeat(first + 2) + part)]
  })
}
