// The working folder of this process: where it is, and how to leave it.
import { parse } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { homeFolder } from '../disk/homeFolder.ts'

/** Goes on in the home folder, or in the root where there is none. A thread stays where its process is. */
export function goHome(): void {
  if (!isMainThread) return
  try {
    process.chdir(homeFolder())
  } catch {
    process.chdir(parse(process.execPath).root)
  }
}

/** The working folder. If it was deleted, this process goes home. */
export function workingFolder(): string {
  try {
    return process.cwd()
  } catch {
    goHome()
    return process.cwd()
  }
}
