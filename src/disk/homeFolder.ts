// The home folder of this person: what HOME says, else the system's user database. A container may give a process neither.
import { homedir, userInfo } from 'node:os'
import { isAbsolute } from 'node:path'
import { BridgeError } from '../errors.ts'

/** Each throws where it knows nothing. Node reads HOME, on Windows USERPROFILE, for the first. */
const SOURCES: readonly (() => string)[] = [homedir, () => userInfo().homedir]

/** The first absolute one, because a relative one would be below the working folder; undefined: there is none. */
export function knownHome(sources = SOURCES): string | undefined {
  for (const source of sources) {
    const folder = given(source)
    if (folder !== undefined && isAbsolute(folder)) return folder
  }
  return undefined
}

/** For what cannot go on without one. @throws BridgeError usage */
export function homeFolder(sources = SOURCES): string {
  const folder = knownHome(sources)
  if (folder !== undefined) return folder
  const variable = process.platform === 'win32' ? 'USERPROFILE' : 'HOME'
  throw new BridgeError('usage', {
    message: `The home folder is not known: ${variable} is not an absolute path, and the system knows none for this user.`,
    hint: `Set ${variable} to an absolute path. For all but the files of hosts, MCP_OAUTH_BRIDGE_HOME is enough.`,
  })
}

function given(source: () => string): string | undefined {
  try {
    return source()
  } catch {
    return undefined
  }
}
