// Makes a report safe to share: removes secrets, accounts and the name of the home folder.
import { homedir } from 'node:os'
import { withoutAccounts, withoutQueries, withoutSecrets } from '../../redaction/text.ts'

/** Every text and every name in `value`. */
export function anonymous<T>(value: T, home = homedir()): T {
  const clean = (text: string) => withoutAccounts(withoutHome(withoutQueries(withoutSecrets(text)), home))
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return clean(part)
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [clean(name), walk(inner)]))
  }
  return walk(value) as T
}

/** Its last folder is the user's name. Windows writes it in any case and with both slashes; JSON doubles the backslash. */
function withoutHome(text: string, home: string): string {
  if (home.length < 2) return text
  const spelt = home.split(/[\\/]/).map((part) => part.replace(/[$()*+.?[\]^{|}]/g, '\\$&'))
  const pattern = `${spelt.join('(?:\\\\\\\\|[\\\\/])')}(?![\\p{L}\\p{N}_-])`
  return text.replace(new RegExp(pattern, process.platform === 'win32' ? 'giu' : 'gu'), '~')
}
