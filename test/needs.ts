// Programs from the system that some tests need: real browser, real keychain, real database, real terminal, real shells.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { whyNoPgBouncer, whyNoPostgres } from './servers/postgres.ts'

/** Program → Debian package. */
const PROGRAMS = {
  chromium: 'chromium',
  'gnome-keyring-daemon': 'gnome-keyring',
  'dbus-run-session': 'dbus-daemon',
  sqlite3: 'sqlite3',
  tmux: 'tmux',
  zsh: 'zsh',
  fish: 'fish',
  openssl: 'openssl',
} as const

export type Program = keyof typeof PROGRAMS

export const has = (program: Program) => pathOf(program) !== undefined

export function pathOf(program: Program): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))
}

/** Debian packages to install for all tests. */
export function missing(): string[] {
  return [
    ...(Object.keys(PROGRAMS) as Program[]).filter((program) => !has(program)).map((program) => PROGRAMS[program]),
    ...(whyNoPostgres() === undefined ? [] : ['postgresql']),
    ...(whyNoPgBouncer() === undefined ? [] : ['pgbouncer']),
  ]
}
