// Names this process so that others can tell later whether it is gone: its id and start in its machine's current run.
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Holders } from '../../ports.ts'

/** The state of a process that has ended and whose parent has not noticed yet; its other threads may still hold its port. */
const ENDED = ['Z', 'X']

let ours: string | undefined

export const holders: Holders = {
  /** Nothing about the process changes while it runs. */
  self: () => {
    ours ??= `${process.pid} ${stateOf(process.pid)?.start ?? '-'} ${placeOfIds()}`
    return ours
  },
  isGone(holder) {
    const [pid = '', start, ...place] = holder.split(' ')
    // In another container, or before a restart, the same id is another process.
    if (!/^[1-9]\d*$/.test(pid) || place.join(' ') !== placeOfIds()) return false
    if (process.platform !== 'linux') return !isThere(Number(pid))
    const state = stateOf(Number(pid))
    return state === undefined ? !isThere(Number(pid)) : state.isEnded || state.start !== start
  },
}

/** Whether a process has ended, and its start (proc_pid_stat(5)); undefined: it is not there, or there is no /proc. */
function stateOf(pid: number) {
  // The name in parentheses may contain anything.
  const fields = read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')
  const [letter, threads, start] = [fields?.[0], fields?.[17], fields?.[19]]
  if (letter === undefined || start === undefined) return undefined
  return { isEnded: ENDED.includes(letter) && Number(threads) <= 1, start }
}

/** Where a process id means one process: this run of this machine, in this container. */
function placeOfIds(): string {
  if (process.platform !== 'linux') return hostname()
  return `${read('/proc/sys/kernel/random/boot_id')?.trim()} ${namespaceOfIds()}`
}

function namespaceOfIds() {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

function read(path: string) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
