// Where the entry of a server goes in a host's file: in place of the entry that is the same server already, else under a name that
// nobody has.
import { BridgeError } from '../errors.ts'
import { quote } from '../redaction/text.ts'
import { ourWords } from './entry.ts'
import type { JsonObject } from './format/jsonText.ts'
import type { Host } from './hosts.ts'
import { mcpRemoteServer } from './mcpRemote.ts'

/** What makes two entries the same: what a person would call one sign-in. */
export interface Identity {
  /** As it is typed: a URL, or a name of the config file. */
  readonly target: string
  readonly profile: string | undefined
  /** The config file that the entry names; undefined: the default one. */
  readonly config: string | undefined
}

export interface Wanted extends Identity {
  /** The URL, if the target is known. */
  readonly url: string | undefined
}

/** undefined: the words would start nothing. */
export type Identify = (words: readonly string[]) => Identity | undefined

export interface Placement {
  readonly name: string
  /** The entry that stands there now. */
  readonly old: JsonObject | undefined
}

/**
 * `asked` is the name that a person chose; `usual` the one that is taken otherwise.
 * @throws BridgeError usage where the chosen name belongs to something else
 */
export function placementOf(
  host: Host,
  servers: JsonObject,
  wanted: Wanted,
  { asked, usual }: { readonly asked: string | undefined; readonly usual: string },
  identify: Identify,
): Placement {
  const entryOf = (name: string) => (Object.hasOwn(servers, name) ? servers[name] : undefined)
  const isSame = (name: string) => isSameServer(name, entryOf(name), wanted, identify)
  const old = (name: string) => entryOf(name) as JsonObject | undefined
  if (asked !== undefined) {
    if (entryOf(asked) === undefined || isSame(asked)) return { name: asked, old: old(asked) }
    throw new BridgeError('usage', {
      message: `${host.title} already has a different server named ${quote(asked)}.`,
      hint: 'Choose another name with --name.',
    })
  }
  // mcp-remote's entry may have a name that we would not give.
  const same = [usual, wanted.target].find(isSame) ?? Object.keys(servers).find(isSame)
  if (same !== undefined) return { name: same, old: old(same) }
  return { name: freeName(usual, wanted, (name) => entryOf(name) === undefined), old: undefined }
}

/** The usual name, with what tells the two apart; else a number. */
function freeName(usual: string, { profile, url }: Wanted, isFree: (name: string) => boolean): string {
  const path = url === undefined ? [] : new URL(url).pathname.split('/').filter((part) => part !== '' && part !== 'mcp')
  const more = [...(profile === undefined || profile === 'default' ? [] : [profile]), ...path.slice(0, 1)]
  const told = more.map((part) => short(`${usual}-${part}`))
  const named = [usual, ...told].find(isFree)
  if (named !== undefined) return named
  for (let at = 2; ; at++) if (isFree(short(usual, `-${at}`))) return short(usual, `-${at}`)
}

/** A name that every host takes: letters, digits, - and _, at most 64 of them. */
const short = (name: string, end = '') =>
  name
    .replace(/[^\w-]+/g, '-')
    .slice(0, 64 - end.length)
    .replace(/-+$/, '') + end

function isSameServer(
  name: string,
  entry: unknown,
  { target, url, profile, config }: Wanted,
  identify: Identify,
): boolean {
  const words = ourWords(entry)
  if (!words) {
    const remote = mcpRemoteServer(name, entry)?.url
    return url !== undefined && remote !== undefined && sameAddress(remote, url)
  }
  const theirs = identify(words)
  if (!theirs || (theirs.profile ?? 'default') !== (profile ?? 'default') || theirs.config !== config) return false
  return theirs.target === target || sameAddress(theirs.target, url ?? target)
}

/** However they are written; a fragment is never sent. */
export const sameAddress = (one: string, other: string) => one === other || addressOf(one) === addressOf(other)

/** A text that is no URL is like nothing else. */
function addressOf(text: string): unknown {
  if (!URL.canParse(text)) return Symbol(text)
  const url = new URL(text)
  url.hash = ''
  return url.href
}
