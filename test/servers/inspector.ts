// The MCP Inspector, by its command line: one request to a server that it starts.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

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
