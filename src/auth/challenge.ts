// WWW-Authenticate → Challenge (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1).
import { present } from '../present.ts'
import type { Challenge } from '../records.ts'

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
/** Elements of the list: a comma inside a quoted string does not end one. */
const ELEMENT = /(?:"(?:[^"\\]|\\.)*"|[^",]|")+/g
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s",]+))$`, 's')
const SCHEME = new RegExp(`^(${TOKEN})(?:\\s+(.*))?$`, 's')

/** Cannot be the name of a parameter, because it contains a space. */
const DPOP = 'scheme dpop'

/** Addresses of resource metadata that are read, over all challenges. */
const MOST_ADDRESSES = 4

/** Reads the Bearer (or DPoP) challenge; parameters of other schemes are ignored. */
export function parseChallenge(status: number, header: string | string[] | undefined): Challenge {
  const { found, metadata } = read(header)
  const [resourceMetadata, ...more] = [...metadata].slice(0, MOST_ADDRESSES)
  return present({
    status,
    error: found.get('error'),
    scope: found.get('scope')?.trim() || undefined,
    resourceMetadata,
    moreResourceMetadata: more.length > 0 ? more : undefined,
    scheme: found.has(DPOP) ? 'dpop' : undefined,
  })
}

/** `error_description` of the same challenge; '' where it has none. Foreign text. */
export function describedIn(header: string | string[] | undefined): string {
  return read(header).found.get('error_description')?.trim() ?? ''
}

/** The parameters by name, without the addresses of resource metadata, which may be several. */
function read(header: string | string[] | undefined) {
  const found = new Map<string, string>()
  const metadata = new Set<string>()
  for (const text of [header ?? []].flat()) readInto(found, metadata, text)
  return { found, metadata }
}

function readInto(found: Map<string, string>, metadata: Set<string>, text: string): void {
  let scheme = ''
  for (const element of text.match(ELEMENT) ?? []) {
    const part = element.trim()
    // "name=value" belongs to the scheme before it; anything else begins a scheme, with a token68 or its first parameter.
    const begins = PARAMETER.test(part) ? undefined : SCHEME.exec(part)
    if (begins) scheme = begins[1]?.toLowerCase() ?? ''
    if (scheme === 'dpop') found.set(DPOP, '')
    const parameter = PARAMETER.exec(begins ? (begins[2] ?? '') : part)
    if (!parameter || (scheme !== 'bearer' && scheme !== 'dpop')) continue
    const [, name = '', quoted, token] = parameter
    const value = quoted?.replace(/\\(.)/gs, '$1') ?? token ?? ''
    if (name.toLowerCase() === 'resource_metadata') metadata.add(value)
    else found.set(name.toLowerCase(), value)
  }
}
