// Which process listens on a TCP port of this machine, if the system tells: for the error that says that a port is in use.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { childEnvironment } from './childEnvironment.ts'
import { system32Of } from './programs.ts'

/** Where macOS keeps it. */
const LSOF = '/usr/sbin/lsof'

interface Tools {
  readonly platform: NodeJS.Platform
  readonly lsof: string
  /** Where Windows keeps netstat and tasklist. */
  readonly system32: string
}

/** `name (pid 123)`, or undefined if the system does not tell. */
export async function portHolder(port: number, tools: Partial<Tools> = {}): Promise<string | undefined> {
  const { platform = process.platform, lsof = LSOF, system32 = system32Of(process.env) } = tools
  try {
    if (platform === 'linux') return holderFromProc(port)
    if (platform === 'darwin') return await holderFromLsof(port, lsof)
    if (platform === 'win32') return await holderFromNetstat(port, system32)
  } catch {
    // Other users' processes are not shown; then the error has no name.
  }
  return undefined
}

/** /proc/net/tcp names the socket's inode, one of some process's descriptors points to it (proc(5)). */
function holderFromProc(port: number): string | undefined {
  const LISTEN = '0A'
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = ['tcp', 'tcp6'].flatMap((name) => readLines(`/proc/net/${name}`)).map((line) => line.trim().split(/\s+/))
  const inodes = new Set(
    rows.filter((row) => row[1]?.endsWith(suffix) && row[3] === LISTEN).map((row) => `socket:[${row[9]}]`),
  )
  if (inodes.size === 0) return undefined
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (descriptorsOf(pid).some((target) => inodes.has(target)))
      return `${readLines(`/proc/${pid}/comm`)[0] ?? 'a program'} (pid ${pid})`
  }
  return undefined
}

/** What the descriptors of a process point to; empty if we may not see them. */
export function descriptorsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkOrEmpty(`/proc/${pid}/fd/${fd}`))
  } catch {
    return []
  }
}

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Empty if the file does not exist. */
export function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}

/** It needs nothing of our environment, which may hold secrets. */
async function holderFromLsof(port: number, lsof: string): Promise<string | undefined> {
  const found = await outputOf(lsof, ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], {})
  const pid = /^p(\d+)$/m.exec(found)?.[1]
  return pid === undefined ? undefined : `${/^c(.+)$/m.exec(found)?.[1] ?? 'a program'} (pid ${pid})`
}

/** The words for a state are in the system's language; a listener is the row whose other end has port 0. */
async function holderFromNetstat(port: number, system32: string): Promise<string | undefined> {
  const environment = { SystemRoot: dirname(system32) }
  const rows = await outputOf(join(system32, 'netstat.exe'), ['-a', '-n', '-o'], environment)
  const pid = rows
    .split(/\r?\n/)
    .map((row) => /^\s*TCP\s+\S+:(\d+)\s+\S+:0\s.*?(\d+)\s*$/.exec(row))
    .find((row) => Number(row?.[1]) === port)?.[2]
  if (pid === undefined) return undefined
  const words = ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH']
  const listed = await outputOf(join(system32, 'tasklist.exe'), words, environment)
  const name = new RegExp(`^"([^"]+)","${pid}"`, 'm').exec(listed)?.[1]
  return `${name ?? 'a program'} (pid ${pid})`
}

/** What a program of the system prints; '' if it cannot be started, fails or takes long. */
function outputOf(program: string, words: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    const options = { timeout: 2_000, env: childEnvironment(environment), windowsHide: true }
    try {
      execFile(program, words, options, (_error, stdout) => resolve(stdout))
    } catch {
      // Node tells some failures by an event, and throws the others.
      resolve('')
    }
  })
}
