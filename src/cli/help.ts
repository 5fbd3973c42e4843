// --help and --version, made from the table of options.
import { COMMANDS, type Command, OPTIONS } from './args.ts'

const SUMMARY: Readonly<Record<Command, { usage: string; what: string }>> = {
  run: { usage: '<url | server-name>', what: 'bridge stdio to that server until stdin closes' },
  login: { usage: 'login [server]', what: 'sign in through the browser' },
  logout: { usage: 'logout [server | --all]', what: 'revoke and forget the stored tokens' },
  status: { usage: 'status [server]', what: 'who is signed in where, until when, kept how' },
  doctor: { usage: 'doctor [server]', what: 'find what is wrong; the likeliest cause first, with its remedy' },
  'support-bundle': {
    usage: 'support-bundle [server]',
    what: 'what a helper needs to see, without secrets, as one file',
  },
  migrate: { usage: 'migrate up | down | version', what: 'the database schema' },
  refresh: { usage: 'refresh [server]', what: 'refresh the access token now' },
}

/** Help of one command, or of all. */
export function helpText(command: Command | undefined): string {
  const name = 'mcp-oauth-bridge'
  const usages = command ? [command] : COMMANDS
  const width = Math.max(...usages.map((one) => SUMMARY[one].usage.length)) + 2
  const lines = usages.map((one) => `  ${name} ${SUMMARY[one].usage.padEnd(width)}${SUMMARY[one].what}`)
  const options = Object.entries(OPTIONS).filter(([, option]) => {
    const commands: readonly Command[] | undefined = 'for' in option ? option.for : undefined
    return option.help !== '' && (!command || !commands || commands.includes(command))
  })
  const shown = options.map(([option, row]) => ({
    text: `--${option}${'value' in row ? ` ${row.value}` : ''}`,
    help: row.help,
  }))
  const wide = Math.max(...shown.map(({ text }) => text.length)) + 2
  return [
    'Reach an OAuth-protected MCP server from a host that only speaks stdio.',
    '',
    'Usage:',
    ...lines,
    '',
    'Options:',
    ...shown.map(({ text, help }) => `  ${text.padEnd(wide)}${help}`),
    '',
    'Examples:',
    `  ${name} login https://mcp.example.com/mcp`,
    `  ${name} https://mcp.example.com/mcp        (what a host runs)`,
    '',
  ].join('\n')
}
