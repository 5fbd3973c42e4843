// Notices that the parent process is gone: the pipes of a host that crashed may stay open.

const EVERY_MS = 1_000

/** Calls `onGone` once; stop with what it returns. Costs one system call a second and keeps no process alive. */
export function watchParent(onGone: () => void): () => void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (isThere(parent)) return
    clearInterval(timer)
    onGone()
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** An orphan gets another parent, but on Windows, where the id stays and the process behind it is gone. */
function isThere(parent: number): boolean {
  if (process.platform !== 'win32') return process.ppid === parent
  try {
    return process.kill(parent, 0)
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}
