// A set of names of tools, of which a server may have any number: beyond a limit in characters, no more are remembered.

/** In characters, of all names. */
const MOST = 256 * 1024
/** A longer name is not remembered. */
export const LONGEST_TOOL_NAME = 1024

export interface Names {
  has(name: string): boolean
  add(name: string): void
  delete(name: string): void
}

export function createNames(): Names {
  const names = new Set<string>()
  let length = 0
  return {
    has: (name) => names.has(name),
    add(name) {
      if (name.length > LONGEST_TOOL_NAME || names.has(name) || length + name.length > MOST) return
      names.add(name)
      length += name.length
    },
    delete(name) {
      if (names.delete(name)) length -= name.length
    },
  }
}
