// Programs from the system that some tests need: real browser, real keychain, real terminal, real shells.
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

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
  initdb: 'postgresql',
  pgbouncer: 'pgbouncer',
  nginx: 'nginx',
} as const

export type Program = keyof typeof PROGRAMS

export const has = (program: Program) => pathOf(program) !== undefined

export function pathOf(program: Program): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', ...postgresFolders()]
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))
}

/** Where Debian keeps the programs of the server, which are on nobody's PATH. */
function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql'
  return existsSync(root) ? readdirSync(root).map((version) => join(root, version, 'bin')) : []
}

/** Debian packages to install for all tests. */
export function missing(): string[] {
  return (Object.keys(PROGRAMS) as Program[]).filter((program) => !has(program)).map((program) => PROGRAMS[program])
}
