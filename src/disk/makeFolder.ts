// Creates a folder and its parents, and fails at once where Node’s own `recursive` never returns: in /proc, a folder exists and takes no other
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Nothing happens if it exists. `mode`: of each new folder, less the umask. @throws why it cannot be created, as mkdir(2) does */
export function makeFolder(folder: string, mode = 0o700): void {
  // First, because it mostly exists: a mkdir that fails costs more, and a read-only disk refuses it before it looks.
  if (isFolder(folder)) return
  try {
    makeLast(folder, mode)
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    const parent = dirname(folder)
    if (code !== 'ENOENT' || parent === folder || existsSync(parent)) throw thrown
    makeFolder(parent, mode)
    makeLast(folder, mode)
  }
}

function makeLast(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode })
  } catch (thrown) {
    // Another process may have created it in the meantime.
    if (!isFolder(folder)) throw thrown
  }
}

/** Also through a symbolic link; false where a mount is stale. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
