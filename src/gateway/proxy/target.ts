// The URL at an MCP server for a request to the gateway
import type { ServedServer } from '../settings.ts'

/** By the server: parsed once, and the same object each time, which is how the HTTP client knows its connections. */
const bases = new WeakMap<ServedServer, URL>()

/**
 * @param rest what follows the server's path at the gateway, decoded; `''` or `/` for the server itself
 * @param search of the request, with its question mark, or `''`
 * @returns undefined where nothing is below the server's URL
 */
export function targetOf(served: ServedServer, rest: string, search: string): URL | undefined {
  const base = bases.get(served) ?? new URL(served.url)
  bases.set(served, base)
  const isItself = rest === '' || rest === '/'
  if (isItself && search === '') return base
  if (!isItself && !served.subpaths) return undefined
  const url = new URL(base)
  if (!isItself) {
    const folder = base.pathname.replace(/\/$/, '')
    url.pathname = `${folder}${rest}`
    // A path that the parser has shortened would lead out of the server's own.
    if (!url.pathname.startsWith(`${folder}/`) || /[\\%]|\/\.{1,2}(\/|$)/.test(rest)) return undefined
  }
  url.search = searchOf(base, search)
  return url
}

/** Configured parameters stay, and a client cannot give others of the same name. */
function searchOf({ search: own, searchParams }: URL, search: string): string {
  if (own === '' || search === '') return own || search
  const others = search
    .slice(1)
    .split('&')
    .filter((part) => ![...new URLSearchParams(part).keys()].some((name) => searchParams.has(name)))
  return [own, ...others].join('&')
}
