// Programs from the system that some tests need: real browser, real keychain.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Program → Debian package. */
const PROGRAMS = {
  chromium: 'chromium',
  'gnome-keyring-daemon': 'gnome-keyring',
  'dbus-run-session': 'dbus-daemon',
  sqlite3: 'sqlite3',
  tmux: 'tmux',
  openssl: 'openssl',
} as const

export type Program = keyof typeof PROGRAMS

export function has(program: Program): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** Debian packages to install for all tests. */
export function missing(): string[] {
  return (Object.keys(PROGRAMS) as Program[]).filter((program) => !has(program)).map((program) => PROGRAMS[program])
}
