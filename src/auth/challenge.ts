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

/** Reads the Bearer (or DPoP) challenge; parameters of other schemes are ignored. */
export function parseChallenge(status: number, header: string | string[] | undefined): Challenge {
  const found = new Map<string, string>()
  for (const text of header === undefined ? [] : [header].flat()) readInto(found, text)
  return present({
    status,
    error: found.get('error'),
    scope: found.get('scope')?.trim() || undefined,
    resourceMetadata: found.get('resource_metadata'),
    scheme: found.has(DPOP) ? 'dpop' : undefined,
  })
}

function readInto(found: Map<string, string>, text: string): void {
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
    found.set(name.toLowerCase(), quoted?.replace(/\\(.)/gs, '$1') ?? token ?? '')
  }
}
