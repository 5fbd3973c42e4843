// Makes a report safe to share: removes secrets, accounts, the home folder and the name of the person's login.
import { userInfo } from 'node:os'
import { knownHome } from '../../disk/homeFolder.ts'
import { withoutAccounts, withoutQueries, withoutSecrets } from '../../redaction/text.ts'

/** Every text and every name in `value`. */
export function anonymous<T>(value: T, home = knownHome(), login = loginName()): T {
  const clean = (text: string) =>
    withoutAccounts(withoutLogin(withoutHome(withoutQueries(withoutSecrets(text)), home), login))
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return clean(part)
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [clean(name), walk(inner)]))
  }
  return walk(value) as T
}

/** A process without an entry in the user database has none. */
function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}

const LOGIN = '[user]'
/** Logins that a report uses as words, and that tell nobody who it is. */
const ORDINARY =
  /^(.{0,2}|root|user|admin|administrator|node|test|mcp|oauth|app|default|home|work|dev|build|runner|ubuntu|debian)$/i

/**
 * Folders under which every system keeps the homes of people, whoever they are; the login as a folder of any path; and where it is
 * no ordinary word, the login anywhere.
 */
function withoutLogin(text: string, login: string): string {
  const homes = text.replace(HOMES, (_, folder: string) => folder + LOGIN)
  if (login === '') return homes
  // Composed or not, and encoded or not; upper and lower case are the same.
  const written = [login.normalize('NFC'), login.normalize('NFD')]
  const spelt = written.flatMap((name) => [name, encodeURIComponent(name), encodeURI(name)])
  const name = `(?:${[...new Set(spelt)].map((one) => one.replace(SPECIAL, '\\$&')).join('|')})`
  const folders = homes.replace(new RegExp(`(?<=[\\\\/])${name}(?=[\\\\/]|$|[\\s"':;,)])`, 'giu'), LOGIN)
  if (ORDINARY.test(login)) return folders
  return folders.replace(new RegExp(`(?<![\\p{L}\\p{N}])${name}(?![\\p{L}\\p{N}])`, 'giu'), LOGIN)
}

/** The name may have spaces on Windows, where a path that goes on tells its end. Some systems keep homes, and others' drives, in another folder. */
const HOMES =
  /((?:^|[^\w.])(?:[a-z]:|\/(?:(?:mnt\/|cygdrive\/)?[a-z]|var|usr|export|private|System\/Volumes\/Data|Volumes\/[^/\n]+))?(?:\\\\|[\\/])(?:home|Users)(?:\\\\|[\\/]))(?:(?<=\\)[^\\/"':;,\n]+(?=\\)|[^\\/\s"':;,]+)/gi

const SPECIAL = /[$()*+.?[\]^{|}]/g

/** Its last folder is the user's name. Windows writes it in any case and with both slashes; JSON doubles the backslash. */
function withoutHome(text: string, home = ''): string {
  if (home.length < 2) return text
  const spelt = home.split(/[\\/]/).map((part) => part.replace(SPECIAL, '\\$&'))
  const pattern = `${spelt.join('(?:\\\\\\\\|[\\\\/])')}(?![\\p{L}\\p{N}_-])`
  return text.replace(new RegExp(pattern, process.platform === 'win32' ? 'giu' : 'gu'), '~')
}
