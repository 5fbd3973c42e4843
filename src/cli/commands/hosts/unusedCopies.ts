// Private copies of this program that no host starts any more: uninstall removes them, and reset all of them.
import { defaultPaths } from '../../../config/paths.ts'
import { textOf } from '../../../hosts/hostFile.ts'
import { type Host, hostsOfHome } from '../../../hosts/hosts.ts'
import { pinnedCopies, removePinned } from '../../../system/files/pinnedCopy.ts'
import type { ProcessIO } from '../../process.ts'

/** After an entry is gone. */
export function removeUnusedCopies({ environment, stderr }: ProcessIO): void {
  for (const { folder } of pinnedCopies(defaultPaths(environment).data)) {
    if (hostsOf(folder, environment).length > 0) continue
    const kept = `note: ${folder} could not be removed: a host still runs it. reset removes it later.\n`
    stderr.write(removePinned(folder) ? `Removed ${folder}\n` : kept)
  }
}

/** Hosts whose file names `folder`, or cannot be read. */
export function hostsOf(folder: string, environment: NodeJS.ProcessEnv): Host[] {
  const quoted = JSON.stringify(folder).slice(1, -1)
  return hostsOfHome(environment).filter((host) => {
    try {
      const text = textOf(host)
      return text.includes(folder) || text.includes(quoted)
    } catch {
      return true
    }
  })
}
