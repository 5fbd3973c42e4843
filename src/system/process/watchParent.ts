// Notices that the parent process is gone: the pipes of a host that crashed may stay open.

const EVERY_MS = 1_000

/** Calls `onGone` once; returns a function that stops it. Costs one system call per second and keeps no process alive. */
export function watchParent(onGone: () => void): () => void {
  const parent = process.ppid
  // A launcher that ended at once was not the host: there, only the end of stdin counts.
  if (!isThere(parent)) return () => undefined
  const timer = setInterval(() => {
    if (isThere(parent)) return
    clearInterval(timer)
    onGone()
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** An orphan gets another parent, except on Windows, where the id is kept although the process is gone. */
function isThere(parent: number): boolean {
  if (process.platform !== 'win32') return process.ppid === parent
  try {
    return process.kill(parent, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}
