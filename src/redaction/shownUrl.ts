// The address of a server as others may see it: a model, a page, a notice. Some users put keys into its query or path.
import { ownCommand } from '../ownCommand.ts'
import { shellQuote } from '../shellQuote.ts'
import { isKey, isOpaque, isSecretHeader } from './names.ts'
import { withoutQueries } from './text.ts'

/** Unchanged if nothing in it may be a secret; else without its query and with a mark for each such part of its path. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return withoutQueries(text)
  const { origin, pathname, search, hash, username, password } = new URL(text)
  if (search === '' && hash === '' && username === '' && password === '' && !pathname.split('/').some(isSecret))
    return text
  const path = pathname.split('/').map((part) => (isSecret(part) ? '…' : part))
  return `${origin}${path.join('/')}${search === '' ? '' : '?…'}`
}

/** The parts of an address's path that may be secrets, encoded and decoded. */
export const secretSegments = (url: URL): string[] =>
  url.pathname.split('/').flatMap((part) => (isSecret(part) ? [part, plain(part)] : []))

/**
 * The address as the name of a resource (RFC 8707 section 2), unless one is configured: without a query that contains a
 * key, and only up to a part of the path that may be one. The authorization server, and anyone who sees its address, can read it.
 */
export function resourceName(url: URL): string {
  const parts = url.pathname.split('/')
  const secret = parts.findIndex((part) => isKey(plain(part)))
  if (secret !== -1) return `${url.origin}${parts.slice(0, secret).join('/')}`
  const isKeyed = [...url.searchParams].some(([name, value]) => isSecretHeader(name, value))
  return isKeyed ? `${url.origin}${url.pathname}` : url.href
}

/** The command that signs in; a person has to insert an address that must not be shown. */
export const loginCommand = (server: string, profile: string, name?: string): string =>
  ownCommand('login', ...targetWords(server, profile, name))

/** The words that name a server and a profile in a command, for a shell. */
export function targetWords(server: string, profile: string, name?: string): string[] {
  const named = name ?? (shownUrl(server) === server ? server : undefined)
  const target = named === undefined ? '"<the address of this server, as your host has it>"' : shellQuote(named)
  return [target, ...(profile === 'default' ? [] : ['--profile', shellQuote(profile)])]
}

const isSecret = (part: string) => isOpaque(part) || isOpaque(plain(part))

function plain(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
