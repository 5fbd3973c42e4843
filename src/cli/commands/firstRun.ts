// mcp-oauth-bridge without arguments at a terminal, with nothing configured: asks for a server, signs in, and adds it to a host.
import { existsSync } from 'node:fs'
import { readOwnFile } from '../../config/file/ownFile.ts'
import { namesIn } from '../../config/file/unset.ts'
import { ownConfigFile } from '../../config/load.ts'
import { BridgeError } from '../../errors.ts'
import { type Host, hostsOfHome } from '../../hosts/hosts.ts'
import { ownCommand } from '../../ownCommand.ts'
import { quote } from '../../redaction/text.ts'
import { isSecure } from '../../secureUrl.ts'
import { shellQuote } from '../../shellQuote.ts'
import type { ProcessIO } from '../process.ts'
import { type Asking, startAsking } from '../terminal/ask.ts'

/** Runs another command line of this program, to its exit code. */
export type RunWords = (words: readonly string[]) => Promise<number>

/** @throws BridgeError usage where servers are configured, so that one must be named; cancelled */
export async function firstRun(io: ProcessIO, runWords: RunWords): Promise<number> {
  const { stderr, environment } = io
  const names = await configuredServers(io)
  if (names.length > 0)
    throw new BridgeError('usage', {
      message: 'No server was given.',
      hint: `Name one of ${names.join(', ')}: ${ownCommand(shellQuote(names[0] ?? ''))}`,
    })
  stderr.write(
    [
      'Reach an OAuth-protected MCP server from a host that only speaks stdio.',
      'Nothing is configured yet. Three steps:',
      'name the server, sign in, add it to your host.',
      `(${ownCommand('--help')} shows the commands; Ctrl-C stops.)`,
      '',
      '',
    ].join('\n'),
  )
  const [url, signsIn] = await asking(io, async (questions) => [
    await askUrl(questions, io),
    await questions.yes('Sign in now, in your browser?', 'yes'),
  ])
  if (signsIn === 'yes') {
    const code = await runWords(['login', url])
    if (code !== 0) return code
  }
  const hosts = hostsOfHome(environment).filter(isHere)
  const host = await asking(io, (questions) => askHost(questions, io, hosts))
  return host === undefined ? 0 : await runWords(['install', host.name, url, '--yes'])
}

/** Only while questions are asked: a sign-in reads the terminal itself. */
async function asking<T>(io: ProcessIO, ask: (questions: Asking) => Promise<T>): Promise<T> {
  const questions = startAsking(io)
  try {
    return await ask(questions)
  } finally {
    questions.close()
  }
}

async function configuredServers({ environment, folder }: ProcessIO): Promise<string[]> {
  const path = ownConfigFile(undefined, environment, folder)
  if (path === undefined) return []
  const { file } = (await import('../../config/file/read.ts')).parseForOneServer(
    readOwnFile(path).text,
    path,
    environment,
  )
  return namesIn(file, 'servers')
}

async function askUrl(asking: Asking, { stderr }: ProcessIO): Promise<string> {
  for (;;) {
    const text = await asking.line('URL of the MCP server: ')
    if (URL.canParse(text) && isSecure(new URL(text), false)) return new URL(text).href
    stderr.write(`${quote(text)} is not an https URL such as https://mcp.example.com/mcp.\n`)
  }
}

/** undefined: none of them. */
async function askHost(asking: Asking, { stderr }: ProcessIO, hosts: readonly Host[]): Promise<Host | undefined> {
  if (hosts.length === 0) {
    stderr.write(`No host was found. To add the server to a host, see: ${ownCommand('install --help')}\n`)
    return undefined
  }
  const rows = hosts.map(({ title, path }, at) => `  ${at + 1}  ${title}  (${path})\n`)
  stderr.write(`Which host should use it?\n${rows.join('')}  0  none\n`)
  for (;;) {
    const text = await asking.line('Number: ')
    if (text === '0') return undefined
    const chosen = hosts[Number(text) - 1]
    if (chosen) return chosen
    stderr.write(`${quote(text)} is not one of 0 to ${hosts.length}.\n`)
  }
}

const isHere = ({ path, name, isThere }: Host): boolean => (name === 'claude-code' ? existsSync(path) : isThere())
