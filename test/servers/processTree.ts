// How hosts end what they have started: by a walk from parents to children, by the process group, or by the session.
import { readdirSync, readFileSync } from 'node:fs'

interface Entry {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
}

/** All processes (proc_pid_stat(5)). */
function all(): Entry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
        const [, parent = 0, group = 0, session = 0] = fields.map(Number)
        return [{ pid: Number(name), parent, group, session }]
      } catch {
        return []
      }
    })
}

/** The process and all that descends from it. */
export function treeOf(pid: number): number[] {
  const children = all().filter(({ parent }) => parent === pid)
  return [pid, ...children.flatMap((child) => treeOf(child.pid))]
}

export const groupOf = (pid: number): number[] => membersOf(pid, 'group')
export const sessionOf = (pid: number): number[] => membersOf(pid, 'session')

function membersOf(pid: number, kind: 'group' | 'session'): number[] {
  const entries = all()
  const own = entries.find((entry) => entry.pid === pid)?.[kind]
  return entries.filter((entry) => entry[kind] === own).map((entry) => entry.pid)
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}
