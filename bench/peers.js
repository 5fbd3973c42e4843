// The contenders behind one interface: for each era a direct client in this process and the bare relay, and a bridge for each pair of eras.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { hangUp, post } from './direct.js'
import { OPENINGS, toolCall } from './messages.js'

/** @typedef {import('./messages.js').Era} Era */

/**
 * @typedef {object} Peer
 * @property {(tool: string, sse: boolean) => Promise<Buffer>} call resolves to the bytes of the answer
 * @property {() => number | undefined} cpuMs CPU time used so far
 * @property {() => Promise<void>} close
 * @property {number} [pid] of a contender that runs in its own process
 */

/** What runs, and the eras of its host and its server. */
export const CONTENDERS = /** @type {const} */ ({
  'direct 2025': { kind: 'direct', host: '2025', server: '2025' },
  'bare 2025': { kind: 'bare', host: '2025', server: '2025' },
  'bridge 2025-2025': { kind: 'bridge', host: '2025', server: '2025' },
  'direct 2026': { kind: 'direct', host: '2026', server: '2026' },
  'bare 2026': { kind: 'bare', host: '2026', server: '2026' },
  'bridge 2026-2026': { kind: 'bridge', host: '2026', server: '2026' },
  'bridge 2025-2026': { kind: 'bridge', host: '2025', server: '2026' },
  'bridge 2026-2025': { kind: 'bridge', host: '2026', server: '2025' },
})
/** @typedef {keyof typeof CONTENDERS} Name */
export const NAMES = /** @type {Name[]} */ (Object.keys(CONTENDERS))

/** @param {import('./stage.js').Stage} stage @param {readonly Name[]} names @returns {Promise<Map<Name, Peer>>} */
export async function startPeers(stage, names) {
  /** @type {Map<Name, Peer>} */
  const peers = new Map()
  for (const name of names) {
    const { kind, host, server } = CONTENDERS[name]
    const peer = kind === 'direct' ? startDirect(stage, host) : await startRelay(stage.spawn[kind](server), host)
    peers.set(name, peer)
  }
  return peers
}

/** @param {import('./stage.js').Stage} stage @param {Era} era @returns {Peer} */
function startDirect({ urls, bearer }, era) {
  let id = 0
  return {
    call: (tool, sse) => post(urls[era], bearer, era, toolCall(era, ++id, tool, sse)),
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
    close: async () => hangUp(),
  }
}

/**
 * From spawn to the answer to the host's first request, in ms; then it ends.
 * @param {() => import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} start
 * @param {string} name
 * @param {Era} [host]
 */
export async function timeToAnswer(start, name, host = '2025') {
  const before = performance.now()
  const child = start()
  child.stdin.write(`${OPENINGS[host].request}\n`)
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`))),
  ])
  const ms = performance.now() - before
  await end(child)
  return ms
}

/** Resolves when the host's first request is answered. @returns {Promise<Peer & { pid: number, ask: (message: (id: number) => string) => Promise<Buffer> }>} */
export async function startRelay(
  /** @type {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, null>} */ child,
  /** @type {Era} */ host = '2025',
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

  const opening = OPENINGS[host]
  await send(0, opening.request)
  if (opening.next) child.stdin.write(`${opening.next}\n`)
  const pid = /** @type {number} */ (child.pid)
  let id = 0
  return {
    pid,
    call: (tool, sse) => send(++id, toolCall(host, id, tool, sse)),
    ask: (message) => send(++id, message(id)),
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
export function cpuMsOf(/** @type {number} */ pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  } catch {
    return undefined
  }
}
