// The MCP Inspector, by its command line: one request to a server that it starts, or over HTTP with a sign-in of its own.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { openBrowsing } from './browsing.ts'

const PACKAGE = createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json')
const LAUNCHER = join(dirname(PACKAGE), 'clients/launcher/build/index.js')

export const inspectorVersion = (): string => JSON.parse(readFileSync(PACKAGE, 'utf8')).version

export interface InspectorOptions {
  /** The server: a program and its words. */
  readonly server: readonly string[]
  /** Given on to the server; the Inspector hands only a few variables on by itself, as hosts do. */
  readonly environment: Readonly<Record<string, string>>
}

/** @throws Error with all it wrote, where it ends with a failure */
export function inspect({ server, environment }: InspectorOptions, request: readonly string[]): Promise<string> {
  const given = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [LAUNCHER, '--cli', ...given, ...server, ...request],
      { env: { ...environment } },
      (error, stdout, stderr) =>
        error ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`)) : resolve(stdout),
    )
  })
}

export interface InspectorAt {
  /** Of an MCP server over HTTP. */
  readonly url: string
  /** Its own data, with tokens, is kept there. */
  readonly home: string
  readonly callbackUrl: string
}

/**
 * One request over HTTP: where it wants somebody to sign in, a browser without a window goes there. Gives its answer, and the addresses that
 * it wanted opened. @throws Error with all it wrote, where it ends with a failure
 */
export function inspectOverHttp({ url, home, callbackUrl }: InspectorAt, request: readonly string[]) {
  const tabs: URL[] = []
  const words = ['--cli', '--server-url', url, '--callback-url', callbackUrl, '--format', 'json', ...request]
  // Without a terminal it signs in only where it may open a browser, which does nothing here.
  const own = { MCP_AUTO_OPEN_ENABLED: 'true', BROWSER: '/bin/true', MCP_INSPECTOR_SECRET_STORE: 'file' }
  return new Promise<{ result: any; tabs: URL[] }>((resolve, reject) => {
    const env = { PATH: process.env.PATH, HOME: home, ...own }
    const child = execFile(process.execPath, [LAUNCHER, ...words], { env }, (error, stdout, stderr) =>
      error
        ? reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
        : resolve({ result: JSON.parse(stdout).result, tabs }),
    )
    let said = ''
    child.stderr?.on('data', (chunk) => {
      said += chunk
      const [, address] = /navigate to: (\S+)\s/.exec(said) ?? []
      if (address === undefined || tabs.length > 0) return
      tabs.push(new URL(address))
      openBrowsing()
        .follow(address)
        .then(({ url: end, text }) => {
          if (!end.href.startsWith(callbackUrl)) throw new Error(`The sign-in ended at ${end}: ${text}`)
        })
        .catch((thrown) => {
          reject(thrown)
          child.kill()
        })
    })
  })
}
