// Whether a folder is on another machine: SQLite's WAL mode needs memory that all its users share (sqlite.org/wal.html).
import { statfsSync } from 'node:fs'

/** Linux's numbers of file systems on another machine, or shared with another system (statfs(2)). */
const TYPES: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9P, as WSL has drives of Windows',
  2020557398: 'VirtualBox shared folders',
  1397113167: 'AFS',
  12805120: 'Ceph',
}

/** The kind of drive; undefined: it is on this machine, or the system does not tell. `folder` exists. */
export function networkDrive(
  folder: string,
  { platform, typeOf }: { platform: NodeJS.Platform; typeOf: (folder: string) => number } = {
    platform: process.platform,
    typeOf: (path) => statfsSync(path).type,
  },
): string | undefined {
  // A drive letter may stand for one too; Windows tells that only to its own programs.
  if (platform === 'win32') return /^[\\/]{2}(?![?.][\\/])/.test(folder) ? 'a network share' : undefined
  if (platform !== 'linux') return undefined
  try {
    return TYPES[typeOf(folder) >>> 0]
  } catch {
    return undefined
  }
}
