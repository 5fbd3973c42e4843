// A host: starts the bridge as Claude Desktop would, speaks MCP over its stdio, and keeps every line it hears.
import { spawn } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { withPatience } from './patience.ts'
import { within } from './until.ts'

export const PROGRAM = fileURLToPath(new URL('../../bin/mcp-oauth-bridge.js', import.meta.url))

/** `environment` is the whole environment of the bridge, `folder` the working folder of the host. It is patient. */
export function startHost(args: readonly string[], environment: NodeJS.ProcessEnv, folder?: string) {
  const patient = withPatience(args, environment, folder)
  return spawnHost(process.execPath, [PROGRAM, ...patient.args], patient.environment, folder)
}

/** Starts whatever a host's config file says. */
export const spawnHost = (command: string, args: readonly string[], environment: NodeJS.ProcessEnv, folder?: string) =>
  hostOver(spawn(command, args, { env: environment, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] }))

/** What a host needs of the process it has started. */
export interface HostProcess extends EventEmitter {
  readonly pid?: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exitCode: number | null
  kill(signal?: NodeJS.Signals): boolean
}

/** A host whose bridge is this process. */
export function hostOver<Child extends HostProcess>(child: Child) {
  const heard: any[] = []
  const lines: string[] = []
  const rubbish: string[] = []
  const waiting: Map<unknown, (message: any) => void> = new Map()
  const watchers: { test: (message: any) => boolean; resolve: (message: any) => void }[] = []
  let stderr = ''
  let nextId = 1
  const readers: Set<() => void> = new Set()
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    for (const read of readers) read()
  })
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    let message: any
    try {
      message = JSON.parse(line)
    } catch {
      rubbish.push(line)
      return
    }
    heard.push(message)
    for (const watcher of watchers.splice(0)) {
      if (watcher.test(message)) watcher.resolve(message)
      else watchers.push(watcher)
    }
    if (message.method === undefined && waiting.has(message.id)) {
      waiting.get(message.id)?.(message)
      waiting.delete(message.id)
    }
  })
  const exited: Promise<number | null> = new Promise((resolve) => child.once('exit', (code) => resolve(code)))

  const send = (message: unknown) =>
    child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`)
  const request = (method: string, params: unknown = {}): Promise<any> => {
    const id = nextId++
    const answer = new Promise<any>((resolve, reject) => {
      waiting.set(id, resolve)
      void exited.then((code) =>
        reject(new Error(`the bridge ended with ${code} before it answered ${method}: ${stderr}`)),
      )
    })
    send({ jsonrpc: '2.0', id, method, params })
    return within(`an answer to ${method}`, answer, () => stderr)
  }

  return {
    child,
    heard,
    /** Every line of stdout as it came. */
    lines,
    /** Lines of stdout that are not JSON. */
    rubbish,
    send,
    request,
    exited,
    get stderr() {
      return stderr
    },
    /** The first message heard from now on, or before, that passes. */
    async hear(test: (message: any) => boolean): Promise<any> {
      const later = () => new Promise((resolve) => watchers.push({ test, resolve }))
      return heard.find(test) ?? within(`a message that passes ${test}`, later(), () => lines)
    },
    /** The first match in what it says on stderr. */
    says(pattern: RegExp): Promise<string> {
      const said: Promise<string> = new Promise((resolve, reject) => {
        const read = () => {
          const found = pattern.exec(stderr)?.[0]
          if (found !== undefined) resolve(found)
        }
        readers.add(read)
        read()
        void exited.then((code) => reject(new Error(`it ended with ${code}: ${stderr}`)))
      })
      return within(`${pattern} on stderr`, said, () => stderr)
    },
    /** initialize and initialized, as a host does. */
    async initialize(capabilities = {}, protocolVersion = '2025-11-25'): Promise<any> {
      const clientInfo = { name: 'test-host', version: '1.0.0' }
      const answer = await request('initialize', { protocolVersion, capabilities, clientInfo })
      if (answer.result) send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return answer
    },
    /** initialize by the server itself, not in its place. */
    async isMet(): Promise<boolean> {
      const { result } = await this.initialize()
      return result !== undefined && result.serverInfo.name !== 'mcp-oauth-bridge'
    },
    /** Why the server is not there: the host is started all the same, so its first request that needs the server says it. */
    async failure(): Promise<any> {
      const { error } = await this.initialize()
      return error ?? (await request('resources/subscribe', { uri: 'test://any' })).error
    },
    /** Closes stdin and waits for the end. */
    async close() {
      child.stdin.end()
      return exited
    },
  }
}
