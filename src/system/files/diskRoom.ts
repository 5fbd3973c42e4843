// Whether the disk of a folder has room for a change of the database.
import { statfsSync } from 'node:fs'
import { BridgeError } from '../../errors.ts'

/** One change writes some pages into oauth.db-wal, and oauth.db-shm is 32 KB when it is created (sqlite.org/walformat.html). */
const LEAST_KB = 64

/** What statfs(2) says; blocks that only root may use are in `bfree`. */
export interface Room {
  readonly bsize: number
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
}

/** undefined: there is room, or the system does not tell. `folder` exists. A quota is not seen. */
export function whyNoRoom(
  folder: string,
  { isRoot, roomOf }: { isRoot: boolean; roomOf: (folder: string) => Room } = {
    isRoot: process.getuid?.() === 0,
    roomOf: statfsSync,
  },
): BridgeError | undefined {
  let room: Room
  try {
    room = roomOf(folder)
  } catch {
    return undefined
  }
  const leftKb = Math.floor(((isRoot ? room.bfree : room.bavail) * room.bsize) / 1024)
  // Some network drives have no numbers.
  if (room.blocks === 0 || leftKb >= LEAST_KB) return undefined
  return new BridgeError('database_unreachable', {
    message: `The database cannot be changed: the disk of ${folder} is full (${leftKb} KB left).`,
    hint: 'Free space on that disk, or set MCP_OAUTH_BRIDGE_HOME or database_url to a folder on another one.',
  })
}
