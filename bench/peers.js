// The three contenders behind one interface: a direct client in this process, and the bare relay and the bridge over stdio.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { hangUp, post } from './direct.js'
import { INITIALIZE } from './stage.js'

/**
 * @typedef {object} Peer
 * @property {(tool: string, sse: boolean) => Promise<Buffer>} call resolves to the bytes of the answer
 * @property {() => number | undefined} cpuMs CPU time used so far
 * @property {() => Promise<void>} close
 * @property {number} [pid] of a contender that runs in its own process
 */

export const NAMES = /** @type {const} */ (['direct', 'bare', 'bridge'])
/** @typedef {typeof NAMES[number]} Name */

const toolCall = (/** @type {number} */ id, /** @type {string} */ name, /** @type {boolean} */ sse) =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: { sse } } })

/** @param {import('./stage.js').Stage} stage @returns {Promise<Record<Name, Peer>>} */
export async function startPeers(stage) {
  const [bare, bridge] = await Promise.all([startRelay(stage.spawn.bare()), startRelay(stage.spawn.bridge())])
  return { direct: startDirect(stage), bare, bridge }
}

/** @param {import('./stage.js').Stage} stage @returns {Peer} */
function startDirect({ url, bearer }) {
  let id = 0
  return {
    call: (tool, sse) => post(url, bearer, toolCall(++id, tool, sse)),
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
    close: async () => hangUp(),
  }
}

/**
 * From spawn to the answer to `initialize`, in ms; then it ends.
 * @param {() => import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} start
 * @param {string} name
 */
export async function timeToAnswer(start, name) {
  const before = performance.now()
  const child = start()
  child.stdin.write(`${INITIALIZE}\n`)
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`))),
  ])
  const ms = performance.now() - before
  await end(child)
  return ms
}

/** Resolves when `initialize` is answered. @returns {Promise<Peer & { pid: number }>} */
export async function startRelay(
  /** @type {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} */ child,
) {
  /** @type {Map<number, (line: Buffer) => void>} */
  const waiting = new Map()
  const dead = new Promise((_, reject) =>
    child.once('exit', (code, signal) => reject(new Error(`a relay ended with ${code ?? signal}`))),
  )
  dead.catch(() => undefined)
  readLines(child.stdout, (line) => {
    const id = Number(/"id":(\d+)/.exec(line.toString('latin1', 0, 64))?.[1])
    waiting.get(id)?.(line)
    waiting.delete(id)
  })
  const send = (/** @type {number} */ id, /** @type {string} */ line) =>
    Promise.race([dead, new Promise((resolve) => waiting.set(id, resolve) && child.stdin.write(`${line}\n`))])

  await send(0, INITIALIZE)
  child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
  const pid = /** @type {number} */ (child.pid)
  let id = 0
  return {
    pid,
    call: (tool, sse) => send(++id, toolCall(id, tool, sse)),
    cpuMs: () => cpuMsOf(pid),
    close: () => end(child),
  }
}

/** Ends as a host does, by closing stdin. */
export async function end(/** @type {import('node:child_process').ChildProcess} */ child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.stdin?.end()
  await gone
}

/** @param {import('node:stream').Readable} stream @param {(line: Buffer) => void} onLine */
function readLines(stream, onLine) {
  /** @type {Buffer[]} */
  let parts = []
  stream.on('data', (chunk) => {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, at))
      onLine(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts))
      parts = []
      from = at + 1
    }
    if (from < chunk.length) parts.push(chunk.subarray(from))
  })
}

/** Fields 14 and 15 of proc_pid_stat(5) in clock ticks of 10 ms; undefined without /proc. */
function cpuMsOf(/** @type {number} */ pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return undefined
  }
}
