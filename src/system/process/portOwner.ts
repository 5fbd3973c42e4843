// Which process listens on a TCP port of this machine, if the system tells: for the error that says that a port is in use.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Where macOS keeps it. */
const LSOF = '/usr/sbin/lsof'

/** `name (pid 123)`, or undefined if the system does not tell. */
export async function portHolder(
  port: number,
  { platform, lsof } = { platform: process.platform, lsof: LSOF },
): Promise<string | undefined> {
  try {
    if (platform === 'linux') return holderFromProc(port)
    if (platform === 'darwin') return await holderFromLsof(port, lsof)
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
function holderFromLsof(port: number, lsof: string): Promise<string | undefined> {
  const options = { timeout: 2_000, env: {} }
  return new Promise((resolve) => {
    execFile(lsof, ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], options, (_error, stdout) => {
      const pid = /^p(\d+)$/m.exec(stdout)?.[1]
      resolve(pid === undefined ? undefined : `${/^c(.+)$/m.exec(stdout)?.[1] ?? 'a program'} (pid ${pid})`)
    })
  })
}
