// Which other processes have a file open, and which holds a lock on it: from /proc on Linux, unknown elsewhere.
import { readdirSync, statSync } from 'node:fs'
import { descriptorsOf, readLines } from './portOwner.ts'

export interface FileHolder {
  readonly pid: number
  readonly name: string
  /** The strongest lock it has on one of the files (fcntl(2)). */
  readonly locks: 'none' | 'read' | 'write'
}

/** Whether the system tells at all. */
export const tellsFileHolders = (platform: NodeJS.Platform = process.platform): boolean => platform === 'linux'

/** Processes of other users are not seen. Those with a write lock come first. */
export function fileHolders(paths: readonly string[]): FileHolder[] {
  if (!tellsFileHolders()) return []
  const locks = locksOn(paths)
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const holders = pids
    .filter((pid) => descriptorsOf(pid).some((target) => paths.includes(target)))
    .map((pid) => {
      const name = readLines(`/proc/${pid}/comm`)[0] ?? 'a program'
      return { pid: Number(pid), name, locks: locks.get(Number(pid)) ?? 'none' } as const
    })
  return holders.sort((a, b) => Number(b.locks === 'write') - Number(a.locks === 'write'))
}

/** Lines of /proc/locks: `1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120` (proc(5)). */
function locksOn(paths: readonly string[]): Map<number, 'read' | 'write'> {
  const inodes = new Set(paths.map((path) => String(statSync(path, { throwIfNoEntry: false })?.ino)))
  const found = new Map<number, 'read' | 'write'>()
  for (const line of readLines('/proc/locks')) {
    const [, kind, pid, inode] = /\b(READ|WRITE)\s+(\d+)\s+[\da-f]+:[\da-f]+:(\d+)/.exec(line) ?? []
    if (inode === undefined || !inodes.has(inode)) continue
    if (kind === 'WRITE' || !found.has(Number(pid))) found.set(Number(pid), kind === 'WRITE' ? 'write' : 'read')
  }
  return found
}
