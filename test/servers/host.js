// A host: starts the bridge as Claude Desktop would, speaks MCP over its stdio, and keeps every line it hears.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { within } from './until.js'

export const PROGRAM = fileURLToPath(new URL('../../bin/mcp-oauth-bridge.js', import.meta.url))

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} environment the whole environment of the bridge
 * @param {string} [folder] the working folder of the host
 */
export function startHost(args, environment, folder) {
  return spawnHost(process.execPath, [PROGRAM, ...args], environment, folder)
}

/**
 * Starts whatever a host's config file says.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} environment
 * @param {string} [folder]
 */
export function spawnHost(command, args, environment, folder) {
  const child = spawn(command, args, { env: environment, cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  /** @type {any[]} */
  const heard = []
  /** @type {string[]} */
  const lines = []
  /** @type {string[]} */
  const rubbish = []
  /** @type {Map<unknown, (message: any) => void>} */
  const waiting = new Map()
  /** @type {{ test: (message: any) => boolean, resolve: (message: any) => void }[]} */
  const watchers = []
  let stderr = ''
  let nextId = 1
  /** @type {Set<() => void>} */
  const readers = new Set()
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    for (const read of readers) read()
  })
  child.stdin.on('error', () => undefined)
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    let message
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
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)))

  const send = (/** @type {unknown} */ message) =>
    child.stdin.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`)
  /** @returns {Promise<any>} */
  const request = (/** @type {string} */ method, /** @type {unknown} */ params = {}) => {
    const id = nextId++
    const answer = new Promise((resolve, reject) => {
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
    /** The first message heard from now on, or before, that passes. @returns {Promise<any>} */
    async hear(/** @type {(message: any) => boolean} */ test) {
      const later = () => new Promise((resolve) => watchers.push({ test, resolve }))
      return heard.find(test) ?? within(`a message that passes ${test}`, later(), () => lines)
    },
    /** The first match in what it says on stderr. @returns {Promise<string>} */
    says(/** @type {RegExp} */ pattern) {
      /** @type {Promise<string>} */
      const said = new Promise((resolve, reject) => {
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
    /** initialize and initialized, as a host does. @returns {Promise<any>} */
    async initialize(capabilities = {}, protocolVersion = '2025-11-25') {
      const clientInfo = { name: 'test-host', version: '1.0.0' }
      const answer = await request('initialize', { protocolVersion, capabilities, clientInfo })
      if (answer.result) send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return answer
    },
    /** Closes stdin and waits for the end. */
    async close() {
      child.stdin.end()
      return exited
    },
  }
}
