// Where Claude Desktop keeps its servers: on Windows it may be a package with a folder of its own.
import type { Host } from './hosts.ts'
import { hasFile, type Machine, namesIn, pathOf, settingsFolder } from './machine.ts'

/**
 * On Windows it is an MSIX package since February 2026: it reads the file in the package's folder, and sees the one of the person only
 * as long as that does not exist.
 */
export function claudeDesktop(machine: Machine): Pick<Host, 'path' | 'seenAt' | 'note' | 'traces'> {
  const { platform, home, environment } = machine
  const has = hasFile(machine)
  const { join } = pathOf(machine)
  const file = (settings: string) => join(settings, 'Claude', 'claude_desktop_config.json')
  const usual = file(settingsFolder(machine))
  const packages = join(environment.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Packages')
  const found = platform === 'win32' ? namesIn(machine)(packages).filter((name) => /^Claude_/i.test(name)) : []
  const candidates = [...found].sort().map((name) => join(packages, name, 'LocalCache', 'Roaming'))
  // What an older package left behind has no file, or none that the app writes.
  const settings = candidates.find((folder) => has(file(folder))) ?? candidates[0]
  if (settings === undefined) return { path: usual, traces: [join(settingsFolder(machine), 'Claude')] }
  const path = file(settings)
  const note = `Claude Desktop is installed as a Windows package, which reads ${path} and not ${usual}.`
  return { path, seenAt: usual, note, traces: [join(settings, '..', '..')] }
}
